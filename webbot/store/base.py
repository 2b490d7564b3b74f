"""What a store is. Every call that reads or changes a conversation names the owner: its id alone reaches nothing of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from webbot.messages import Conversation, Feedback, File, Message, Share

Kind = Literal[
    "conversation", "message", "request", "file", "share", "session", "entry", "counter"
]


@dataclass(frozen=True, slots=True)
class Record:
    """One thing in a store, for copying everything: `fields` are what every store knows of it, JSON values and bytes.

    conversation: the fields of Conversation, and deleted_at (None, or when it was deleted). message: those of Message without
    tool_calls and tool_call, and conversation. request: message, value. file: those of File, and conversation, text, data.
    share: those of Share. session: key, value, ends_at. entry: the fields of Entry, its id is KIND/ID. counter: key, value,
    ends_at.
    """

    kind: Kind
    id: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A small JSON value beside the conversations: a person, a device, a key, a role. `kind` and `id` name it, `owner` is whose
    it is ("" nobody's). `version` counts changes, 0 for one that is new; an entry with `ends_at` (seconds since 1970) ends then.
    Names are whole text (no NUL, no lone surrogates) of at most 1000 bytes each; the value has no NaN and no infinity.
    """

    kind: str
    id: str
    owner: str = ""
    value: Mapping[str, Any] = field(default_factory=dict)
    version: int = 0
    created_at: float = 0.0
    ends_at: float | None = None

    def record(self) -> Record:
        return Record("entry", f"{self.kind}/{self.id}", asdict(self))


