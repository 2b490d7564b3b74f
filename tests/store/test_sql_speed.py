"""The store with much in it."""

from __future__ import annotations

import contextlib
import sqlite3
import time

import pytest

from webbot.messages import Message
from webbot.store.sql import SqlStore


@pytest.fixture
def full(tmp_path):
    """A store with a conversation of 10 000 messages."""
    store = SqlStore(f"sqlite:///{tmp_path}/webbot.db")
    talk = store.create_conversation("ann", title="long")
    rows = [
        (f"m{n}", talk.id, n, "user" if n % 2 else "assistant", f"message {n} " * 20, "complete", "", 0.0, "", "{}")
        for n in range(1, 10_001)
    ]
    columns = "id, conversation, number, role, text, status, counted_by, created_at, error, spoken"
    with contextlib.closing(sqlite3.connect(tmp_path / "webbot.db")) as raw, raw:
        raw.executemany(f"INSERT INTO messages ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    yield store, talk
    store.close()


def seconds(call, times=5):
    """The best of some runs: the machine does other things too."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        taken.append(time.perf_counter() - started)
    return min(taken)


@pytest.mark.parametrize("before", [None, 10_001, 5000, 51])
def test_a_page_of_a_long_conversation_comes_quickly(full, before):
    store, talk = full
    assert len(store.messages("ann", talk.id, before=before, limit=50)) == 50
    assert seconds(lambda: store.messages("ann", talk.id, before=before, limit=50)) < 0.05


def test_a_turn_in_a_long_conversation_begins_quickly(full):
    store, talk = full

    def turn():
        _, answer = store.begin_turn("ann", talk.id, Message(role="user", text="And now?"))
        assert answer.number > 10_000
        store.fail_interrupted("next")

    assert seconds(turn) < 0.05


def test_a_search_through_all_of_it_is_bearable(full):
    store, _ = full
    assert len(store.conversations("ann", search="MESSAGE 9999 ")) == 1
    assert store.conversations("ann", search="no such words") == []
    assert seconds(lambda: store.conversations("ann", search="no such words")) < 0.5
