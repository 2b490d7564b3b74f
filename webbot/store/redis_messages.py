"""Messages: read by pages, held, judged, deleted; the counts of their tokens, and what programs asked for beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from webbot.errors import BadInput, Conflict
from webbot.messages import Feedback, Message, Share
from webbot.store import redis_branches as branches
from webbot.store import redis_files as files
from webbot.store import redis_keys as keys
from webbot.store import redis_tree
from webbot.store.redis_change import Change
from webbot.store.redis_keys import Keys, raw
from webbot.store.redis_scripts import HELD
from webbot.store.redis_talks import Talks
from webbot.store.redis_tree import Tree
from webbot.store.redis_values import messages_from, packed, portions, unpacked
from webbot.store.rules import BUSY, LARGEST, NO_FEEDBACK, storable, within


def page(
    talks: Talks, owner: str, conversation: str, *, start: int = 0, before: int | None = None, limit: int | None = None
) -> list[Message]:
    most = LARGEST if limit is None else within(limit)
    return talks.page(owner, conversation, within(start), None if before is None else within(before), most)[1]


def tree(talks: Talks, owner: str | None, conversation: str, *, deleted: bool = False) -> list[Message]:
    """In portions, so that no step takes long."""
    def read() -> Any:
        kept, known = talks.tree(owner, conversation, deleted=deleted)
        return kept, talks.all_of(conversation, list(known.number))

    return talks.steadily(conversation, read)


def held(talks: Talks, owner: str, conversation: str) -> list[Message]:
    names = Keys(conversation)
    reply, joined = talks.server.run(HELD, [names.base, names.pinned, names.branch, names.messages])
    talks.mine(reply, owner)
    near = {message.id: message for message in messages_from(joined)}
    found = {}
    for message in near.values():
        before = near.get(message.parent)
        paired = before is not None and before.role == "user" and message.role == "assistant"
        if message.pinned or (paired and before is not None and before.pinned):
            found[message.id] = message
        if message.pinned and paired and before is not None:
            found[before.id] = before
    return sorted(found.values(), key=lambda message: message.number)


def change(
    talks: Talks, owner: str, conversation: str, message: str, *, pinned: bool | None, feedback: Feedback | None
) -> Message:
    changes = {name: value for name, value in (("pinned", pinned), ("feedback", feedback)) if value is not None}

    def work(change: Change) -> Message:
        _, known = talks.one(owner, conversation, message)
        if feedback is not None and (known.role != "assistant" or feedback not in ("", "up", "down")):
            raise BadInput(NO_FEEDBACK)
        if not changes:
            return known
        new = replace(known, **changes)  # type: ignore[arg-type]
        change.put_message(new)
        if pinned is not None:
            change.do("SADD" if pinned else "SREM", change.keys.pinned, raw(message))
        change.touch(moves=False)
        return new

    return talks.change(owner, conversation, work)


def delete(talks: Talks, owner: str, conversation: str, ids: Sequence[str]) -> None:
    """What follows one of them then follows what was before it."""
    def work(change: Change) -> None:
        _, known = talks.tree(owner, conversation)
        gone = set(ids) & set(known.number)
        if change.kept.streaming in gone:
            raise Conflict(BUSY)
        if gone:
            _delete(talks, change, known, gone)

    talks.change(owner, conversation, work, frees=True)


def _delete(talks: Talks, change: Change, known: Tree, gone: set[str]) -> None:
    stays = {id: _stays(known, gone, id) for id in gone}
    left = redis_tree.from_parents({
        id: (number, stays.get(known.before[id], known.before[id])) for id, number in known.number.items() if id not in gone
    })
    for portion in portions(sorted(gone)):
        for key in (change.keys.messages, change.keys.requests, change.keys.children):
            change.do("HDEL", key, *map(raw, portion))
        change.do("SREM", change.keys.pinned, *map(raw, portion))
    branches.put_after(change, left, set(stays.values()))
    moved = [id for id in left.number if left.before[id] != known.before[id]]
    change.put_messages(
        replace(message, parent=left.before[message.id]) for message in talks.all_of(change.kept.about.id, moved)
    )
    tip = change.kept.about.tip
    end = left.newest_behind(stays[tip]) if tip in gone else tip
    shown = branches.show(change, left, end, gone=gone)
    change.note(last=max(left.number.values(), default=0))
    _move_share(change, stays)
    change.touch(tip=end, **branches.marks_of(talks, change.kept.about.id, shown))


def _stays(tree: Tree, gone: set[str], id: str) -> str:
    """The first message before that one that stays, "" without one."""
    while id in gone:
        id = tree.before[id]
    return id


def _move_share(change: Change, stays: Mapping[str, str]) -> None:
    share = change.kept.share
    if share is None or share.tip not in stays:
        return
    moved: Share | None = replace(share, tip=stays[share.tip]) if stays[share.tip] else None
    change.note(share=moved)
    if moved is None:
        change.do("HDEL", keys.SHARES, raw(share.token))


def clear(talks: Talks, owner: str, conversation: str) -> None:
    def work(change: Change) -> None:
        change.drop(change.keys.parts(files.kept(talks, conversation)))
        if change.kept.streaming:
            change.stream("")
        if change.kept.share is not None:
            change.do("HDEL", keys.SHARES, raw(change.kept.share.token))
        change.note(last=0, share=None)
        change.touch(remembers_from=0, cut_for="", tip="")

    talks.change(owner, conversation, work, frees=True)


def save_counts(talks: Talks, owner: str, conversation: str, counts: Mapping[str, int], counted_by: str) -> None:
    def work(change: Change) -> None:
        known = talks.all_of(conversation, list(counts))
        change.put_messages(replace(one, tokens=counts[one.id], counted_by=storable(counted_by)) for one in known)
        if len(known) < len(counts):
            files.put_counts(talks, change, dict(counts), storable(counted_by))

    talks.change(owner, conversation, work)


def keep_request(talks: Talks, owner: str, conversation: str, message: str, request: Mapping[str, Any]) -> None:
    def work(change: Change) -> None:
        talks.one(owner, conversation, message)
        change.do("HSET", change.keys.requests, raw(message), packed(dict(request)))

    talks.change(owner, conversation, work)


def request(talks: Talks, owner: str, conversation: str, message: str) -> Mapping[str, Any] | None:
    talks.one(owner, conversation, message)
    (value,) = talks.server.ask(("HGET", Keys(conversation).requests, raw(message)))
    return None if value is None else unpacked(value)


