"""The vocabulary of a conversation: plain frozen values without behaviour, used by every room."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Role = Literal["system", "user", "assistant"]
Status = Literal["streaming", "complete", "stopped", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a conversation.

    `number` orders the messages of a conversation (1, 2, 3, ...; a clock may jump, a number does not).
    `tokens` is the length of `text` in tokens of the tokenizer named by `counted_by`, None while nobody has counted.
    `spoken` holds what a voice turn wants shown: {"language": "en", "seconds": 2.1, "transcribed_in": 0.4}.
    """

    role: Role
    text: str
    id: str = ""
    number: int = 0
    status: Status = "complete"
    tokens: int | None = None
    counted_by: str = ""
    created_at: float = 0.0
    usage: Usage | None = None
    error: str = ""
    spoken: dict = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What is known of a conversation beside its messages.

    `role` is the system prompt. `remembers_from` is the number of the first message that the model still sees, as cut
    for the tokenizer `cut_for`: it only grows, so that what was forgotten stays forgotten. `version` counts changes.
    """

    id: str
    owner: str
    title: str = ""
    role: str = ""
    pinned: bool = False
    speaks: bool = False
    markup: Literal["markdown", "textile"] = "markdown"
    remembers_from: int = 0
    cut_for: str = ""
    version: int = 1
    created_at: float = 0.0
    updated_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an answer is sampled. `temperature` 0 is greedy; `max_tokens` None means: what the window leaves."""

    temperature: float = 0.7
    top_p: float = 0.95
    seed: int | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an answer took: tokens read and written, tokens found in the cache, seconds to the first token and in all."""

    prompt_tokens: int = 0
    answer_tokens: int = 0
    cached_tokens: int = 0
    first_token_seconds: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What the model sees of a conversation in one turn, and the tokens of each part.

    `role + memory + question + reserve == context` (the frame of a part, its control tokens, is counted with it).
    `kept` are the ids of the remembered messages, oldest first; `first` is the number of the oldest of them, or of
    the question when nothing is remembered. `memory_limit` is the most that memory may hold.
    """

    context: int
    role: int
    memory: int
    question: int
    reserve: int
    memory_limit: int
    first: int
    kept: tuple[str, ...] = ()


# Events of a running answer, in this order: Started, Delta..., then exactly one of Finished, Failed, Cancelled.


@dataclass(frozen=True, slots=True)
class Started:
    window: Window


@dataclass(frozen=True, slots=True)
class Delta:
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """`reason` is "stop" when the model ended the answer by itself, "length" when the room was used up."""

    reason: Literal["stop", "length"]
    usage: Usage


@dataclass(frozen=True, slots=True)
class Failed:
    """`sentence` is for the person; `status` is the HTTP status a door without a page answers with."""

    sentence: str
    status: int = 503


@dataclass(frozen=True, slots=True)
class Cancelled:
    usage: Usage = field(default_factory=Usage)


Event = Started | Delta | Finished | Failed | Cancelled
