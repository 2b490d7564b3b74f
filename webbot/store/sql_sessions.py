"""The data of sessions as rows: opaque bytes that end at a wall-clock time."""

from __future__ import annotations

import time

from sqlalchemy import Connection, bindparam, delete, select, text

from webbot.store.sql_schema import Key, sessions

PUT = text(
    "INSERT INTO sessions (key, value, ends_at) VALUES (:key, :value, :ends_at)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value, ends_at = excluded.ends_at"
).bindparams(bindparam("key", type_=Key()))
# Made once: every request asks this, and to make a statement takes longer than to run it.
READ = select(sessions.c.value).where(sessions.c.key == bindparam("key"), sessions.c.ends_at > bindparam("now"))


def read(connection: Connection, key: str) -> bytes | None:
    return connection.scalar(READ, {"key": key, "now": time.time()})


def write(connection: Connection, key: str, value: bytes, seconds: float) -> None:
    """Also deletes the sessions that have ended."""
    now = time.time()
    connection.execute(delete(sessions).where(sessions.c.ends_at <= now))
    connection.execute(PUT, {"key": key, "value": value, "ends_at": now + seconds})


def remove(connection: Connection, key: str) -> None:
    connection.execute(delete(sessions).where(sessions.c.key == key))
