"""Conversations as they are kept: found for their owner, read as at one moment, changed in one step.

A change reads, decides here, and commits by a script only what was read still being so; else it begins anew. So what is decided
is written in one language, and no two processes ever have half of a change each.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from webbot.errors import Conflict, NotFound, Unavailable
from webbot.messages import Message
from webbot.store import redis_tree
from webbot.store.redis_change import Change
from webbot.store.redis_keys import Keys, raw, text
from webbot.store.redis_scripts import COMMIT, PAGE, SOME, TREE
from webbot.store.redis_server import Script, Server
from webbot.store.redis_tree import Tree
from webbot.store.redis_values import Kept, kept_from, messages_from, portions
from webbot.store.rules import CHANGED, MISSING, NO_MESSAGE

PATIENCE = 5.0  # seconds that a change tries while others change the same conversation, or somebody reads everything
COPIED = "The store is being filled with a copy. Please try again once that has ended."
HELD = "Everything in the store is being read. Please try again in a moment."
LOST = "Saving took too long. Please try again."
T = TypeVar("T")


class Talks:
    """The conversations in `server`. `hold` is whose hold this one works under, "" for none."""

    def __init__(self, server: Server, hold: str = "") -> None:
        self.server, self.hold = server, hold

    # reading

    def find(self, owner: str | None, conversation: str, *, deleted: bool = False) -> Kept:
        """The conversation, if it is this owner's (None: whosever it is). `deleted`: also a deleted one. Raises NotFound."""
        (reply,) = self.server.ask(("HMGET", Keys(conversation).base, "about", "place", "revision"))
        return self.mine(reply, owner, deleted=deleted)

    def mine(self, reply: Sequence[bytes | None], owner: str | None, *, deleted: bool = False) -> Kept:
        """From the fields about, place and revision. Raises NotFound."""
        about, place, revision = reply
        if about is None or revision is None:
            raise NotFound(MISSING)
        kept = kept_from(about, place, revision)
        if (owner is not None and kept.about.owner != owner) or (kept.deleted_at is not None and not deleted):
            raise NotFound(MISSING)
        return kept

    def some(self, owner: str | None, conversation: str, ids: Sequence[str]) -> tuple[Kept, list[Message]]:
        """Those of the messages that are there, in this order; at most 500 ids."""
        keys = Keys(conversation)
        reply, joined = self.server.run(SOME, [keys.base, keys.messages], *map(raw, ids))
        return self.mine(reply, owner), messages_from(joined)

    def one(self, owner: str | None, conversation: str, id: str) -> tuple[Kept, Message]:
        """One message. Raises NotFound."""
        kept, found = self.some(owner, conversation, [id])
        if not found:
            raise NotFound(NO_MESSAGE)
        return kept, found[0]

    def page(
        self, owner: str | None, conversation: str, least: int, before: int | None, limit: int
    ) -> tuple[Kept, list[Message]]:
        """Of the shown branch, in order."""
        keys = Keys(conversation)
        end = "+inf" if before is None else f"({before}"
        reply, joined = self.server.run(PAGE, [keys.base, keys.branch, keys.messages], least, end, limit)
        return self.mine(reply, owner), messages_from(joined)[::-1]

    def tree(self, owner: str | None, conversation: str, *, deleted: bool = False) -> tuple[Kept, Tree]:
        keys = Keys(conversation)
        reply, lines = self.server.run(TREE, [keys.base, keys.children])
        kept = self.mine(reply, owner, deleted=deleted)
        return kept, redis_tree.from_lines(text(lines))

    def all_of(self, conversation: str, ids: Sequence[str]) -> list[Message]:
        """Those messages, however many; whoever calls has found the conversation to be the caller's."""
        keys = Keys(conversation)
        found: list[Message] = []
        for portion in portions(ids):
            found += messages_from(self.server.run(SOME, [keys.base, keys.messages], *map(raw, portion))[1])
        return found

    def steadily(self, conversation: str, work: Callable[[], tuple[Kept, T]]) -> T:
        """What `work` reads in several steps, as at one moment: it reads anew while the conversation changes."""
        until = time.monotonic() + PATIENCE
        while True:
            kept, result = work()
            (revision,) = self.server.ask(("HGET", Keys(conversation).base, "revision"))
            if revision is not None and revision.decode() == kept.revision:
                return result
            pause(until, Conflict(CHANGED))

    # changing

    def change(
        self, owner: str | None, conversation: str, work: Callable[[Change], T], *, frees: bool = False, deleted: bool = False,
        read: Callable[[], tuple[Kept, Any]] | None = None,
    ) -> T:
        """Finds the conversation, lets `work` gather the change, and commits it; returns what `work` did.

        `work` runs again when the conversation changed meanwhile. `frees`: this frees memory, or must not be lost; a full
        server lets it through. `deleted`: also a deleted conversation. `read` finds it in another way, and more with it, which
        is the change's `found`. Raises NotFound, and what `work` raises.
        """
        until = time.monotonic() + PATIENCE
        while True:
            kept, found = read() if read is not None else (self.find(owner, conversation, deleted=deleted), None)
            change = Change(kept, found)
            change.frees = frees
            result = work(change)
            if self._commit(change, until):
                return result
            pause(until, Conflict(CHANGED))

    def make(self, change: Change) -> None:
        """Commits a conversation that is not there yet."""
        if not self._commit(change, time.monotonic() + PATIENCE):
            raise Conflict(CHANGED)

    def _commit(self, change: Change, until: float) -> bool:
        """Whether it is done: not when the conversation is another than the one that was read."""
        names, words = change.arguments(self.hold)
        reply = self.write(COMMIT, names, *words, until=until)
        if reply == b"LOST":
            raise Unavailable(LOST, retry_after=2)
        return reply != b"CHANGED"

    def write(self, script: Script, names: Sequence[bytes], *words: Any, until: float | None = None) -> Any:
        """Runs a script that passes the gate; waits while somebody reads everything."""
        until = time.monotonic() + PATIENCE if until is None else until
        while True:
            reply = self.server.run(script, names, *words)
            if reply == b"FILLING":
                raise Unavailable(COPIED, retry_after=5)
            if reply != b"HELD":
                return reply
            pause(until, Unavailable(HELD, retry_after=2))


def pause(until: float, problem: Exception) -> None:
    """Waits a moment; raises `problem` once `until` is over."""
    if time.monotonic() >= until:
        raise problem
    time.sleep(random.uniform(0.001, 0.01))
