"""One change of one conversation, gathered before it is committed: what is written beside it, and how it itself becomes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from webbot.errors import Conflict
from webbot.messages import Message
from webbot.store import redis_keys as keys
from webbot.store.redis_keys import Keys, raw
from webbot.store.redis_scripts import PINNED
from webbot.store.redis_values import Kept, kept_value, message_value, portions
from webbot.store.rules import BUSY, storable

Word = bytes | str | int | float
PERSISTS = b"PERSIST"


class Change:
    """What will be done to the conversation of `kept`, all of it or nothing. `found` is what was read with it. `moves`: to the
    top of its owner's list, or below all others where it `sinks`."""

    def __init__(self, kept: Kept, found: Any = None) -> None:
        self.kept = self.was = kept
        self.found = found
        self.keys = Keys(kept.about.id)
        self.moves = self.sinks = self.gone = self.frees = False
        self.needed: list[bytes] = []
        self._commands: list[Sequence[Word]] = []
        self._written: dict[bytes, None] = {}

    def do(self, command: str, key: bytes, *words: Word) -> None:
        self._commands.append((command, key, *words))
        self._written[key] = None

    def set(self, **values: Any) -> None:
        """Changes the conversation, its version left as it is."""
        clean: dict[str, Any] = {
            name: storable(value) if isinstance(value, str) and name != "tip" else value for name, value in values.items()
        }
        self.kept = replace(self.kept, about=replace(self.kept.about, **clean))

    def touch(self, *, moves: bool = True, **values: Any) -> None:
        """Changes the conversation and its version; `moves` makes it the owner's last changed one."""
        if moves:
            values["updated_at"] = time.time()
        self.set(version=self.kept.about.version + 1, **values)
        self.moves = self.moves or moves

    def note(self, **values: Any) -> None:
        """Changes what is kept beside the conversation: last, streaming, share, deleted_at."""
        self.kept = replace(self.kept, **values)

    def put_message(self, message: Message) -> None:
        """Writes a message as a value; it does not place it in the tree."""
        self.do("HSET", self.keys.messages, raw(message.id), message_value(message))

    def put_messages(self, messages: Iterable[Message]) -> None:
        for portion in portions(list(messages), 100):
            self.do("HSET", self.keys.messages, *(word for one in portion for word in (raw(one.id), message_value(one))))

    def put_branch(self, numbered: Sequence[tuple[str, int]]) -> None:
        """Adds messages to the shown branch."""
        for portion in portions(numbered):
            self.do("ZADD", self.keys.branch, *(word for id, number in portion for word in (number, raw(id))))

    def need(self, key: bytes) -> None:
        """`key` was written beforehand to end by itself; it must be there still, and stays."""
        self.needed.append(key)
        self.do("PERSIST", key)

    def stream(self, id: str) -> None:
        """The answer `id` is being written from now on; "" none."""
        self.note(streaming=id)
        self.do("SADD" if id else "SREM", keys.RUNNING, self.keys.id)

    def refuse_busy(self) -> None:
        """Raises Conflict while an answer is streaming."""
        if self.kept.streaming:
            raise Conflict(BUSY)

    def list_it(self, words: bytes, *, place: int | None = None) -> None:
        """Puts its title into its owner's; with `place` also the conversation into the list."""
        owner = self.kept.about.owner
        self.do("HSET", keys.owners_titles(owner), self.keys.id, words)
        if place is not None:
            self.do("ZADD", keys.owners_list(owner), place + (PINNED if self.kept.about.pinned else 0), self.keys.id)

    def unlist(self) -> None:
        owner = self.kept.about.owner
        self.do("ZREM", keys.owners_list(owner), self.keys.id)
        self.do("HDEL", keys.owners_titles(owner), self.keys.id)

    def drop(self, names: Iterable[bytes]) -> None:
        """Deletes whole keys."""
        for portion in portions(list(names)):
            self.do("UNLINK", *portion)

    def arguments(self, hold: str) -> tuple[list[bytes], list[Word]]:
        """Keys and arguments of the script COMMIT."""
        about = self.kept.about
        names = [keys.ABOUT, keys.HOLD, keys.CONVERSATIONS, self.keys.base, keys.owners_list(about.owner), *self.needed]
        words: list[Word] = [
            hold, secrets.token_urlsafe(12), self.keys.id, self.was.revision, "frees" if self.frees else "",
            (PINNED if about.pinned else 0) if self.moves else "", b"" if self.gone else kept_value(self.kept), len(self.needed),
            -1 if self.sinks else 1,
        ]
        for command in self._commands:
            words += [len(command), *command]
        return names + [key for key in self._written if key not in names], words
