"""What one who asks is computed: a window that is taken in, a guess of its words, or anything else. Plain values."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from webbot.speech.base import Gone, Samples

FIND_LANGUAGE = -1  # among forced tokens: the likeliest language


@dataclass(slots=True, eq=False)
class Sound:
    """A window as the encoder heard it [positions, state]. `language` is found once."""

    encoded: Tensor
    language: str = ""


@dataclass(slots=True, eq=False, kw_only=True)
class Job:
    """`gone` is true once whoever asked has left; `result` gets what was computed, or why not."""

    gone: Gone
    result: Future[Any] = field(default_factory=Future)


@dataclass(slots=True, eq=False, kw_only=True)
class Clip(Job):
    """Samples for a window of so many mel frames. The result is their Sound."""

    samples: Samples
    frames: int


@dataclass(slots=True, eq=False, kw_only=True)
class Call(Job):
    """Whatever else is computed. The result is what `compute` returns."""

    compute: Callable[[], Any]


@dataclass(slots=True, eq=False, kw_only=True)
class Guessing(Job):
    """A guess: the tokens of `prompt` are read at once, then come `first` and the `forced` ones, and then at most `most` that the
    model chooses up to `end`. The result is this, once `tokens`, `logprob` (of all together, with the end's) and so on are found.

    Draws begin anew with each guess, so that the same recording gives the same words.
    """

    sound: Sound
    prompt: tuple[int, ...]
    first: int
    forced: tuple[int, ...]
    end: int
    most: int
    temperature: float
    row: int = -1
    launched: int = 0  # steps
    settled: int = 0
    tokens: list[int] = field(default_factory=list)
    logprob: float = 0.0
    no_speech: float = 0.0
    language_token: int = 0
    draws: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    @property
    def steps(self) -> int:
        """How many the guess takes where it does not end before."""
        return len(self.forced) + self.most

    def settle(self, chosen: float, logprob: float, no_speech: float, language: float) -> bool:
        """Takes what a step found. True once the guess has ended."""
        self.settled += 1
        if self.settled <= len(self.forced):
            return False
        self.logprob += logprob
        self.no_speech, self.language_token = no_speech, int(language)
        if int(chosen) == self.end:
            return True
        self.tokens.append(int(chosen))
        return len(self.tokens) >= self.most
