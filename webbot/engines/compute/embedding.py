"""Texts that are read for their meaning: the mean of the model's last hidden states over the tokens of each text.

Some of the texts of a request wait and take turns like the prompts of answers, so that several are read in one pass of the model;
when one is done, the next one queues in its stead.
"""

from __future__ import annotations

import queue
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from webbot.engines.compute.answer import Answer
from webbot.errors import Problem


@dataclass(eq=False, slots=True, kw_only=True)
class Text(Answer):
    """One text of a request: its `number` there."""

    embedding: Embedding
    number: int
    limit: int = 0
    shares: bool = False
    reads: bool = True
    sum: torch.Tensor | None = None  # [hidden size], float32


@dataclass(eq=False, slots=True, kw_only=True)
class Embedding:
    """The texts of one request. The first `skipped` tokens of each are read, but not part of its mean.

    `events` receives a vector (a list of floats, of unit length) for each text in order, then "stop" or a Problem.
    """

    texts: Sequence[Sequence[int]]
    skipped: int = 0
    owner: str = ""
    cancelled: bool = False
    events: queue.SimpleQueue[list[float] | str | Problem] = field(default_factory=queue.SimpleQueue)
    _begun: int = 0
    _given: int = 0
    _done: dict[int, list[float]] = field(default_factory=dict)

    def begin(self) -> Text | None:
        """The next text to read, None when all were begun."""
        if self._begun == len(self.texts):
            return None
        text = Text(prompt=self.texts[self._begun], owner=self.owner, embedding=self, number=self._begun)
        self._begun += 1
        return text

    def take(self, text: Text, start: int, hidden: torch.Tensor) -> bool:
        """`hidden` [tokens, hidden size] are the last hidden states of a text's tokens from `start` on. True at its end."""
        counted = hidden[max(0, self.skipped - start) :].float().sum(0)
        text.sum = counted if not start or text.sum is None else text.sum + counted  # it may be read anew
        if start + len(hidden) < len(text.prompt):
            return False
        mean = text.sum / (len(text.prompt) - self.skipped)
        self._done[text.number] = torch.nn.functional.normalize(mean, dim=0).tolist()
        while self._given in self._done:
            self.events.put(self._done.pop(self._given))
            self._given += 1
        if self._given == len(self.texts):
            self.events.put("stop")
        return True
