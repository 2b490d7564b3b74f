"""What Whisper may write next, as tensors: openai-whisper's filters (whisper/decoding.py) without their look at each token.

Time stamps come in pairs and never go back; the first is at most one second; where all stamps together are likelier than any word
one of them is written.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from webbot.speech import tokenizer

LATEST_FIRST = 50  # time stamps of 20 ms: the latest that a guess may begin with


class Rules:
    """`silent` [vocabulary] is added to the logits: what Whisper never writes. Rows are those of one decoder step."""

    def __init__(self, words: Any, vocabulary: int, device: torch.device, dtype: torch.dtype) -> None:
        self.end, self.stamps, self.vocabulary = words.eot, words.timestamp_begin, vocabulary
        self.silent = torch.zeros(vocabulary, dtype=dtype, device=device)
        self.silent[[*tokenizer.suppressed(words), words.no_timestamps]] = -torch.inf
        self._names = torch.arange(vocabulary, device=device)

    def bar(self, logits: Tensor, token: Tensor, before: Tensor, latest: Tensor, count: Tensor) -> None:
        """Makes -inf in place of logits [rows, vocabulary] what may not follow.

        For each row: its last token, the one before it, its latest time stamp (`stamps` - 1 where there is none), and how many it
        has written. With fewer than two `before` is any time stamp.
        """
        stamped, paired, first = token >= self.stamps, before >= self.stamps, count <= 0
        opened = stamped & ~paired
        words_from = torch.where(first, self.stamps, torch.where(opened, self.end, 0))
        stamps_from = torch.where(stamped & paired, self.vocabulary, latest + ~opened)
        stamps_to = torch.where(first, self.stamps + LATEST_FIRST, self.vocabulary)
        words, stamps = self._names[: self.stamps], self._names[self.stamps :]
        logits[:, : self.stamps].masked_fill_(words < words_from[:, None], -torch.inf)
        logits[:, self.stamps :].masked_fill_((stamps < stamps_from[:, None]) | (stamps > stamps_to[:, None]), -torch.inf)

    def likeliest(self, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of barred logits [rows, vocabulary]: whether a time stamp must follow, the likeliest token, and the logarithm of its
        probability, each [rows]."""
        probabilities = torch.softmax(logits, -1, dtype=torch.float32)
        word, stamp = probabilities[:, : self.stamps].max(-1), probabilities[:, self.stamps :].max(-1)
        together = probabilities[:, self.stamps :].sum(-1)
        timed = together > word.values
        token = torch.where(timed, stamp.indices + self.stamps, word.indices)
        return timed, token, torch.where(timed, stamp.values / together, word.values).log()

    def drawn(self, logits: Tensor, timed: Tensor, temperature: float, uniform: float) -> tuple[Tensor, Tensor]:
        """A token drawn at a temperature from one row's barred logits [vocabulary], and the logarithm of its probability without
        it, each [1]. `uniform` is from 0 up to 1: the place in the sum of all probabilities, taken in float64."""
        open_ones = torch.where(timed & (self._names < self.stamps), -torch.inf, logits.float())
        sums = torch.softmax(open_ones / temperature, -1, dtype=torch.float64).cumsum(-1)
        token = torch.searchsorted(sums, sums[-1:] * uniform, right=True).clamp(max=self.vocabulary - 1)
        return token, torch.log_softmax(open_ones, -1).index_select(0, token)
