"""Log probabilities of the model itself, before temperature, penalties and grammar."""

from __future__ import annotations

from collections.abc import Sequence

import torch

Known = tuple[float, tuple[tuple[int, float], ...]]


class Likeliest:
    """Of the rows of `logits` [rows, vocabulary] that ask: `counts` says of how many of the likeliest tokens, None for a row that
    asks for nothing. Made before the logits are changed."""

    def __init__(self, logits: torch.Tensor, counts: Sequence[int | None]) -> None:
        self._counts = {row: count for row, count in enumerate(counts) if count is not None}
        if self._counts:
            asked = logits if len(self._counts) == len(logits) else logits[list(self._counts)]
            self._every = asked.float().log_softmax(-1)
            self._top = self._every.topk(min(max(self._counts.values()), logits.shape[-1]))

    def of(self, tokens: Sequence[int]) -> dict[int, Known]:
        """For each row that asks the log probability of its one of `tokens` [rows], and the likeliest as (id, log probability).
        Waits for the device."""
        if not self._counts:
            return {}
        chosen = torch.tensor([tokens[row] for row in self._counts], device=self._every.device)
        own = self._every.gather(-1, chosen[:, None]).squeeze(-1).tolist()
        top = zip(self._top.indices.tolist(), self._top.values.tolist(), strict=True)
        return {
            row: (mine, tuple(zip(ids, values, strict=True))[:count])
            for (row, count), mine, (ids, values) in zip(self._counts.items(), own, top, strict=True)
        }
