"""What a store is. Every call that reads or changes a conversation names the owner: its id alone reaches nothing of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from webbot.messages import Conversation, Message


class Store(ABC):
    """Conversations with their messages, and the data of sessions.

    Every call raises NotFound for an unknown id or another owner's, Unavailable when the database is locked or away, and
    DiskFull when nothing can be written. A call that returns has committed.
    """

    # conversations

    @abstractmethod
    def create_conversation(
        self, owner: str, *, title: str = "", role: str = "", model: str = "", beginning: Sequence[Message] = ()
    ) -> Conversation:
        """A new conversation, with the messages of `beginning`: they get ids and numbers of their own, in this order."""

    @abstractmethod
    def conversation(self, owner: str, conversation: str) -> Conversation: ...

    @abstractmethod
    def owner(self, conversation: str) -> str:
        """Whose conversation that is. Only the doors of a server that is open to this machine alone may ask: there the id is
        what lets a program in. Everywhere else it would tell strangers whom to claim to be."""

    @abstractmethod
    def conversations(
        self, owner: str, *, search: str = "", limit: int = 100, offset: int = 0
    ) -> Sequence[Conversation]:
        """Pinned ones first, then the last changed. `search` looks in titles and texts, without regard to case."""

    @abstractmethod
    def change_conversation(self, owner: str, conversation: str, **changes: object) -> Conversation:
        """Sets any of title, role, pinned, speaks, markup, model, remembers_from, cut_for; `version` grows by one."""

    @abstractmethod
    def delete_conversation(self, owner: str, conversation: str) -> None:
        """Deletes it with its messages."""

    # messages

    @abstractmethod
    def messages(
        self, owner: str, conversation: str, *, start: int = 0, before: int | None = None, limit: int | None = None
    ) -> Sequence[Message]:
        """In order of their numbers: those with `start <= number < before`, the newest `limit` of them."""

    @abstractmethod
    def message(self, owner: str, conversation: str, message: str) -> Message:
        """One message of the conversation."""

    @abstractmethod
    def delete_messages(self, owner: str, conversation: str, ids: Sequence[str]) -> None:
        """Deletes the messages with these ids; unknown ones count as deleted. Raises Conflict when one is streaming."""

    @abstractmethod
    def begin_turn(
        self, owner: str, conversation: str, question: Message, *, replace_from: int | None = None
    ) -> tuple[Message, Message]:
        """Commits the question and an empty answer with status "streaming"; returns both with their ids and numbers.

        `replace_from` first deletes the messages from that number on (an edited question, an answer made again).
        Raises Conflict while another answer of this conversation is streaming: the check and the insert are one transaction.
        """

    @abstractmethod
    def save_answer(self, owner: str, conversation: str, answer: Message) -> None:
        """Writes text, status, usage, error, tokens and counted_by of an answer that `begin_turn` made."""

    @abstractmethod
    def save_counts(self, owner: str, conversation: str, counts: Mapping[str, int], counted_by: str) -> None:
        """Keeps the token count of each message id."""

    @abstractmethod
    def keep_request(self, owner: str, conversation: str, message: str, request: Mapping[str, Any]) -> None:
        """Keeps with an answer what a program asked for beside the question, as JSON; it is deleted with the answer."""

    @abstractmethod
    def request(self, owner: str, conversation: str, message: str) -> Mapping[str, Any] | None:
        """What was kept with that answer; None when nothing was."""

    @abstractmethod
    def clear(self, owner: str, conversation: str) -> None:
        """Deletes the messages and sets `remembers_from` back; the conversation, its title and role stay."""

    @abstractmethod
    def fail_interrupted(self, sentence: str) -> int:
        """At start-up: every answer still "streaming" becomes "failed" with that sentence. Returns how many."""

    # sessions: opaque bytes that end at a wall-clock time

    @abstractmethod
    def read_session(self, key: str) -> bytes | None: ...

    @abstractmethod
    def write_session(self, key: str, value: bytes, seconds: float) -> None: ...

    @abstractmethod
    def delete_session(self, key: str) -> None: ...

    @abstractmethod
    def check(self) -> None:
        """Raises when the store cannot write: for /readyz."""

    @abstractmethod
    def close(self) -> None: ...
