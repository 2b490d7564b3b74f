"""Conversations, files, shares and sessions in an SQL database: which call reads, which writes, and in one transaction each.

The statements are in the siblings, one noun a file; sql_schema.py has the tables, sql_database.py the file
of SQLite, sql_postgres.py the connections to PostgreSQL. Numbers
and places come from the tables inside the transaction that uses them, so two doors never get the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, update

from webbot.errors import DiskFull
from webbot.messages import Conversation, Feedback, File, Message, Share
from webbot.store import rules
from webbot.store import sql_branches as branches
from webbot.store import sql_conversations as conversation_rows
from webbot.store import sql_entries as entry_rows
from webbot.store import sql_files as file_rows
from webbot.store import sql_handing as handing
from webbot.store import sql_index as index
from webbot.store import sql_messages as message_rows
from webbot.store import sql_records as record_rows
from webbot.store import sql_search as searching
from webbot.store import sql_sessions as session_rows
from webbot.store import sql_shares as share_rows
from webbot.store import sql_trees as trees
from webbot.store import sql_turns as turns
from webbot.store import sql_verify as verifying
from webbot.store.base import Entry, Record, Store
from webbot.store.sql_database import PATIENCE, Database
from webbot.store.sql_migrations import prepare
from webbot.store.sql_schema import about, files
from webbot.store.sql_settling import Settling
from webbot.store.sql_transactions import Transactions

PURGE_PATIENCE = 30.0  # seconds: what was deleted may be much


class SqlStore(Store):
    """The store at `url`: "sqlite:////absolute/path/webbot.db" or "postgresql://USER:PASSWORD@HOST/NAME". `patience`: seconds
    that a call waits for a locked database, or one that does not answer.

    Raises SettingsError when the database cannot be opened, is damaged, or was written by a newer webbot, Unavailable when it is
    locked or away.
    """

    def __init__(self, url: str, *, patience: float = PATIENCE) -> None:
        self._database = _open(url, patience)
        self._settling = Settling(self._database)

    # conversations

    def create_conversation(
        self, owner: str, *, title: str = "", role: str = "", model: str = "", beginning: Sequence[Message] = ()
    ) -> Conversation:
        return self._database.write(lambda c: trees.make(c, owner, beginning, title=title, role=role, model=model))

    def add_conversation(
        self, owner: str, about: Conversation, messages: Sequence[Message], files: Sequence[tuple[File, str, bytes]] = ()
    ) -> Conversation:
        return self._database.write(lambda c: trees.add(c, owner, about, messages, files))

    def conversation(self, owner: str, conversation: str) -> Conversation:
        return self._database.read(lambda c: conversation_rows.find(c, owner, conversation))

    def owner(self, conversation: str) -> str:
        return self._database.read(lambda c: conversation_rows.owner_of(c, conversation))

    def conversations(
        self, owner: str, *, search: str = "", limit: int = 100, offset: int = 0
    ) -> Sequence[Conversation]:
        return self._database.read(lambda c: searching.list_conversations(c, owner, search, limit, offset))

    def count(self, owner: str | None = None) -> int:
        return self._database.read(lambda c: conversation_rows.count(c, owner))

    def change_conversation(
        self, owner: str, conversation: str, *, only_version: int | None = None, **changes: object
    ) -> Conversation:
        rules.check_changes(changes)

        def work(connection: Connection) -> Conversation:
            conversation_rows.find_version(connection, owner, conversation, only_version)
            conversation_rows.touch(connection, owner, conversation, moves=rules.moves(changes), **changes)
            if marks := rules.marks(changes):
                branches.keep_marks(connection, conversation, marks)
            known = conversation_rows.find(connection, owner, conversation)
            if "title" in changes:
                index.learn_title(connection, owner, conversation, known.title, anew=True)
            return known

        return self._database.write(work)

    def delete_conversation(
        self, owner: str, conversation: str, *, only_version: int | None = None, at_once: bool = False
    ) -> None:
        def remove(connection: Connection) -> None:
            conversation_rows.find_version(connection, owner, conversation, only_version)
            turns.stop(connection, conversation)
            conversation_rows.remove(connection, owner, conversation)

        def erase(connection: Connection) -> None:
            conversation_rows.find_version(connection, owner, conversation, only_version)
            conversation_rows.erase(connection, conversation)

        if not at_once:
            try:
                return self._database.write(remove)
            except DiskFull:  # then it must make room
                pass
        self._forget(erase)

    def restore_conversation(self, owner: str, conversation: str) -> Conversation:
        return self._database.write(lambda c: conversation_rows.restore(c, owner, conversation), may_use_reserve=True)

    def purge(self, before: float) -> int:
        def work(connection: Connection) -> int:
            ids = conversation_rows.deleted_before(connection, before)
            for id in ids:
                conversation_rows.erase(connection, id)
            return len(ids)

        purged = 0
        while count := self._database.write(work, may_use_reserve=True, patience=PURGE_PATIENCE):
            purged += count
        self._settling.go_on()
        return purged

    def _forget(self, work: Callable[[Connection], None]) -> None:
        """Runs what deletes texts, and sees to it that their words leave the index."""
        self._database.write(work, may_use_reserve=True)
        self._settling.begin()

    # messages

    def messages(
        self, owner: str, conversation: str, *, start: int = 0, before: int | None = None, limit: int | None = None
    ) -> Sequence[Message]:
        return self._database.read(
            lambda c: message_rows.page(c, owner, conversation, start=start, before=before, limit=limit)
        )

    def tree(self, owner: str, conversation: str) -> Sequence[Message]:
        return self._database.read(lambda c: message_rows.tree(c, owner, conversation))

    def versions(self, owner: str, conversation: str, ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        def work(connection: Connection) -> Mapping[str, Sequence[str]]:
            conversation_rows.find(connection, owner, conversation)
            return branches.versions(connection, conversation, ids)

        return self._database.read(work)

    def message(self, owner: str, conversation: str, message: str) -> Message:
        return self._database.read(lambda c: message_rows.find(c, owner, conversation, message))

    def held(self, owner: str, conversation: str) -> Sequence[Message]:
        return self._database.read(lambda c: message_rows.held(c, owner, conversation))

    def change_message(
        self, owner: str, conversation: str, message: str, *, pinned: bool | None = None, feedback: Feedback | None = None
    ) -> Message:
        return self._database.write(
            lambda c: message_rows.change(c, owner, conversation, message, pinned=pinned, feedback=feedback)
        )

    def delete_messages(self, owner: str, conversation: str, ids: Sequence[str]) -> None:
        self._forget(lambda c: message_rows.remove(c, owner, conversation, ids))

    def begin_turn(
        self, owner: str, conversation: str, question: Message, *, after: str | None = None
    ) -> tuple[Message, Message]:
        return self._database.write(lambda c: turns.begin(c, owner, conversation, question, after))

    def begin_answer(self, owner: str, conversation: str, question: str) -> tuple[Message, Message]:
        return self._database.write(lambda c: turns.begin_answer(c, owner, conversation, question))

    def resume_answer(self, owner: str, conversation: str, answer: str) -> tuple[Message, Message]:
        return self._database.write(lambda c: turns.resume(c, owner, conversation, answer))

    def show(self, owner: str, conversation: str, message: str) -> Conversation:
        return self._database.write(lambda c: turns.show(c, owner, conversation, message))

    def save_answer(self, owner: str, conversation: str, answer: Message) -> None:
        # The end of an answer is written even to a full disk: else the conversation would stay busy.
        ends = answer.status != "streaming"
        self._database.write(lambda c: turns.save(c, owner, conversation, answer), may_use_reserve=ends)

    def save_counts(self, owner: str, conversation: str, counts: Mapping[str, int], counted_by: str) -> None:
        self._database.write(lambda c: message_rows.save_counts(c, owner, conversation, counts, counted_by))

    def keep_request(self, owner: str, conversation: str, message: str, request: Mapping[str, Any]) -> None:
        self._database.write(lambda c: message_rows.keep_request(c, owner, conversation, message, request))

    def request(self, owner: str, conversation: str, message: str) -> Mapping[str, Any] | None:
        return self._database.read(lambda c: message_rows.request(c, owner, conversation, message))

    def clear(self, owner: str, conversation: str) -> None:
        self._forget(lambda c: message_rows.clear(c, owner, conversation))

    def fail_interrupted(self, sentence: str, *, running: Collection[str] = ()) -> int:
        return self._database.write(lambda c: turns.fail(c, sentence, running), may_use_reserve=True)

    # files

    def add_file(self, owner: str, conversation: str, file: File, text: str, data: bytes) -> File:
        return self._database.write(lambda c: file_rows.add(c, owner, conversation, file, text, data))

    def files(self, owner: str, conversation: str) -> Sequence[File]:
        return self._database.read(lambda c: file_rows.all_of(c, owner, conversation))

    def file_text(self, owner: str, conversation: str, file: str) -> str:
        return self._database.read(lambda c: file_rows.part(c, owner, conversation, file, files.c.text))

    def file_data(self, owner: str, conversation: str, file: str) -> bytes:
        return self._database.read(lambda c: file_rows.part(c, owner, conversation, file, files.c.data))

    def delete_file(self, owner: str, conversation: str, file: str) -> None:
        self._database.write(lambda c: file_rows.remove(c, owner, conversation, file), may_use_reserve=True)

    # reading by whoever has a link

    def share(self, owner: str, conversation: str) -> Share:
        return self._database.write(lambda c: share_rows.make(c, owner, conversation))

    def shared(self, owner: str, conversation: str) -> Share | None:
        return self._database.read(lambda c: share_rows.of(c, owner, conversation))

    def unshare(self, owner: str, conversation: str) -> None:
        self._database.write(lambda c: share_rows.take_back(c, owner, conversation), may_use_reserve=True)

    def read_share(self, token: str) -> tuple[Conversation, Sequence[Message]]:
        return self._database.read(lambda c: share_rows.read(c, token))

    # sessions

    def read_session(self, key: str) -> bytes | None:
        return self._database.read(lambda c: session_rows.read(c, key))

    def write_session(self, key: str, value: bytes, seconds: float) -> None:
        self._database.write(lambda c: session_rows.write(c, key, value, seconds))

    def delete_session(self, key: str) -> None:
        self._database.write(lambda c: session_rows.remove(c, key), may_use_reserve=True)

    # entries

    def entry(self, kind: str, id: str) -> Entry | None:
        return self._database.read(lambda c: entry_rows.find(c, kind, id))

    def entries(self, kind: str, owner: str | None = None) -> Sequence[Entry]:
        return self._database.read(lambda c: entry_rows.all_of(c, kind, owner))

    def put_entry(self, entry: Entry) -> Entry:
        checked = rules.check_entry(entry)
        return self._database.write(lambda c: entry_rows.put(c, checked))

    def delete_entry(self, kind: str, id: str) -> bool:
        return self._database.write(lambda c: entry_rows.remove(c, kind, id), may_use_reserve=True)

    def add_up(self, key: str, amount: int, ends_at: float) -> int:
        rules.check_name(key)
        return self._database.write(lambda c: entry_rows.add_up(c, key, rules.counted(amount), ends_at))

    def hand_over(self, owner: str, to: str) -> int:
        return self._database.write(lambda c: handing.hand_over(c, owner, to))

    # the whole

    def records(self) -> Iterator[Record]:
        with self._database.snapshot() as connection:
            yield from record_rows.read(connection)

    def take(self, records: Iterable[Record]) -> None:
        self._database.write(lambda c: record_rows.write(c, records), lasting=True)

    def verify(self) -> Sequence[str]:
        with self._database.snapshot() as connection:
            return verifying.damage(connection)

    def check(self) -> None:
        """Writes one number, another one each time, for SQLite writes nothing where nothing changes. Waits at most a second."""
        change = update(about).where(about.c.name == "checked").values(value=(about.c.value + 1) % rules.LARGEST)
        self._database.write(lambda c: c.execute(change), patience=1.0)

    def free_bytes(self) -> int | None:
        """The free bytes on the disk of the database, None where that is not known."""
        return self._database.free_bytes()

    def close(self) -> None:
        self._database.close()


def _open(url: str, patience: float) -> Transactions:
    if url.startswith(("postgresql://", "postgres://")):
        from webbot.store.sql_postgres import PostgresDatabase

        return PostgresDatabase(url, prepare, patience=patience)
    return Database(url, prepare, patience=patience)
