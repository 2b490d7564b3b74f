"""The schema of a database, from whatever webbot wrote it to this one's."""

from __future__ import annotations

from sqlalchemy import Connection, insert, inspect, text

from webbot.errors import SettingsError
from webbot.store import sql_index
from webbot.store.sql_schema import about, metadata, sessions

VERSION = 2


def prepare(connection: Connection) -> None:
    """Makes the tables of a new database; of one that is there, checks that this webbot can read it."""
    if connection.dialect.name == "postgresql":  # several processes may start at once
        connection.execute(text("SELECT pg_advisory_xact_lock(7236042)"))
    tables = set(inspect(connection).get_table_names())
    if not tables:
        metadata.create_all(connection)
        connection.execute(insert(about), [{"name": "schema", "value": VERSION}, {"name": "checked", "value": 0}])
        sql_index.make(connection)
        return
    if about.name not in tables or sessions.name not in tables:
        raise SettingsError("The database in the data folder belongs to another program. Please choose another folder.")
