"""Conversations and sessions in Redis, for one machine or several. redis_keys.py says how they are kept.

Every call names the owner of a conversation, but for the one that asks for it. What a call changes is changed by one script, so
that neither a crash nor another process ever leaves half of it; what the server has logged (appendonly) outlives its restart.
`search` looks at titles only.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from webbot.messages import Conversation, Feedback, File, Message, Share
from webbot.store import redis_branches as branches
from webbot.store import redis_conversations as conversations
from webbot.store import redis_entries as entries
from webbot.store import redis_files as files
from webbot.store import redis_filling as filling
from webbot.store import redis_handing as handing
from webbot.store import redis_keys as keys
from webbot.store import redis_messages as messages
from webbot.store import redis_opening as opening
from webbot.store import redis_records as whole
from webbot.store import redis_sessions as sessions
from webbot.store import redis_shares as shares
from webbot.store import redis_turns as turns
from webbot.store import redis_verify as verifying
from webbot.store.base import Entry, Record, Store
from webbot.store.redis_address import read
from webbot.store.redis_keys import text
from webbot.store.redis_scripts import CHECK
from webbot.store.redis_server import Server
from webbot.store.redis_talks import Talks
from webbot.store.rules import LARGEST


class RedisStore(Store):
    """The store at `url`: "redis://USER:PASSWORD@HOST:PORT/0", "rediss://..." with TLS, "unix:///PATH?db=0" a socket.

    Raises SettingsError when that is no address, or the server is none that conversations can be kept in: too old, without
    `appendonly yes` (unless the URL ends in "?aof=no"), one that deletes what it has no room for, a replica, a cluster, with
    data of a newer webbot. Raises Unavailable when the server is away.
    """

    searches_texts = False

    def __init__(self, url: str) -> None:
        self._address = read(url)
        self._server = Server(self._address)
        self._talks = Talks(self._server)
        try:
            opening.prepare(self._server, self._address)
        except BaseException:
            self._server.close()
            raise

    def __repr__(self) -> str:
        return f"RedisStore({self._address.shown!r})"

    # conversations

    def create_conversation(
        self, owner: str, *, title: str = "", role: str = "", model: str = "", beginning: Sequence[Message] = ()
    ) -> Conversation:
        return conversations.create(self._talks, owner, beginning, title=title, role=role, model=model)

    def add_conversation(
        self, owner: str, about: Conversation, messages: Sequence[Message], files: Sequence[tuple[File, str, bytes]] = ()
    ) -> Conversation:
        return conversations.add(self._talks, owner, about, messages, files)

    def conversation(self, owner: str, conversation: str) -> Conversation:
        return self._talks.find(owner, conversation).about

    def owner(self, conversation: str) -> str:
        return self._talks.find(None, conversation).about.owner

    def conversations(
        self, owner: str, *, search: str = "", limit: int = 100, offset: int = 0
    ) -> Sequence[Conversation]:
        return conversations.listed(self._talks, owner, search, limit, offset)

    def count(self, owner: str | None = None) -> int:
        return conversations.count(self._talks, owner)

    def change_conversation(
        self, owner: str, conversation: str, *, only_version: int | None = None, **changes: object
    ) -> Conversation:
        return conversations.change(self._talks, owner, conversation, only_version, changes)

    def delete_conversation(
        self, owner: str, conversation: str, *, only_version: int | None = None, at_once: bool = False
    ) -> None:
        conversations.delete(self._talks, owner, conversation, only_version, at_once=at_once)

    def restore_conversation(self, owner: str, conversation: str) -> Conversation:
        return conversations.restore(self._talks, owner, conversation)

    def purge(self, before: float) -> int:
        return conversations.purge(self._talks, before)

    # messages

    def messages(
        self, owner: str, conversation: str, *, start: int = 0, before: int | None = None, limit: int | None = None
    ) -> Sequence[Message]:
        return messages.page(self._talks, owner, conversation, start=start, before=before, limit=limit)

    def tree(self, owner: str, conversation: str) -> Sequence[Message]:
        return messages.tree(self._talks, owner, conversation)

    def versions(self, owner: str, conversation: str, ids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        return branches.versions(self._talks, owner, conversation, ids)

    def message(self, owner: str, conversation: str, message: str) -> Message:
        return self._talks.one(owner, conversation, message)[1]

    def held(self, owner: str, conversation: str) -> Sequence[Message]:
        return messages.held(self._talks, owner, conversation)

    def change_message(
        self, owner: str, conversation: str, message: str, *, pinned: bool | None = None, feedback: Feedback | None = None
    ) -> Message:
        return messages.change(self._talks, owner, conversation, message, pinned=pinned, feedback=feedback)

    def delete_messages(self, owner: str, conversation: str, ids: Sequence[str]) -> None:
        messages.delete(self._talks, owner, conversation, ids)

    def begin_turn(
        self, owner: str, conversation: str, question: Message, *, after: str | None = None
    ) -> tuple[Message, Message]:
        return turns.begin(self._talks, owner, conversation, question, after)

    def begin_answer(self, owner: str, conversation: str, question: str) -> tuple[Message, Message]:
        return turns.begin_answer(self._talks, owner, conversation, question)

    def resume_answer(self, owner: str, conversation: str, answer: str) -> tuple[Message, Message]:
        return turns.resume(self._talks, owner, conversation, answer)

    def show(self, owner: str, conversation: str, message: str) -> Conversation:
        return turns.show(self._talks, owner, conversation, message)

    def save_answer(self, owner: str, conversation: str, answer: Message) -> None:
        turns.save(self._talks, owner, conversation, answer)

    def save_counts(self, owner: str, conversation: str, counts: Mapping[str, int], counted_by: str) -> None:
        messages.save_counts(self._talks, owner, conversation, counts, counted_by)

    def keep_request(self, owner: str, conversation: str, message: str, request: Mapping[str, Any]) -> None:
        messages.keep_request(self._talks, owner, conversation, message, request)

    def request(self, owner: str, conversation: str, message: str) -> Mapping[str, Any] | None:
        return messages.request(self._talks, owner, conversation, message)

    def clear(self, owner: str, conversation: str) -> None:
        messages.clear(self._talks, owner, conversation)

    def fail_interrupted(self, sentence: str, *, running: Collection[str] = ()) -> int:
        return turns.fail_interrupted(self._talks, sentence, running)

    # files

    def add_file(self, owner: str, conversation: str, file: File, text: str, data: bytes) -> File:
        return files.add(self._talks, owner, conversation, file, text, data)

    def files(self, owner: str, conversation: str) -> Sequence[File]:
        return files.all_of(self._talks, owner, conversation)

    def file_text(self, owner: str, conversation: str, file: str) -> str:
        return text(files.part(self._talks, owner, conversation, file, "text"))

    def file_data(self, owner: str, conversation: str, file: str) -> bytes:
        return files.part(self._talks, owner, conversation, file, "data")

    def delete_file(self, owner: str, conversation: str, file: str) -> None:
        files.delete(self._talks, owner, conversation, file)

    # reading by whoever has a link

    def share(self, owner: str, conversation: str) -> Share:
        return shares.make(self._talks, owner, conversation)

    def shared(self, owner: str, conversation: str) -> Share | None:
        return self._talks.find(owner, conversation).share

    def unshare(self, owner: str, conversation: str) -> None:
        shares.take_back(self._talks, owner, conversation)

    def read_share(self, token: str) -> tuple[Conversation, Sequence[Message]]:
        return shares.read(self._talks, token)

    # sessions

    def read_session(self, key: str) -> bytes | None:
        return sessions.read(self._talks, key)

    def write_session(self, key: str, value: bytes, seconds: float) -> None:
        sessions.write(self._talks, key, value, seconds)

    def delete_session(self, key: str) -> None:
        sessions.delete(self._talks, key)

    # entries

    def entry(self, kind: str, id: str) -> Entry | None:
        return entries.find(self._talks, kind, id)

    def entries(self, kind: str, owner: str | None = None) -> Sequence[Entry]:
        return entries.all_of(self._talks, kind, owner)

    def put_entry(self, entry: Entry) -> Entry:
        return entries.put(self._talks, entry)

    def delete_entry(self, kind: str, id: str) -> bool:
        return entries.delete(self._talks, kind, id)

    def add_up(self, key: str, amount: int, ends_at: float) -> int:
        return entries.add_up(self._talks, key, amount, ends_at)

    def hand_over(self, owner: str, to: str) -> int:
        return handing.hand_over(self._talks, owner, to)

    # the whole

    def records(self) -> Iterator[Record]:
        """As at one moment: everything is read into a temporary file, then again what changed meanwhile, the last of it while
        changes wait (at most two seconds)."""
        return whole.read(self._talks)

    def take(self, records: Iterable[Record]) -> None:
        """While it is being filled nobody else can write. What a killed process left half filled is emptied when the store is
        opened the next time."""
        filling.take(self._server, records)

    def verify(self) -> Sequence[str]:
        return verifying.damage(self._talks)

    def check(self) -> None:
        self._server.run(CHECK, [keys.ABOUT], int(time.time()) % LARGEST)
        opening.check_settings(self._server, self._address)

    def close(self) -> None:
        self._server.close()
