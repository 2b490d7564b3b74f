"""The schema of a database, from whatever webbot wrote it to this one's, in one transaction: what fails leaves the old state.

A new database is made whole. One that is there has its revision in the table `alembic_version`; those of the first webbots have
none and are known by their tables. Alembic is imported only when there is something to do.
"""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy import Connection, insert, inspect, select, text

from webbot.errors import SettingsError
from webbot.store import sql_index
from webbot.store.sql_schema import about, alembic_version, metadata, sessions

STEPS = Path(__file__).with_name("migrations")
OLDEST, NEWEST = "0001", "0007"
FORMAT = 2  # in `about`, for the first webbots: theirs was 1
FOREIGN = "The database belongs to another program. Please choose another one."
NEWER = "The database was written by a newer webbot (format {found}, this one reads up to {known}). Please update webbot."
log = logging.getLogger(__name__)


def prepare(connection: Connection) -> None:
    """Makes the tables of a new database, brings those of an older one up to date. Raises SettingsError for any other."""
    if connection.dialect.name == "postgresql":  # several processes may start at once
        connection.execute(text("SELECT pg_advisory_xact_lock(7236042)"))
    found = revision(connection)
    if found is None:
        make(connection)
    elif found != NEWEST:
        upgrade(connection, found)


def step_needed(connection: Connection) -> str:
    """The revision to which an older database will be brought, "" for one that is new or up to date. Raises as `revision`."""
    return NEWEST if revision(connection) not in (None, NEWEST) else ""


def revision(connection: Connection) -> str | None:
    """The revision of the database, None for an empty one. Raises SettingsError for one that is none of ours or too new."""
    tables = set(inspect(connection).get_table_names())
    if not tables:
        return None
    if not {about.name, sessions.name} <= tables:
        raise SettingsError(FOREIGN)
    if alembic_version.name not in tables:
        schema = connection.scalar(select(about.c.value).where(about.c.name == "schema")) or 0
        if schema >= FORMAT:
            raise SettingsError(NEWER, found=schema, known=FORMAT - 1)
        return OLDEST
    found = connection.scalar(select(alembic_version.c.version_num)) or ""
    if found > NEWEST:
        raise SettingsError(NEWER, found=found, known=NEWEST)
    return found


def make(connection: Connection) -> None:
    """All tables of today, at once."""
    metadata.create_all(connection)
    connection.execute(insert(about), [{"name": "schema", "value": FORMAT}, {"name": "checked", "value": 0}])
    sql_index.make(connection)
    connection.execute(insert(alembic_version).values(version_num=NEWEST))


def upgrade(connection: Connection, found: str = "") -> None:
    """Takes all steps that the database has not taken; "" for an empty one."""
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    log.info("the database is brought from format %s to %s", found or "0000", NEWEST)
    config = Config()
    config.set_main_option("script_location", str(STEPS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    with EnvironmentContext(config, script, fn=lambda _, context: script._upgrade_revs("head", found or "base")) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()
    log.info("the database has format %s", NEWEST)
