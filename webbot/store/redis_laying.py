"""Whole conversations written at once: a beginning that is copied, a conversation from elsewhere with all its branches.

What is large is laid down first, in portions, under keys that nobody knows yet and that end by themselves; the commit keeps them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from webbot.errors import BadInput
from webbot.messages import Message
from webbot.store.redis_branches import marks
from webbot.store.redis_change import Change
from webbot.store.redis_keys import raw
from webbot.store.redis_server import Server
from webbot.store.redis_tree import Tree
from webbot.store.redis_values import clean_message, message_value

NO_PARENT = "A message follows one that does not come before it."
LAID_FOR = 3_600_000  # ms until what was laid down and never committed is gone
PIECE = 1024 * 1024  # bytes in one step


def renumbered(said: Sequence[Message], new_ids: Sequence[str]) -> tuple[list[Message], dict[str, str]]:
    """Messages with ids and numbers of their own, and the new id of each old one. Raises BadInput for a parent that is not there
    before its child."""
    ids: dict[str, str] = {}
    known = sorted(message.number for message in said)
    found = []
    for number, (message, id) in enumerate(zip(said, new_ids, strict=True), start=1):
        if message.id in ids or (message.parent and message.parent not in ids):
            raise BadInput(NO_PARENT)
        ids[message.id] = id
        found.append(replace(
            message, id=id, number=number, parent=ids[message.parent] if message.parent else "",
            status="stopped" if message.status == "streaming" else message.status,
            # The number of the first message that is remembered, or of the one that would have come next.
            remembers_from=bisect_left(known, message.remembers_from) + 1 if message.remembers_from > 0 else 0,
        ))
    return found, ids


def lay_new(server: Server, change: Change, messages: Sequence[Message], tip: str) -> None:
    """Lays the messages (parents first) down for the conversation that `change` makes, and shows the branch through `tip`, or
    the newest one, with what its newest answer remembers."""
    if not messages:
        return
    tree, said = Tree(), {message.id: message for message in messages}
    for message in messages:
        tree.add(message.id, message.number, message.parent)
    shown = tree.branch(tree.newest_behind(tip))
    lay(server, change, messages, tree, shown)
    answers = (said[id] for id in reversed(shown) if said[id].role == "assistant")
    change.set(tip=shown[-1], **marks(next(answers, None)))


def lay(server: Server, change: Change, messages: Sequence[Message], tree: Tree, shown: Sequence[str]) -> None:
    """Lays the messages of that tree down, and those that are shown."""
    keys, clean = change.keys, [clean_message(message) for message in messages]
    put(server, change, keys.messages, "HSET", [(raw(one.id), message_value(one)) for one in clean])
    put(server, change, keys.children, "HSET", [(raw(before), tree.value(before)) for before in tree.after])
    put(server, change, keys.branch, "ZADD", [(tree.number[id], raw(id)) for id in shown])
    put(server, change, keys.pinned, "SADD", [(raw(one.id),) for one in clean if one.pinned])
    change.note(last=max(tree.number.values(), default=0))


def put(server: Server, change: Change, key: bytes, command: str, parts: Sequence[tuple[Any, ...]]) -> None:
    """Lays `parts` down under `key`, with that command."""
    if not parts:
        return
    for portion in _by_size(parts):
        server.ask(
            ("MULTI",), (command, key, *(word for part in portion for word in part)), ("PEXPIRE", key, LAID_FOR), ("EXEC",)
        )
    change.need(key)


def put_pieces(server: Server, change: Change, key: bytes, value: bytes) -> int:
    """Lays bytes down in pieces; how many."""
    pieces = [value[start:start + PIECE] for start in range(0, len(value), PIECE)]
    put(server, change, key, "HSET", list(enumerate(pieces)))
    return len(pieces)


def read_pieces(server: Server, key: bytes, pieces: int) -> bytes | None:
    """The bytes again; None when they are not all there."""
    found = [server.ask(("HGET", key, number))[0] for number in range(pieces)]
    return None if None in found else b"".join(found)


def _by_size(parts: Sequence[tuple[Any, ...]]) -> Iterator[Sequence[tuple[Any, ...]]]:
    """Portions of at most 500 parts and about one PIECE."""
    portion: list[tuple[Any, ...]] = []
    size = 0
    for part in parts:
        more = sum(len(word) for word in part if isinstance(word, bytes))
        if portion and (size + more > PIECE or len(portion) >= 500):
            yield portion
            portion, size = [], 0
        portion.append(part)
        size += more
    if portion:
        yield portion
