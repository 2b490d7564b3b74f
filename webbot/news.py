"""What happens in a conversation, as it is told to whoever has it open: plain values, and the running answer they add up to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from webbot.messages import Delta, Event, Message, Preparing, Queued, Started, Window

INTERRUPTED = "The server stopped in the middle of this answer."  # how an answer ends that nobody writes any more


@dataclass(frozen=True, slots=True)
class Began:
    """An answer begins; the two messages are as they are stored. `after` is the number of the message that the question
    follows, 0 for a first one: whatever was shown behind it is not of this branch. An answer that is gone on with has text."""

    owner: str
    question: Message
    answer: Message
    after: int


@dataclass(frozen=True, slots=True)
class Heard:
    """An event of the running answer with the id `answer`."""

    answer: str
    event: Event


@dataclass(frozen=True, slots=True)
class Changed:
    """The conversation was renamed, got another role, or its shown messages are others now (`cleared`)."""

    cleared: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """The conversation was deleted."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The owner's list of conversations changed; told to the key that `list_of` names."""


News = Began | Heard | Changed | Gone | Listed


def list_of(owner: str) -> str:
    """The key under which the owner's list of conversations is talked about."""
    return f"list of {owner}"


@dataclass(slots=True)
class Running:
    """A running answer as it is known at this moment: what was told of it, added up."""

    began: Began
    window: Window | None = None
    preparing: Preparing | None = None  # while the model is loaded for it
    queued: Queued | None = None  # while it waits for its turn
    parts: list[str] = field(default_factory=list)
    ended: bool = False

    def __post_init__(self) -> None:
        self.parts = self.parts or [self.began.answer.text]

    @property
    def text(self) -> str:
        return "".join(self.parts)

    def hear(self, event: Event) -> None:
        self.preparing = event if isinstance(event, Preparing) else None
        self.queued = event if isinstance(event, Queued) and event.position else None
        if isinstance(event, Started):
            self.window = event.window
        elif isinstance(event, Delta):
            self.parts.append(event.text)
        elif not isinstance(event, Preparing | Queued):
            self.ended = True

    def copy(self) -> Running:
        return replace(self, parts=[self.text])
