"""What an engine is. It knows nothing of conversations, stores or doors.

An engine turns a list of messages into a stream of text. It may live in this process (echo) or ask another (local).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from webbot.messages import Delta, Finished, Message, Options


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineState:
    """How an engine is. `progress` is 0 to 1 where it is known; `sentence` says what goes on or what failed.

    `context` is the window in tokens. A prompt of n messages takes `opening` tokens and, for each message, `frame` tokens
    and those of its text: the control tokens of the model's template. `tokenizer` names the counting; counts made
    under another name are void. `starter` is true for the small model in the box.
    """

    name: str
    status: Literal["loading", "ready", "failed"]
    progress: float | None = None
    sentence: str = ""
    context: int = 0
    opening: int = 0
    frame: int = 0
    tokenizer: str = ""
    starter: bool = False


class Engine(ABC):
    """A language model, wherever it runs."""

    @abstractmethod
    def state(self) -> EngineState:
        """How the engine is at this moment. Never blocks."""

    @abstractmethod
    def count(self, texts: Sequence[str]) -> list[int]:
        """The tokens of each text as the content of a message (special tokens in it count as the characters they are).

        Raises Unavailable while there is no model.
        """

    @abstractmethod
    def answer(self, messages: Sequence[Message], options: Options, *, owner: str = "") -> Iterator[Delta | Finished]:
        """Streams the answer to `messages` (an optional system message first, a user message last), then one Finished.

        Deltas never split a character. While nothing comes there is an empty Delta at least every 0.1 s, so that whoever reads
        can end it at any time: closing the generator frees the model at once. It starts working when it is first advanced.
        Owners that wait are served in turn. Raises Unavailable when the model is not there or is lost in mid-answer, TooMany
        when its queue is full, TooLong when the prompt does not fit the context, BadInput for a role it does not know.
        """

    @abstractmethod
    def busy(self) -> int:
        """How many answers are in work or waiting."""

    def close(self) -> None:
        """Ends what the engine started. Nothing of it is left when this returns."""
