"""What is asked of the recogniser beside the recording, and the pieces it finds: plain values, without models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Task = Literal["transcribe", "translate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How a recording is to be understood.

    `language` is a code or a name, empty to find it; `task` "translate" writes English whatever is spoken. `prompt` is text that
    Whisper takes for what was said before: names and spellings; it hears its last 223 tokens. `temperature` is 0 to 1; 0 is the
    likeliest words, warmer only where these are doubtful. With `words` each word gets its times.
    """

    language: str = ""
    task: Task = "transcribe"
    prompt: str = ""
    temperature: float = 0.0
    words: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word and when it is spoken, in seconds of the recording."""

    word: str
    start: float
    end: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A sentence or so. `start` and `end` are seconds of the recording as it was sent; `text` is as Whisper writes it.

    The figures are Whisper's doubts about the 30 s that it belongs to: the mean logarithm of the tokens' probabilities, the
    probability that nobody speaks, and how well the text can be packed (over 2.4 it repeats itself).
    """

    start: float
    end: float
    text: str
    tokens: tuple[int, ...] = ()
    temperature: float = 0.0
    avg_logprob: float = 0.0
    compression_ratio: float = 0.0
    no_speech_prob: float = 0.0
    words: tuple[Word, ...] = ()


def read_segment(value: Mapping[str, Any]) -> Segment:
    """A segment from the form that dataclasses.asdict gives it."""
    words = tuple(Word(**word) for word in value["words"])
    return Segment(**{**value, "tokens": tuple(value["tokens"]), "words": words})
