"""The contract of what computes Whisper: a window of samples is taken in once, then words are guessed from it, and placed.

The recogniser asks by it and knows nothing of torch or ctranslate2. Up to `together` recordings ask at once, each in a thread of
its own.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from webbot.speech.segments import Task

RATE = 16_000
MEL_HOP, MEL_FRAMES = 160, 3000  # samples a frame; frames of the 30 s that Whisper hears
TURBO_LAYERS = (32, 4)  # of encoder and decoder: this one of Whisper's shapes has not learnt to translate
Gone = Callable[[], bool]
Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`language` is a code, empty to find it; `prompt` the tokens of what was said before."""

    language: str = ""
    task: Task = "transcribe"
    prompt: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What Whisper makes of a window, with its doubts (see segments.Segment). `tokens` are without the one that ends them."""

    tokens: tuple[int, ...]
    language: str
    text: str
    temperature: float
    avg_logprob: float
    no_speech_prob: float

    @property
    def compression_ratio(self) -> float:
        """How well the text can be packed: over 2.4 it repeats itself."""
        data = self.text.encode()
        return len(data) / len(zlib.compress(data))


@dataclass(frozen=True, slots=True)
class Piece:
    """What lies between two time stamps: samples of the window, and tokens with and without the stamps."""

    first: int
    last: int
    tokens: tuple[int, ...]
    words: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A word and its samples in what Whisper heard."""

    text: str
    first: int
    last: int


class Whisper(Protocol):
    """`cuts` is whether it may take in less than 30 s, `longest_prompt` how many tokens of a prompt it hears, `together` how many
    recordings it computes at once."""

    device: str
    multilingual: bool
    translates: bool
    cuts: bool
    longest_prompt: int
    together: int

    def tokenizer(self, language: str, task: str) -> Any:
        """openai-whisper's Tokenizer for this model."""

    def take_in(self, samples: Samples, frames: int = MEL_FRAMES) -> Any:
        """What `guess` and `words` want of a window of at least so many mel frames, which begins with the samples and goes on
        silent."""

    def guess(self, sound: Any, question: Question, temperature: float) -> Guess:
        """The likeliest words (temperature 0), or words drawn at a temperature."""

    def words(self, sound: Any, guess: Guess, task: Task, pieces: Sequence[Piece], length: int) -> list[list[Spoken]]:
        """The words of each piece of `length` samples, in order. Raises Unusable where they cannot be told apart."""

    def left_when(self, gone: Gone) -> AbstractContextManager[None]:
        """Inside of it every computation of this thread raises detector.Left soon after `gone` has become true."""
