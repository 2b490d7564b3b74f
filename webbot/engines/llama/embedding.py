"""Texts that are read for their meaning: the mean of the model's last hidden states over the tokens of each text.

They wait and take turns like the prompt of an answer. Short texts are read together, side by side in one slot.
"""

from __future__ import annotations

import queue
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import torch

from webbot.engines.llama.scheduler import Answer
from webbot.errors import Problem


@dataclass(frozen=True, slots=True)
class Piece:
    """What one pass reads: a part of one text that begins at its position `start`, or several whole texts (`start` is 0).

    `lengths` are the tokens of each text's part, `positions` count anew in each text.
    """

    start: int
    lengths: Sequence[int]
    ids: Sequence[int]
    positions: Sequence[int]


@dataclass(eq=False, slots=True, kw_only=True)
class Embedding(Answer):
    """The texts of one request. The first `skipped` tokens of each are read, but not part of its mean.

    `events` receives a vector (a list of floats, of unit length) for each text in order, then "stop" or a Problem.
    """

    prompt: Sequence[int] = ()
    limit: int = 0
    shares: bool = False
    texts: Sequence[Sequence[int]]
    skipped: int = 0
    events: queue.SimpleQueue[list[float] | str | Problem] = field(default_factory=queue.SimpleQueue)
    _text: int = 0  # the text that is being read, and how many of its tokens were
    _place: int = 0
    _sum: torch.Tensor | None = None  # [hidden size], float32

    def __post_init__(self) -> None:
        self.prompt = list(chain.from_iterable(self.texts))

    def piece(self, longest: int) -> Piece:
        """The next tokens to read, at most `longest`."""
        first = self.texts[self._text]
        if self._place or len(first) > longest:
            stop = min(len(first), self._place + longest)
            return Piece(self._place, [stop - self._place], first[self._place : stop], range(self._place, stop))
        lengths: list[int] = []
        for text in self.texts[self._text :]:
            if sum(lengths) + len(text) > longest:
                break
            lengths.append(len(text))
        together = self.texts[self._text : self._text + len(lengths)]
        return Piece(0, lengths, [*chain.from_iterable(together)], [*chain.from_iterable(map(range, lengths))])

    def take(self, piece: Piece, hidden: torch.Tensor) -> None:
        """`hidden` [tokens, hidden size] are the last hidden states of a piece."""
        for part in hidden.float().split(list(piece.lengths)):
            counted = part[max(0, self.skipped - self._place) :].sum(0)
            self._sum = counted if self._sum is None else self._sum + counted
            self._place += len(part)
            if self._place == len(self.texts[self._text]):
                mean = self._sum / (self._place - self.skipped)
                self.events.put(torch.nn.functional.normalize(mean, dim=0).tolist())
                self._text, self._place, self._sum = self._text + 1, 0, None
