"""Conversations: made, listed, changed, deleted, brought back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from webbot.errors import Conflict, DiskFull, NotFound
from webbot.messages import Conversation, File, Message
from webbot.store import redis_branches as branches
from webbot.store import redis_files as files
from webbot.store import redis_keys as keys
from webbot.store import redis_laying as laying
from webbot.store.redis_change import Change
from webbot.store.redis_keys import raw, text
from webbot.store.redis_scripts import LEAST_PINNED, LIST
from webbot.store.redis_talks import Talks
from webbot.store.redis_titles import title_words, wanted_words
from webbot.store.redis_values import Kept, clean_message, conversations_from
from webbot.store.rules import CHANGED, check_changes, marks, moves, new_id, within

PURGED_AT_ONCE = 100


def create(
    talks: Talks, owner: str, beginning: Sequence[Message], *, title: str, role: str, model: str
) -> Conversation:
    now = time.time()
    about = Conversation(id=new_id(), owner=owner, created_at=now, updated_at=now)
    change = Change(Kept(about=about))
    change.set(title=title, role=role, model=model)
    chained = [replace(message, id=str(at), parent=str(at - 1) if at else "") for at, message in enumerate(beginning)]
    said, _ = laying.renumbered(chained, [new_id() for _ in chained])
    laying.lay_new(talks.server, change, said, said[-1].id if said else "")
    return _make(talks, change)


def add(
    talks: Talks, owner: str, about: Conversation, messages: Sequence[Message], given: Sequence[tuple[File, str, bytes]]
) -> Conversation:
    said, ids = laying.renumbered(messages, [new_id() for _ in messages])
    change = Change(Kept(about=Conversation(id=new_id(), owner=owner)))
    change.set(
        title=about.title, titled_by=about.titled_by, role=about.role, pinned=about.pinned, speaks=about.speaks,
        markup=about.markup, model=about.model, created_at=about.created_at, updated_at=about.updated_at,
    )
    laying.lay_new(talks.server, change, said, ids.get(about.tip, ""))
    for number, (file, words, data) in enumerate(given, start=1):
        files.put(talks, change, replace(file, id=new_id()), number, words, data)
    change.sinks = _is_behind_all(talks, change.kept.about)
    return _make(talks, change)


def _is_behind_all(talks: Talks, about: Conversation) -> bool:
    """Whether it is not newer than the last one of its owner's list: of the pinned ones there, or of the others."""
    least, most = (LEAST_PINNED, "+inf") if about.pinned else ("-inf", f"({LEAST_PINNED}")
    (ids,) = talks.server.ask(("ZRANGEBYSCORE", keys.owners_list(about.owner), least, most, "LIMIT", 0, 1))
    try:
        return any(about.updated_at <= talks.find(about.owner, text(id)).about.updated_at for id in ids)
    except NotFound:  # deleted meanwhile
        return False


def _make(talks: Talks, change: Change) -> Conversation:
    change.moves = True
    change.list_it(title_words(change.kept.about.title))
    talks.make(change)
    return change.kept.about


def listed(talks: Talks, owner: str, search: str, limit: int, offset: int) -> Sequence[Conversation]:
    words = wanted_words(search)
    if within(limit) == 0 or words is None:
        return []
    names = [keys.owners_list(owner), keys.owners_titles(owner)]
    joined = talks.server.run(LIST, names, within(offset), within(limit), keys.PREFIX + b"{", b"}", *words)
    return conversations_from(joined)


def count(talks: Talks, owner: str | None) -> int:
    """How many the owner has; None: all owners."""
    if owner is not None:
        (found,) = talks.server.ask(("ZCARD", keys.owners_list(owner)))
        return int(found)
    every, deleted = talks.server.ask(("ZCARD", keys.CONVERSATIONS), ("ZCARD", keys.DELETED))
    return max(0, int(every) - int(deleted))


def change(
    talks: Talks, owner: str, conversation: str, only_version: int | None, changes: dict[str, Any]
) -> Conversation:
    check_changes(changes)
    kept = marks(changes)

    def work(change: Change) -> Conversation:
        check_version(change, only_version)
        change.touch(moves=moves(changes), **changes)
        if kept and (answer := branches.newest_answer(talks, conversation)):
            change.put_message(clean_message(replace(answer, **kept)))
        if "title" in changes:
            change.list_it(title_words(change.kept.about.title))
        return change.kept.about

    return talks.change(owner, conversation, work)


def check_version(change: Change, only_version: int | None) -> None:
    """Raises Conflict when the conversation has another version."""
    if only_version is not None and only_version != change.kept.about.version:
        raise Conflict(CHANGED)


def delete(talks: Talks, owner: str, conversation: str, only_version: int | None, *, at_once: bool) -> None:
    def remove(change: Change) -> None:
        """A running answer is stopped where it is: nobody writes it any more."""
        check_version(change, only_version)
        if change.kept.streaming:
            _, answer = talks.one(owner, conversation, change.kept.streaming)
            change.put_message(clean_message(replace(answer, status="stopped")))
            change.stream("")
        now = time.time()
        change.note(deleted_at=now)
        change.unlist()
        change.do("ZADD", keys.DELETED, now, change.keys.id)

    def erase_it(change: Change) -> None:
        check_version(change, only_version)
        erase(talks, change)

    if not at_once:
        try:
            return talks.change(owner, conversation, remove)
        except DiskFull:  # then it must make room
            pass
    return talks.change(owner, conversation, erase_it, frees=True)


def erase(talks: Talks, change: Change) -> None:
    """Deletes it for good, with all it has."""
    (known,) = talks.server.ask(("HKEYS", change.keys.files))
    change.gone = True
    change.drop(change.keys.parts(text(id) for id in known))
    change.unlist()
    change.do("SREM", keys.RUNNING, change.keys.id)
    change.do("ZREM", keys.DELETED, change.keys.id)
    if change.kept.share is not None:
        change.do("HDEL", keys.SHARES, raw(change.kept.share.token))


def restore(talks: Talks, owner: str, conversation: str) -> Conversation:
    def work(change: Change) -> Conversation:
        if change.kept.deleted_at is not None:
            change.note(deleted_at=None)
            change.do("ZREM", keys.DELETED, change.keys.id)
            change.list_it(title_words(change.kept.about.title), place=change.kept.place)
        return change.kept.about

    return talks.change(owner, conversation, work, frees=True, deleted=True)


def purge(talks: Talks, before: float) -> int:
    def work(change: Change) -> bool:
        old = change.kept.deleted_at is not None and change.kept.deleted_at < before
        if old:
            erase(talks, change)
        return old

    purged = 0
    while True:
        (ids,) = talks.server.ask(("ZRANGEBYSCORE", keys.DELETED, "-inf", f"({before!r}", "LIMIT", 0, PURGED_AT_ONCE))
        done = sum(_purged(talks, text(id), work) for id in ids)
        purged += done
        if not done:
            return purged


def _purged(talks: Talks, id: str, work: Any) -> bool:
    try:
        return talks.change(None, id, work, frees=True, deleted=True)
    except NotFound:  # another process was quicker
        talks.server.ask(("ZREM", keys.DELETED, raw(id)))
        return False
