"""A database of an older webbot is read, and stays readable for it."""

import sqlite3

from webbot.store.sql import SqlStore


def test_a_column_that_an_older_webbot_did_not_have_is_added(tmp_path):
    file = tmp_path / "webbot.db"
    store = SqlStore(f"sqlite:///{file}")
    talk = store.create_conversation("ann", title="Trees")
    store.close()
    with sqlite3.connect(file) as older:
        older.execute("ALTER TABLE conversations DROP COLUMN model")
    older.close()
    store = SqlStore(f"sqlite:///{file}")
    assert store.conversation("ann", talk.id) == talk
    assert store.change_conversation("ann", talk.id, model="llama-3.2-1b").model == "llama-3.2-1b"
    store.close()
    with sqlite3.connect(file) as older:  # which does not know the column
        columns = ("id, owner, title, role, pinned, speaks, markup, remembers_from, cut_for, version, created_at, updated_at,"
                   " place")
        older.execute(f"INSERT INTO conversations ({columns}) VALUES"
                      " ('x', 'ann', '', '', 0, 0, 'markdown', 0, '', 1, 0, 0, 9)")
    older.close()
    store = SqlStore(f"sqlite:///{file}")
    assert store.conversation("ann", "x").model == ""
    store.close()
