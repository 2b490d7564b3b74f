"""Chooses the next tokens from logits. One uniform number per row decides, so that a seed gives the same answer in any batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

# How many of the likeliest tokens are sorted. The first width that provably holds the choice is used: sorting a
# vocabulary of 128 256 on every step would cost more than a small model's matrices.
WIDTHS = (64, 1024)


@dataclass(frozen=True, slots=True)
class Wish:
    """How one row is sampled: `uniform` in [0, 1) picks a place among the tokens by descending probability."""

    temperature: float = 0.0
    top_p: float = 1.0
    uniform: float = 0.0


def choose(logits: torch.Tensor, wishes: Sequence[Wish]) -> list[int]:
    """One token id for each row of `logits` [rows, vocabulary]."""
    if all(wish.temperature <= 0 for wish in wishes):
        return logits.argmax(-1).tolist()
    table = torch.tensor(
        [(wish.temperature or 1.0, wish.top_p, wish.uniform, wish.temperature <= 0) for wish in wishes],
        dtype=torch.float32, device=logits.device,
    )
    temperature, top_p, uniform, greedy = table.split(1, dim=-1)
    scaled = logits.float() / temperature
    top_p = torch.where(greedy > 0, 0.0, top_p)
    total = scaled.logsumexp(-1, keepdim=True)
    vocabulary = logits.shape[-1]
    for width in (*WIDTHS, vocabulary):
        tokens, certain = _draw(scaled, total, top_p, uniform, min(width, vocabulary))
        if width >= vocabulary or bool(certain.all()):
            break
    return tokens.tolist()


def _draw(
    scaled: torch.Tensor, total: torch.Tensor, top_p: torch.Tensor, uniform: torch.Tensor, width: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The choice among the `width` likeliest tokens [rows], and whether more of them could not change it [rows, 1].

    Kept are the likeliest tokens up to the one that brings the sum to `top_p`, at least one.
    """
    values, ids = scaled.topk(width)
    probabilities = (values - total).exp()
    sums = probabilities.cumsum(-1)
    # What a grammar excludes has no probability and is never kept, wherever the sums are rounded to.
    kept = (((sums - probabilities) < top_p) & (values > float("-inf"))).sum(-1, keepdim=True).clamp(min=1)
    mass = sums.gather(-1, kept - 1)
    # With top_p 1 everything is kept, and the mass of everything is known without sorting it.
    mass = torch.where(top_p >= 1, 1.0, mass)
    aim = uniform * mass
    place = torch.minimum(torch.searchsorted(sums, aim, right=True), kept - 1)
    certain = torch.where(top_p >= 1, aim < sums[:, -1:], sums[:, -1:] >= top_p)
    return ids.gather(-1, place).squeeze(-1), certain
