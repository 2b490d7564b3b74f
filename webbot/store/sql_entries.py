"""Entries and counters as rows: small values beside the conversations. Each function works in the transaction it is given."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, bindparam, delete, or_, select, text, update

from webbot.errors import Conflict
from webbot.store.base import Entry
from webbot.store.rules import OTHERWISE
from webbot.store.sql_schema import Key, counters, entries

ADD = text(
    "INSERT INTO counters (key, value, ends_at) VALUES (:key, :amount, :ends_at)"
    " ON CONFLICT (key) DO UPDATE SET"
    " value = CASE WHEN counters.ends_at <= :now THEN excluded.value ELSE counters.value + excluded.value END,"
    " ends_at = excluded.ends_at RETURNING value"
).bindparams(bindparam("key", type_=Key()))


NEW = text(
    "INSERT INTO entries (kind, id, owner, value, version, created_at, ends_at)"
    " VALUES (:kind, :id, :owner, :value, :version, :created_at, :ends_at) ON CONFLICT DO NOTHING"
).bindparams(*(bindparam(column.name, type_=column.type) for column in entries.c))


# Made once: every request asks this, and to make a statement takes longer than to run it.
FIND = select(entries).where(
    entries.c.kind == bindparam("kind"), entries.c.id == bindparam("id"),
    or_(entries.c.ends_at.is_(None), entries.c.ends_at > bindparam("now")),
)


def find(connection: Connection, kind: str, id: str) -> Entry | None:
    row = connection.execute(FIND, {"kind": kind, "id": id, "now": time.time()}).first()
    return None if row is None else entry_from(row)


def all_of(connection: Connection, kind: str, owner: str | None) -> Sequence[Entry]:
    chosen = [entries.c.kind == kind, lasts(entries), *([] if owner is None else [entries.c.owner == owner])]
    query = select(entries).where(*chosen).order_by(entries.c.created_at, entries.c.id)
    return [entry_from(row) for row in connection.execute(query)]


def put(connection: Connection, entry: Entry) -> Entry:
    """Also deletes the entries that have ended."""
    now = time.time()
    connection.execute(delete(entries).where(entries.c.ends_at <= now))
    if entry.version == 0:
        made = dataclasses.replace(entry, version=1, created_at=now)
        if not connection.execute(NEW, asdict(made)).rowcount:  # of several that do it at once, one waits and is told so
            raise Conflict(OTHERWISE)
        return made
    row = connection.execute(
        update(entries).where(_is(entry.kind, entry.id), entries.c.version == entry.version)
        .values(value=dict(entry.value), ends_at=entry.ends_at, version=entries.c.version + 1).returning(*entries.c)
    ).first()
    if row is None:
        raise Conflict(OTHERWISE)
    return entry_from(row)


def remove(connection: Connection, kind: str, id: str) -> bool:
    found = connection.scalars(delete(entries).where(_is(kind, id)).returning(entries.c.ends_at)).all()
    return any(ends_at is None or ends_at > time.time() for ends_at in found)


def add_up(connection: Connection, key: str, amount: int, ends_at: float) -> int:
    """Also deletes the counters that have ended."""
    now = time.time()
    connection.execute(delete(counters).where(counters.c.ends_at <= now))
    return connection.scalar(ADD, {"key": key, "amount": amount, "ends_at": ends_at, "now": now}) or 0


def entry_from(row: Row[Any]) -> Entry:
    """From a row of the table."""
    return Entry(**row._mapping)


def end(connection: Connection) -> None:
    """Deletes what has ended."""
    for table in (entries, counters):
        connection.execute(delete(table).where(table.c.ends_at <= time.time()))


def _is(kind: str, id: str) -> ColumnElement[bool]:
    return and_(entries.c.kind == kind, entries.c.id == id)


def lasts(table: Table) -> ColumnElement[bool]:
    return or_(table.c.ends_at.is_(None), table.c.ends_at > time.time())
