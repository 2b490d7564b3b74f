"""What an answer changes of the logits of single tokens: a bias, and penalties for what was written before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy
import torch

BIAS, FACTOR, MINUS = range(3)
UNMARKED = (0.0, 1.0, 0.0)
FIRST_ROOM = 64


class Marks:
    """A marked token's logit is altered in this order, which is that of llama.cpp, transformers and vLLM: `bias` is added; where
    the prompt or the answer holds the token it is divided by `repetition`, a negative one multiplied (CTRL, arXiv 1909.05858);
    where the answer holds it `presence` is subtracted, and `frequency` for each time.

    Each marked token has its place in two arrays that grow, so that a step copies them as they are.
    """

    def __init__(
        self, bias: Mapping[int, float], presence: float = 0.0, frequency: float = 0.0, repetition: float = 1.0
    ) -> None:
        self._presence, self._frequency, self._repetition = presence, frequency, repetition
        self.grows = bool(presence or frequency or repetition != 1)  # with what is written
        self._places: dict[int, int] = {}
        self._count = 0
        self._tokens = numpy.empty(FIRST_ROOM, numpy.int64)
        self._numbers = numpy.empty((FIRST_ROOM, 3), numpy.float32)
        self._written: set[int] = set()
        for token, value in bias.items():
            self._set(token, BIAS, value)

    def begin(self, prompt: Iterable[int]) -> None:
        """The answer comes after these tokens."""
        if self._repetition != 1:
            for token in set(prompt):
                self._set(token, FACTOR, self._repetition)

    def note(self, token: int) -> None:
        """A token was written."""
        if self.grows:
            self._set(token, FACTOR, self._repetition)
            self._numbers[self._places[token], MINUS] += self._frequency + (0.0 if token in self._written else self._presence)
            self._written.add(token)

    @property
    def tokens(self) -> numpy.ndarray:
        """Each marked token once: int64 [marks]."""
        return self._tokens[: self._count]

    @property
    def numbers(self) -> numpy.ndarray:
        """What is added, what it is divided by, what is subtracted: float32 [marks, 3]."""
        return self._numbers[: self._count]

    def _set(self, token: int, which: int, value: float) -> None:
        place = self._places.setdefault(token, len(self._places))
        if place == len(self._tokens):
            self._tokens = numpy.concatenate([self._tokens, numpy.empty_like(self._tokens)])
            self._numbers = numpy.concatenate([self._numbers, numpy.empty_like(self._numbers)])
        if place == self._count:
            self._tokens[place], self._numbers[place] = token, UNMARKED
            self._count += 1
        self._numbers[place, which] = value


def alter(logits: torch.Tensor, marks: Sequence[tuple[int, Marks]]) -> None:
    """Changes rows of `logits` [rows, vocabulary], contiguous float32, in place: the marks of all rows in one go."""
    marks = [(row, each) for row, each in marks if len(each.tokens)]
    if not marks:
        return
    device, vocabulary = logits.device, logits.shape[-1]
    places = torch.from_numpy(numpy.concatenate([row * vocabulary + each.tokens for row, each in marks]))
    numbers = torch.from_numpy(numpy.concatenate([each.numbers for _, each in marks]))
    places, numbers = places.to(device, non_blocking=True), numbers.to(device, non_blocking=True)
    bias, factor, minus = numbers.unbind(-1)
    flat = logits.view(-1)
    altered = flat[places] + bias
    flat[places] = torch.where(altered > 0, altered / factor, altered * factor) - minus