class Store(ABC):
    """Conversations with their messages and files, and the data of sessions.

    Every call raises NotFound for an unknown id, another owner's or a deleted conversation's, Unavailable when the database is
    locked or away, and DiskFull when nothing can be written. A call that returns has committed; one that raises has changed
    nothing. The messages of a conversation are a tree (Message.parent); one branch of it is shown, from the beginning to the
    conversation's `tip`. Every answer keeps `remembers_from` and `cut_for` as they were while it was the newest one shown: a new
    answer takes them over from the answer before it in its branch (0 and "" without one), `change_conversation` with these two
    also writes them to the newest answer shown, and whatever chooses another branch sets the conversation's to those of the
    newest answer of that branch.
    """

    searches_texts: bool = True  # False: `search` looks at titles only

    # conversations

    @abstractmethod
    def create_conversation(
        self, owner: str, *, title: str = "", role: str = "", model: str = "", beginning: Sequence[Message] = ()
    ) -> Conversation:
        """A new conversation, with the messages of `beginning` as its only branch: they get ids and numbers of their own, in
        this order."""

    @abstractmethod
    def add_conversation(
        self, owner: str, about: Conversation, messages: Sequence[Message], files: Sequence[tuple[File, str, bytes]] = ()
    ) -> Conversation:
        """A conversation from elsewhere, with all branches, and files with their texts and bytes. It gets an id, and its
        messages and files get ids, of their own; `parent` and `tip` are followed, `messages` come parents first and are
        numbered from 1. Its times, title, role, model, pins and feedback are kept, and the marks of its answers, which follow
        the new numbers; an answer that is streaming becomes stopped. Where it is not newer (by `updated_at`) than the last one of
        the owner's list it stands below all others, else above them, as the last changed one; pinned ones and others are two
        lists. Raises BadInput for a parent that is not there before its child."""

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
        """Pinned ones first, then the last changed. `search`: every word of it stands in the title or in one message, the last
        word perhaps only begun, without regard to case (store/words.py says what a word is)."""

    @abstractmethod
    def count(self, owner: str | None = None) -> int:
        """How many conversations that owner has, or all owners together; deleted ones do not count."""

    @abstractmethod
    def change_conversation(
        self, owner: str, conversation: str, *, only_version: int | None = None, **changes: object
    ) -> Conversation:
        """Sets any of title, titled_by, role, pinned, speaks, markup, model, remembers_from, cut_for; `version` grows by one.
        Marks, and a title that a model gave, leave the conversation in its place. Raises Conflict when `only_version` is another
        than the conversation's version."""

    @abstractmethod
    def delete_conversation(
        self, owner: str, conversation: str, *, only_version: int | None = None, at_once: bool = False
    ) -> None:
        """Deletes it with all it has; until `purge` it can be restored, unless `at_once`. An answer that is streaming becomes
        stopped. While the disk is full it is gone at once. Raises Conflict as `change_conversation`."""

    @abstractmethod
    def restore_conversation(self, owner: str, conversation: str) -> Conversation:
        """Brings a deleted conversation back as it was. Raises NotFound once it is purged."""

    @abstractmethod
    def purge(self, before: float) -> int:
        """Deletes for good what was deleted before that time (seconds since 1970). Returns how many conversations."""

    # messages

    @abstractmethod
    def messages(
        self, owner: str, conversation: str, *, start: int = 0, before: int | None = None, limit: int | None = None
    ) -> Sequence[Message]:
        """The branch that is shown, in order of their numbers: those with `start <= number < before`, the newest `limit`."""

    @abstractmethod
    def tree(self, owner: str, conversation: str) -> Sequence[Message]:
        """The messages of all branches in order of their numbers."""

    @abstractmethod
    def versions(self, owner: str, conversation: str, ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """For those of the messages that have versions: the ids of all (the message among them), oldest first."""

    @abstractmethod
    def message(self, owner: str, conversation: str, message: str) -> Message:
        """One message of the conversation, of whatever branch."""

    @abstractmethod
    def held(self, owner: str, conversation: str) -> Sequence[Message]:
        """The turns of the shown branch of which a message is pinned: question and answer of each, in order."""

    @abstractmethod
    def change_message(
        self, owner: str, conversation: str, message: str, *, pinned: bool | None = None, feedback: Feedback | None = None
    ) -> Message:
        """Pins a message or keeps what a person thinks of an answer. The conversation's version grows; it stays in its place.
        Raises BadInput for feedback on a question."""

    @abstractmethod
    def delete_messages(self, owner: str, conversation: str, ids: Sequence[str]) -> None:
        """Deletes the messages with these ids; what follows one of them then follows what was before it, and so does the end
        of a share. Without its tip the branch that is shown goes on to the newest message behind what is left of it. Unknown
        ids count as deleted. Raises Conflict when one is streaming."""

    @abstractmethod
    def begin_turn(
        self, owner: str, conversation: str, question: Message, *, after: str | None = None
    ) -> tuple[Message, Message]:
        """Commits the question and an empty answer with status "streaming"; returns both with their ids and numbers.

        They follow the message `after` (None: the tip; "": nothing, it is another first question), and their branch is shown.
        Raises NotFound when `after` is not there, Conflict while another answer of this conversation is streaming: the check
        and the insert are one transaction.
        """

    @abstractmethod
    def begin_answer(self, owner: str, conversation: str, question: str) -> tuple[Message, Message]:
        """As `begin_turn`, for one more answer to a question that is there: beside those it has, and shown."""

    @abstractmethod
    def resume_answer(self, owner: str, conversation: str, answer: str) -> tuple[Message, Message]:
        """The ended answer becomes "streaming" again with the text it has; returns its question and it. Raises Conflict when it
        is not the tip, or while an answer is streaming."""

    @abstractmethod
    def show(self, owner: str, conversation: str, message: str) -> Conversation:
        """Shows the branch through that message, to the newest message behind it. The conversation stays in its place.
        Raises Conflict while an answer is streaming."""

    @abstractmethod
    def save_answer(self, owner: str, conversation: str, answer: Message) -> None:
        """Writes text, status, usage, error, tokens and counted_by of an answer that was begun. Raises Conflict when it has
        ended and this would be another text in the middle of it (status "streaming")."""

    @abstractmethod
    def save_counts(self, owner: str, conversation: str, counts: Mapping[str, int], counted_by: str) -> None:
        """Keeps the token count of each message or file id."""

    @abstractmethod
    def keep_request(self, owner: str, conversation: str, message: str, request: Mapping[str, Any]) -> None:
        """Keeps with an answer what a program asked for beside the question, as JSON; it is deleted with the answer."""

    @abstractmethod
    def request(self, owner: str, conversation: str, message: str) -> Mapping[str, Any] | None:
        """What was kept with that answer; None when nothing was."""

    @abstractmethod
    def clear(self, owner: str, conversation: str) -> None:
        """Deletes the messages, files and shares and sets `remembers_from` back; the conversation, its title and role stay."""

    @abstractmethod
    def fail_interrupted(self, sentence: str, *, running: Collection[str] = ()) -> int:
        """Every answer still "streaming" becomes "failed" with that sentence, but those of the conversations in `running`.
        Returns how many."""

    # files

    @abstractmethod
    def add_file(self, owner: str, conversation: str, file: File, text: str, data: bytes) -> File:
        """Keeps a file; returns it with its id."""

    @abstractmethod
    def files(self, owner: str, conversation: str) -> Sequence[File]:
        """In the order in which they came."""

    @abstractmethod
    def file_text(self, owner: str, conversation: str, file: str) -> str: ...

    @abstractmethod
    def file_data(self, owner: str, conversation: str, file: str) -> bytes: ...

    @abstractmethod
    def delete_file(self, owner: str, conversation: str, file: str) -> None: ...

    # reading by whoever has a link

    @abstractmethod
    def share(self, owner: str, conversation: str) -> Share:
        """A new token for the branch that is shown, as far as it goes now; an earlier one of this conversation ends.
        Raises Conflict while an answer is streaming, BadInput when there is nothing to read."""

    @abstractmethod
    def shared(self, owner: str, conversation: str) -> Share | None:
        """The token by which it can be read; None when it is not shared."""

    @abstractmethod
    def unshare(self, owner: str, conversation: str) -> None: ...

    @abstractmethod
    def read_share(self, token: str) -> tuple[Conversation, Sequence[Message]]:
        """What that token lets read: the conversation and the messages of the branch. Here the token is the right to read.
        Raises NotFound, also when the conversation was deleted."""

    # sessions: opaque bytes that end at a wall-clock time

    @abstractmethod
    def read_session(self, key: str) -> bytes | None: ...

    @abstractmethod
    def write_session(self, key: str, value: bytes, seconds: float) -> None: ...

    @abstractmethod
    def delete_session(self, key: str) -> None: ...

    # entries: people and what belongs to them

    @abstractmethod
    def entry(self, kind: str, id: str) -> Entry | None:
        """One that has ended counts as none."""

    @abstractmethod
    def entries(self, kind: str, owner: str | None = None) -> Sequence[Entry]:
        """All of a kind, or those of one owner, oldest first."""

    @abstractmethod
    def put_entry(self, entry: Entry) -> Entry:
        """Writes an entry; returns it with its new version. With version 0 it is new, and gets its `created_at`; else value and
        end of the one with that version are changed, and its owner stays. Raises Conflict where one is there already, or another
        version, or none, and BadInput for names or a value that cannot be kept."""

    @abstractmethod
    def delete_entry(self, kind: str, id: str) -> bool:
        """Whether it was there (and had not ended): of several that delete it at once, one is told so."""

    @abstractmethod
    def add_up(self, key: str, amount: int, ends_at: float) -> int:
        """Adds to a counter that is forgotten at that time (seconds since 1970), the one given last; returns its new value.
        `amount` may be 0 or less. `key` is named as an entry is, else BadInput."""

    @abstractmethod
    def hand_over(self, owner: str, to: str) -> int:
        """Gives all conversations of `owner`, deleted ones too, to another owner; they keep their order, above those that the
        other one has, and all they have with them, shares too. Their versions grow. An answer that is streaming becomes stopped,
        as when its conversation is deleted: whoever writes it, does so for the owner who no longer has it. Returns how many; 0
        for an owner to itself."""

    # the whole

    @abstractmethod
    def records(self) -> Iterator[Record]:
        """Everything in the store as at one moment: a conversation before its messages (by number), requests, files and shares;
        sessions, entries and counters last. Deleted conversations that are not purged too."""

    @abstractmethod
    def take(self, records: Iterable[Record]) -> None:
        """Fills an empty store with the records of another, ids and all. Raises Conflict when there is anything in it;
        what fails leaves it empty."""

    @abstractmethod
    def verify(self) -> Sequence[str]:
        """Looks for damage: a sentence for each kind found, none when all is well. Reads everything."""

    @abstractmethod
    def check(self) -> None:
        """Raises when the store cannot write: for /readyz."""

    @abstractmethod
    def close(self) -> None: ...
