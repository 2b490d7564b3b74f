"""A database of an older webbot becomes one of this, and a new one has the same tables."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import inspect

from tests.servers import postgres_url
from tests.store import old_database
from tests.store.turning import marks, turn
from webbot.errors import SettingsError
from webbot.messages import Message, Usage
from webbot.store import sql_index, sql_migrations
from webbot.store.base import Entry
from webbot.store.sql import SqlStore
from webbot.store.sql_database import Database

ROOT = Path(__file__).resolve().parents[2]


def url(folder: Path) -> str:
    return f"sqlite:///{folder}/webbot.db"


def rows(file: Path, query: str) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(file)) as raw:
        return raw.execute(query).fetchall()


def dump(file: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(file)) as raw:
        return list(raw.iterdump())


@pytest.mark.parametrize("later", [{}, {"requests": True}, {"model": True}, {"requests": True, "model": True}])
def test_the_oldest_file_is_brought_up_to_date(tmp_path, later):
    old_database.write(tmp_path / "webbot.db", **later)
    store = SqlStore(url(tmp_path))
    assert store.verify() == []
    assert [(c.id, c.title, c.titled_by, c.pinned, c.tip) for c in store.conversations("ann")] == [
        ("c1", "Trees", "person", True, "a2"), ("c2", "", "", False, "")]
    assert store.conversation("ann", "c1").model == ("llama" if "model" in later else "")
    assert store.messages("ann", "c1") == store.tree("ann", "c1") == [
        Message(id="q1", number=1, role="user", text="What is a tree?", tokens=4, counted_by="echo", created_at=5.0,
                spoken={"language": "en"}),
        Message(id="a1", number=2, role="assistant", text="A plant.", created_at=5.1, parent="q1",
                usage=Usage(prompt_tokens=7, answer_tokens=2, first_token_seconds=0.25, seconds=1.5)),
        Message(id="q2", number=3, role="user", text="一棵树?", created_at=5.2, parent="a1"),
        Message(id="a2", number=6, role="assistant", text="An oak", status="failed", error="It broke.", created_at=5.3,
                parent="q2", remembers_from=3, cut_for="echo"),
    ]
    assert marks(store, store.conversation("ann", "c1")) == (3, "echo")
    assert store.fail_interrupted("It stopped.") == 1
    assert store.request("ann", "c1", "a1") == ({"model": "llama"} if "requests" in later else None)
    assert store.read_session("k") == b"\x00\xff"
    for search, expected in (("plant", ["c1"]), ("棵树", ["c1"]), ("trees", ["c1"]), ("half", [])):
        assert [c.id for c in store.conversations("ann", search=search)] == expected
    assert [c.id for c in store.conversations("bob", search="half")] == ["c3"]
    assert turn(store, store.conversation("ann", "c1"), after="a1")[0].number == 7
    assert store.verify() == []
    kept = store.put_entry(Entry(kind="person", id="p", owner="ann"))  # what came later works on it
    assert (store.entry("person", "p"), store.add_up("n", 2, 9e9)) == (kept, 2)
    assert store.hand_over("ann", "p") == 2
    assert [c.id for c in store.conversations("p", search="plant")] == ["c1"]
    store.close()
    SqlStore(url(tmp_path)).close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_format_before_people_is_brought_up_to_date(tmp_path, kind):
    """As the last webbot without people left it: all that it has stays, and its search goes on."""
    address = url(tmp_path) if kind == "sqlite" else postgres_url(tmp_path)
    store = SqlStore(address)
    talk = store.create_conversation("ann", title="Trees")
    turn(store, talk)
    store.write_session("k", b"1", 600)
    before = list(store.records())

    def step_back(connection):
        for table in ("entries", "counters", "earlier_owners"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0006'")

    store._database.write(step_back)
    store.close()
    store = SqlStore(address)
    assert list(store.records()) == before
    assert store._database.read(sql_migrations.revision) == sql_migrations.NEWEST
    assert store.put_entry(Entry(kind="person", id="p")).version == 1
    assert store.hand_over("ann", "p") == 1
    assert [c.id for c in store.conversations("p", search="plant")] == [talk.id]
    assert store.verify() == []
    store.close()
    if kind == "sqlite":
        assert (tmp_path / f"webbot.db.before-{sql_migrations.NEWEST}").exists()


def test_the_old_file_is_kept_beside_it(tmp_path):
    file = tmp_path / "webbot.db"
    old_database.write(file)
    SqlStore(url(tmp_path)).close()
    kept = tmp_path / f"webbot.db.before-{sql_migrations.NEWEST}"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert rows(kept, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name") == [
        ("about",), ("conversations",), ("messages",), ("sessions",)]
    assert rows(kept, "SELECT count(*) FROM messages") == [(6,)]
    assert not list(tmp_path.glob("*.part"))


def test_a_new_file_needs_no_copy_and_no_alembic(tmp_path):
    program = (
        "import sys\n"
        "from webbot.store.sql import SqlStore\n"
        "for _ in range(2): SqlStore(sys.argv[1]).close()\n"
        "print(sorted({'alembic', 'psycopg', 'redis'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, url(tmp_path)], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
    assert not list(tmp_path.glob("*before*"))


def test_a_crash_in_the_middle_leaves_the_old_file(tmp_path):
    file = tmp_path / "webbot.db"
    old_database.write(file)
    before = dump(file)
    program = (
        "import os, sys\n"
        "from webbot.store import sql_index\n"
        "learn_all = sql_index.learn_all\n"
        "sql_index.learn_all = lambda connection: (learn_all(connection), os._exit(7))\n"
        "from webbot.store.sql import SqlStore\n"
        "SqlStore(sys.argv[1])\n"
    )
    crashed = subprocess.run([sys.executable, "-c", program, url(tmp_path)], check=False, cwd=ROOT)
    assert crashed.returncode == 7
    assert dump(file) == before
    store = SqlStore(url(tmp_path))
    assert store.verify() == []
    store.close()


def test_a_step_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "webbot.db"
    old_database.write(file)
    before = dump(file)

    def fail(connection):
        raise RuntimeError("a fault")

    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(sql_index, "learn_all", fail)
        SqlStore(url(tmp_path))
    assert dump(file) == before
    SqlStore(url(tmp_path)).close()


@pytest.mark.parametrize("change", [
    "UPDATE alembic_version SET version_num = '9999'", "DROP TABLE alembic_version",
])
def test_a_newer_format_is_not_touched(tmp_path, change):
    SqlStore(url(tmp_path)).close()
    with contextlib.closing(sqlite3.connect(tmp_path / "webbot.db")) as raw, raw:
        raw.execute(change)
    before = dump(tmp_path / "webbot.db")
    with pytest.raises(SettingsError, match="newer webbot"):
        SqlStore(url(tmp_path))
    assert dump(tmp_path / "webbot.db") == before


def test_the_newest_revision_is_the_last_step():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(sql_migrations.STEPS))
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [sql_migrations.NEWEST]
    assert script.get_bases() == [sql_migrations.OLDEST]


def shape(connection):
    """The tables with their columns, keys and indexes, as plain values."""
    looking = inspect(connection)
    found = {}
    for table in sorted(looking.get_table_names()):
        columns = {
            column["name"]: (str(column["type"]), column["nullable"], str(column["default"]).strip("'()").partition("'")[0])
            for column in looking.get_columns(table)
        }
        indexes = sorted(
            (index["name"], tuple(index["column_names"]), bool(index["unique"]),
             str(next((value for name, value in index.get("dialect_options", {}).items() if name.endswith("where")), "")))
            for index in looking.get_indexes(table)
        )
        keys = sorted((tuple(key["constrained_columns"]), key["referred_table"], str(key["options"]))
                      for key in looking.get_foreign_keys(table))
        unique = sorted(tuple(one["column_names"]) for one in looking.get_unique_constraints(table))
        found[table] = columns, looking.get_pk_constraint(table)["constrained_columns"], indexes, keys, unique
    sequences = sorted(looking.get_sequence_names()) if connection.dialect.supports_sequences else []
    return found, sequences


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_both_ways_give_the_same_tables(tmp_path, kind):
    shapes = []
    for name, prepare in (("new", sql_migrations.make), ("old", sql_migrations.upgrade)):
        folder = tmp_path / name
        if kind == "sqlite":
            database = Database(url(folder), prepare)
        else:
            from webbot.store.sql_postgres import PostgresDatabase

            database = PostgresDatabase(postgres_url(folder, bare=True), prepare)
        shapes.append(database.read(shape))
        assert database.read(sql_migrations.revision) == sql_migrations.NEWEST
        database.close()
        store = SqlStore(url(folder) if kind == "sqlite" else postgres_url(folder))
        turn(store, store.create_conversation("ann"))
        assert len(store.conversations("ann", search="tree")) == 1
        assert store.verify() == []
        store.close()
    assert shapes[0] == shapes[1]
