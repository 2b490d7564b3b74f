"""Everything in the store as records, and a store filled with them. It streams: of what has many rows only some are in memory.

Each function works in the transaction it is given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, delete, func, insert, select

from webbot.errors import Conflict
from webbot.store import sql_entries as entry_rows
from webbot.store import sql_index as index
from webbot.store.base import Kind, Record
from webbot.store.sql_branches import SHOW_ALL
from webbot.store.sql_rows import MESSAGE
from webbot.store.sql_schema import (
    conversations,
    counters,
    earlier_owners,
    entries,
    files,
    messages,
    places,
    requests,
    sessions,
    shares,
)

NOT_EMPTY = "There is already something in this store."
ROWS_AT_ONCE = 500
BYTES_AT_ONCE = 8 * 1024 * 1024

CONVERSATION = [column for column in conversations.c if column.name != "place"]
FILE = [column for column in files.c if column.name != "number"]
# The tables in the order in which their rows may be written, with the column that names a record.
TABLES: Mapping[Kind, tuple[Table, str]] = {
    "conversation": (conversations, "id"), "message": (messages, "id"), "request": (requests, "message"),
    "file": (files, "id"), "share": (shares, "token"), "session": (sessions, "key"), "entry": (entries, "id"),
    "counter": (counters, "key"),
}


def read(connection: Connection) -> Iterator[Record]:
    """A conversation, all that belongs to it, and the next one; sessions, entries and counters last."""
    having = {kind: set(connection.scalars(query)) for kind, query in _OWNING.items()}
    ordered = select(*CONVERSATION).order_by(conversations.c.owner, conversations.c.place, conversations.c.id)
    for about in _rows(connection, ordered):
        yield _record("conversation", about)
        yield from _of(connection, "message", select(*MESSAGE, messages.c.conversation).order_by(messages.c.number), about.id)
        for kind, query in _PARTS.items():
            if about.id in having[kind]:
                yield from _of(connection, kind, query, about.id)
    for row in _rows(connection, select(sessions).order_by(sessions.c.key)):
        yield _record("session", row)
    for row in _rows(connection, select(entries).where(entry_rows.lasts(entries)).order_by(entries.c.kind, entries.c.id)):
        yield entry_rows.entry_from(row).record()
    for row in _rows(connection, select(counters).where(entry_rows.lasts(counters)).order_by(counters.c.key)):
        yield _record("counter", row)


_OWNING: Mapping[Kind, Select[Any]] = {
    "request": select(messages.c.conversation).join(requests, requests.c.message == messages.c.id).distinct(),
    "file": select(files.c.conversation).distinct(),
    "share": select(shares.c.conversation),
}
_PARTS: Mapping[Kind, Select[Any]] = {
    "request": select(requests).join(messages, requests.c.message == messages.c.id).order_by(messages.c.number),
    "file": select(*FILE).order_by(files.c.number),
    "share": select(shares),
}


def _of(connection: Connection, kind: Kind, query: Select[Any], conversation: str) -> Iterator[Record]:
    table = messages if kind in ("message", "request") else TABLES[kind][0]
    for row in _rows(connection, query.where(table.c.conversation == conversation)):
        yield _record(kind, row)


def _rows(connection: Connection, query: Select[Any]) -> Iterator[Row[Any]]:
    """The rows, fetched little by little."""
    yield from connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query)


def _record(kind: Kind, row: Row[Any]) -> Record:
    fields = dict(row._mapping)
    return Record(kind, fields[TABLES[kind][1]], fields)


def is_empty(connection: Connection) -> bool:
    return all(connection.execute(select(table).limit(1)).first() is None for table, _ in TABLES.values())


def write(connection: Connection, records: Iterable[Record]) -> None:
    """Raises Conflict when the store is not empty."""
    entry_rows.end(connection)
    if not is_empty(connection):
        raise Conflict(NOT_EMPTY)
    connection.execute(delete(earlier_owners))
    order: dict[str, int] = defaultdict(int)  # the last place of an owner, the last file of a conversation
    waiting: dict[Kind, list[dict[str, Any]]] = defaultdict(list)
    size = 0
    for record in records:
        row = dict(record.fields)
        if record.kind == "conversation":
            row["place"] = order[row["owner"]] = order[row["owner"]] + 1
        elif record.kind == "file":
            row["number"] = order[row["conversation"]] = order[row["conversation"]] + 1
        waiting[record.kind].append(row)
        size += sum(len(value) for value in row.values() if isinstance(value, str | bytes))
        if len(waiting[record.kind]) >= ROWS_AT_ONCE or size >= BYTES_AT_ONCE:
            _flush(connection, waiting)
            size = 0
    _flush(connection, waiting)
    connection.execute(SHOW_ALL)
    if connection.dialect.supports_sequences:
        highest = connection.scalar(select(func.max(conversations.c.place))) or 0
        connection.execute(select(func.setval(places.name, highest + 1)))
    index.learn_all(connection)


def _flush(connection: Connection, waiting: dict[Kind, list[dict[str, Any]]]) -> None:
    for kind, (table, _) in TABLES.items():
        if rows := waiting.pop(kind, None):
            connection.execute(insert(table), rows)
