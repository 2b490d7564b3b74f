"""Conversations as rows: found, made, changed, deleted, brought back. Each function works in the transaction it is given.

Every statement names the owner, but for the one that asks for it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, Update, and_, delete, func, insert, select, update

from webbot.errors import Conflict, NotFound
from webbot.messages import Conversation
from webbot.store import sql_index as index
from webbot.store.rules import CHANGED, MISSING, new_id
from webbot.store.sql_rows import CONVERSATION, conversation_from
from webbot.store.sql_schema import conversations, places

PURGED_AT_ONCE = 20  # conversations in one transaction, so that others can write in between


def is_mine(owner: str, conversation: str) -> ColumnElement[bool]:
    return and_(conversations.c.id == conversation, conversations.c.owner == owner, conversations.c.deleted_at.is_(None))


def id_of(owner: str, conversation: str) -> ScalarSelect[str]:
    """The conversation's id, if it is this owner's."""
    return select(conversations.c.id).where(is_mine(owner, conversation)).scalar_subquery()


def found(count: int | None) -> None:
    if not count:
        raise NotFound(MISSING)


def find(connection: Connection, owner: str, conversation: str, *, to_write: bool = False) -> Conversation:
    """`to_write` keeps other processes from changing the conversation until this transaction ends. Raises NotFound."""
    query = select(*CONVERSATION).where(is_mine(owner, conversation))
    row = connection.execute(query.with_for_update(key_share=True) if to_write else query).first()
    if row is None:
        raise NotFound(MISSING)
    return conversation_from(row)


def find_version(connection: Connection, owner: str, conversation: str, only_version: int | None) -> Conversation:
    """As `find` to write. Raises Conflict when it has another version than `only_version`."""
    known = find(connection, owner, conversation, to_write=True)
    if only_version is not None and only_version != known.version:
        raise Conflict(CHANGED)
    return known


def owner_of(connection: Connection, conversation: str) -> str:
    query = select(conversations.c.owner).where(conversations.c.id == conversation, conversations.c.deleted_at.is_(None))
    owner = connection.scalar(query)
    if owner is None:
        raise NotFound(MISSING)
    return owner


def count(connection: Connection, owner: str | None) -> int:
    """How many the owner has; None: all owners."""
    mine = [] if owner is None else [conversations.c.owner == owner]
    query = select(func.count()).select_from(conversations).where(conversations.c.deleted_at.is_(None), *mine)
    return connection.scalar(query) or 0


def make(connection: Connection, owner: str, **values: Any) -> str:
    """A new conversation, at the owner's first place unless `place` is given; returns its id."""
    made, now = new_id(), time.time()
    values = {
        "title": "", "role": "", "created_at": now, "updated_at": now, "place": next_place(connection, owner), **values,
    }
    connection.execute(insert(conversations).values(id=made, owner=owner, **values))
    return made


def next_place(connection: Connection, owner: str) -> ColumnElement[int]:
    """A place before all others of this owner, as the statement finds it that uses it."""
    if connection.dialect.supports_sequences:
        return places.next_value()
    others = conversations.alias("others")
    highest = select(others.c.place).where(others.c.owner == owner).order_by(others.c.place.desc()).limit(1)
    return func.coalesce(highest.scalar_subquery(), 0) + 1


def place_by_time(connection: Connection, owner: str, updated_at: float, *, pinned: bool) -> ColumnElement[int]:
    """A place for what was last changed elsewhere: behind all others where it is not newer than the last of them, else before
    all. Pinned ones and others are two lists."""
    listed = and_(conversations.c.owner == owner, conversations.c.pinned == pinned, conversations.c.deleted_at.is_(None))
    last = connection.scalar(select(conversations.c.updated_at).where(listed).order_by(conversations.c.place).limit(1))
    if last is None or updated_at > last:
        return next_place(connection, owner)
    if connection.dialect.supports_sequences:
        return -places.next_value()
    return select(func.min(conversations.c.place) - 1).where(conversations.c.owner == owner).scalar_subquery()


def touch(connection: Connection, owner: str, conversation: str, *, moves: bool = True, **values: Any) -> None:
    """Changes a conversation; `moves` makes it the owner's last changed one. Raises NotFound."""
    values["version"] = conversations.c.version + 1
    if moves:
        values |= {"updated_at": time.time(), "place": next_place(connection, owner)}
    found(connection.execute(update(conversations).where(is_mine(owner, conversation)).values(values)).rowcount)


def setting(conversation: str, **values: Any) -> Update:
    """The statement that writes these values into a conversation that was just made."""
    return update(conversations).where(conversations.c.id == conversation).values(**values)


def remove(connection: Connection, owner: str, conversation: str) -> None:
    """Deletes it so that it can be restored. Its running answer should have been stopped before."""
    connection.execute(update(conversations).where(is_mine(owner, conversation)).values(deleted_at=time.time()))


def restore(connection: Connection, owner: str, conversation: str) -> Conversation:
    mine = and_(conversations.c.id == conversation, conversations.c.owner == owner)
    found(connection.execute(update(conversations).where(mine).values(deleted_at=None)).rowcount)
    return find(connection, owner, conversation)


def deleted_before(connection: Connection, before: float) -> Sequence[str]:
    """The ids of some conversations that were deleted before that time."""
    query = select(conversations.c.id).where(conversations.c.deleted_at < before).limit(PURGED_AT_ONCE)
    return connection.scalars(query.with_for_update(skip_locked=True)).all()


def erase(connection: Connection, conversation: str) -> None:
    """Deletes it for good, with all it has."""
    index.forget_conversation(connection, conversation)
    connection.execute(delete(conversations).where(conversations.c.id == conversation))
