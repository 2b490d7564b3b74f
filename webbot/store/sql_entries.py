"""Entries and counters as rows: small values beside the conversations. Each function works in the transaction it is given."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, insert, or_, select, text, update

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


def find(connection: Connection, kind: str, id: str) -> Entry | None:
    row = connection.execute(select(entries).where(_is(kind, id), _lasts())).first()
    return None if row is None else entry_from(row)


def all_of(connection: Connection, kind: str, owner: str | None) -> Sequence[Entry]:
    chosen = [entries.c.kind == kind, _lasts(), *([] if owner is None else [entries.c.owner == owner])]
    query = select(entries).where(*chosen).order_by(entries.c.created_at, entries.c.id)
    return [entry_from(row) for row in connection.execute(query)]


def put(connection: Connection, entry: Entry) -> Entry:
    """Also deletes the entries that have ended."""
    now = time.time()
    connection.execute(delete(entries).where(entries.c.ends_at <= now))
    if entry.version == 0:
        made = dataclasses.replace(entry, version=1, created_at=now)
        if connection.scalar(select(entries.c.version).where(_is(entry.kind, entry.id))) is not None:
            raise Conflict(OTHERWISE)
        connection.execute(insert(entries).values(**row_of(made)))
        return made
    changed = connection.execute(
        update(entries).where(_is(entry.kind, entry.id), entries.c.version == entry.version)
        .values(value=dict(entry.value), ends_at=entry.ends_at, version=entries.c.version + 1)
    )
    if not changed.rowcount:
        raise Conflict(OTHERWISE)
    return dataclasses.replace(entry, version=entry.version + 1)


def remove(connection: Connection, kind: str, id: str) -> bool:
    row = connection.execute(delete(entries).where(_is(kind, id)).returning(entries.c.ends_at)).first()
    return row is not None and (row.ends_at is None or row.ends_at > time.time())


def add_up(connection: Connection, key: str, amount: int, ends_at: float) -> int:
    """Also deletes the counters that have ended."""
    now = time.time()
    connection.execute(delete(counters).where(counters.c.ends_at <= now))
    return connection.scalar(ADD, {"key": key, "amount": amount, "ends_at": ends_at, "now": now}) or 0


def entry_from(row: Row[Any]) -> Entry:
    """From a row of the table."""
    return Entry(**row._mapping)


def row_of(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind, "id": entry.id, "owner": entry.owner, "value": dict(entry.value), "version": entry.version,
        "created_at": entry.created_at, "ends_at": entry.ends_at,
    }


def _is(kind: str, id: str) -> ColumnElement[bool]:
    return and_(entries.c.kind == kind, entries.c.id == id)


def _lasts() -> ColumnElement[bool]:
    return or_(entries.c.ends_at.is_(None), entries.c.ends_at > time.time())
