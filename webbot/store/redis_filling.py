"""An empty store filled with the records of another one. Nobody else can write meanwhile, and what fails leaves it empty."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterable
from typing import Any

from webbot.errors import Conflict, Problem, Unavailable, Unusable
from webbot.messages import Conversation, File, Message, Share
from webbot.store import redis_entries as entries
from webbot.store import redis_files as files
from webbot.store import redis_keys as keys
from webbot.store import redis_laying as laying
from webbot.store import redis_sessions as sessions
from webbot.store.base import Entry, Record
from webbot.store.redis_change import Change
from webbot.store.redis_entry_scripts import BEGIN_FILLING
from webbot.store.redis_keys import raw
from webbot.store.redis_scripts import END_FILLING, END_HOLD, TAKE_HOLD
from webbot.store.redis_server import Server
from webbot.store.redis_talks import COPIED, Talks
from webbot.store.redis_titles import title_words
from webbot.store.redis_tree import Tree
from webbot.store.redis_values import Kept, message_from, packed, portions

NOT_EMPTY = "There is already something in this store."
UNREADABLE = "What is copied is damaged: a {kind} of it cannot be read."
ALONE = ("session", "entry", "counter")  # what is beside the conversations
HELD_FOR = 60_000  # ms that the store is ours without another word
RENEWED_AFTER = 5.0  # seconds
GATES = (keys.ABOUT, keys.HOLD)


def take(server: Server, records: Iterable[Record]) -> None:
    """Raises Conflict when there is anything in the store, Unusable for records that are none."""
    hold = secrets.token_urlsafe(12)
    talks = Talks(server, hold)
    if not server.run(TAKE_HOLD, GATES, hold, HELD_FOR):
        raise Unavailable(COPIED, retry_after=5)
    lists = (keys.CONVERSATIONS, keys.SESSIONS, keys.COUNTERS, keys.KINDS)
    begun = server.run(BEGIN_FILLING, (*GATES, *lists), hold, int(time.time() * 1000), keys.PREFIX)
    if begun != 1:
        server.run(END_HOLD, GATES, hold)
        raise Conflict(NOT_EMPTY) if begun == b"FULL" else Unavailable(COPIED, retry_after=5)
    try:
        _fill(talks, records)
    except BaseException:
        with contextlib.suppress(Problem):  # else it is emptied when it is opened the next time
            empty(server, hold)
        raise
    server.run(END_FILLING, GATES, hold)


def empty(server: Server, hold: str) -> None:
    """Deletes everything of ours but the version, then ends the filling."""
    for pattern in keys.PATTERNS:
        cursor: Any = 0
        while True:
            ((cursor, found),) = server.ask(("SCAN", cursor, "MATCH", pattern, "COUNT", 1000))
            for portion in portions(found):
                server.ask(("UNLINK", *portion))
            if int(cursor) == 0:
                break
    server.ask(("UNLINK", *keys.LISTS))
    server.run(END_FILLING, GATES, hold)


def _fill(talks: Talks, records: Iterable[Record]) -> None:
    talk: _Talk | None = None
    renewed = time.monotonic()
    for record in records:
        try:
            if record.kind in ("conversation", *ALONE) and talk is not None:
                talk.commit()
                talk = None
            if record.kind == "session":
                sessions.put(talks, record.fields["key"], record.fields["value"], record.fields["ends_at"])
            elif record.kind == "entry":
                entries.put_as_it_is(talks, Entry(**record.fields))
            elif record.kind == "counter":
                entries.put_counter(talks, record.fields["key"], record.fields["value"], record.fields["ends_at"])
            elif record.kind == "conversation":
                talk = _Talk(talks, record)
            elif talk is None:
                raise ValueError("not behind its conversation")
            else:
                talk.add(record)
        except (KeyError, TypeError, ValueError) as error:
            raise Unusable(UNREADABLE, kind=record.kind) from error
        if time.monotonic() - renewed > RENEWED_AFTER:
            if not talks.server.run(TAKE_HOLD, GATES, talks.hold, HELD_FOR):
                raise Unavailable(COPIED, retry_after=5)
            renewed = time.monotonic()
    if talk is not None:
        talk.commit()


class _Talk:
    """One conversation on its way into the store: its messages are written together, its files one by one."""

    def __init__(self, talks: Talks, record: Record) -> None:
        fields = dict(record.fields)
        deleted_at = fields.pop("deleted_at")
        self.talks = talks
        self.change = Change(Kept(about=Conversation(**fields), deleted_at=deleted_at))
        self.messages: dict[str, Message] = {}
        self.files = 0

    def add(self, record: Record) -> None:
        """Raises ValueError for what is not of this conversation."""
        fields = dict(record.fields)
        if record.kind == "request":
            if fields["message"] not in self.messages:
                raise ValueError("of another conversation")
            self.change.do("HSET", self.change.keys.requests, raw(fields["message"]), packed(fields["value"]))
            return
        if fields["conversation"] != self.change.kept.about.id:
            raise ValueError("of another conversation")
        if record.kind == "message":
            del fields["conversation"]
            self.messages[fields["id"]] = _checked(message_from(fields))
        elif record.kind == "file":
            self.files += 1
            words, data = fields.pop("text"), fields.pop("data")
            del fields["conversation"]
            files.put(self.talks, self.change, File(**fields), self.files, words, data)
        elif record.kind == "share":
            self.change.do("HSET", keys.SHARES, raw(fields["token"]), self.change.keys.id)
            self.change.note(share=Share(**fields))
        else:
            raise ValueError("an unknown kind")

    def commit(self) -> None:
        change, tree = self.change, Tree()
        for message in sorted(self.messages.values(), key=lambda message: message.number):
            tree.add(message.id, message.number, message.parent)
        laying.lay(self.talks.server, change, list(self.messages.values()), tree, tree.branch(change.kept.about.tip))
        for message in self.messages.values():
            if message.status == "streaming":
                change.stream(message.id)
        change.moves = True
        if change.kept.deleted_at is None:
            change.list_it(title_words(change.kept.about.title))
        else:
            change.unlist()
            change.do("ZADD", keys.DELETED, change.kept.deleted_at, change.keys.id)
        self.talks.make(change)


def _checked(message: Message) -> Message:
    """Raises ValueError for an id that the tree cannot be written with."""
    for id in (message.id, message.parent):
        if any(sign in id for sign in " :\n"):
            raise ValueError("no id of a message")
    return message
