"""What happens to the store when something goes wrong around PostgreSQL: restarts, a server that is frozen, wrong addresses."""

from __future__ import annotations

import contextlib
import logging
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from tests.servers import PostgresServer, postgres_url
from tests.store.turning import ask, ended, texts, turn
from webbot.errors import Conflict, DiskFull, SettingsError, Unavailable
from webbot.store.sql import SqlStore
from webbot.store.sql_postgres import MEANING, _address

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def address(tmp_path):
    return postgres_url(tmp_path)


@pytest.fixture
def store(address):
    store = SqlStore(address)
    yield store
    store.close()


@pytest.fixture
def talk(store):
    return store.create_conversation("ann", title="Trees")


@pytest.fixture(scope="module")
def own():
    """A server of this file's own, which may be stopped."""
    server = PostgresServer()
    yield server
    server.remove()


def raw(store, statement):
    return store._database.read(lambda c: c.exec_driver_sql(statement).scalar())


class TestConnections:
    def test_settings_of_a_connection(self, store):
        names = ("synchronous_commit", "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout",
                 "application_name", "transaction_isolation", "transaction_read_only")
        assert [raw(store, f"SHOW {name}") for name in names] == ["on", "4s", "4s", "1min", "webbot", "repeatable read", "on"]

    def test_connections_that_died_are_dropped_unnoticed(self, store, talk):
        gate = threading.Barrier(4)

        def read():
            store._database.read(lambda c: (c.exec_driver_sql("SELECT 1"), gate.wait()))

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        killed = store._database.write(lambda c: c.exec_driver_sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE application_name = 'webbot' AND pid <> pg_backend_pid()").scalar())
        assert killed >= 3
        turn(store, talk)
        for _ in range(4):
            assert texts(store, talk) == ["What is a tree?", "A plant."]

    def test_a_connection_that_dies_in_the_middle(self, store, talk):
        """Nothing was committed: the work runs once more, and only once."""
        runs = []

        def work(connection):
            runs.append(1)
            if len(runs) == 1:
                pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
                with psycopg.connect(store._database._address, autocommit=True) as other:
                    other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
            return connection.exec_driver_sql("SELECT 5").scalar()

        assert store._database.write(work) == 5
        assert len(runs) == 2

    def test_a_lock_that_is_held_has_an_end(self, address, talk):
        store = SqlStore(address, patience=0.5)
        with psycopg.connect(address) as other:
            other.execute("SELECT 1 FROM conversations FOR UPDATE")
            with pytest.raises(Unavailable) as problem:
                ask(store, talk)
            assert problem.value.retry_after == 5
            assert texts(store, talk) == []
        ask(store, talk)
        store.close()

    def test_a_crowd_is_refused_at_once(self, address, talk):
        store = SqlStore(address, patience=1.0)
        outcomes = []

        def write():
            try:
                ask(store, talk)
            except (Unavailable, Conflict) as problem:
                outcomes.append(problem)

        with psycopg.connect(address) as other:
            other.execute("SELECT 1 FROM conversations FOR UPDATE")
            threads = [threading.Thread(target=write) for _ in range(120)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(outcomes) == 120
        ask(store, talk)
        store.close()

    def test_two_that_wait_for_each_other_both_go_on(self, store):
        talks = [store.create_conversation("ann", title=str(n)) for n in range(2)]
        gate = threading.Barrier(2)
        runs = []

        def cross(first, second):
            def work(connection):
                runs.append(1)
                for at, talk in enumerate((first, second)):
                    connection.exec_driver_sql("UPDATE conversations SET version = version + 1 WHERE id = %s", (talk.id,))
                    if at == 0 and len(runs) <= 2:
                        gate.wait()
            store._database.write(work)

        threads = [threading.Thread(target=cross, args=pair) for pair in (talks, talks[::-1])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [store.conversation("ann", talk.id).version for talk in talks] == [3, 3]
        assert len(runs) >= 3  # one of the two was rolled back

    @pytest.mark.parametrize("code", MEANING)
    def test_what_the_server_says_is_a_sentence(self, store, code):
        """As the server tells it; what only a broken machine has is told by a statement here."""
        expected = MEANING[code]()
        with pytest.raises(type(expected)) as problem:
            store._database.write(lambda c: c.exec_driver_sql(
                f"DO $$ BEGIN RAISE EXCEPTION 'trouble' USING ERRCODE = '{code}'; END $$"))
        assert problem.value.sentence == expected.sentence
        assert isinstance(problem.value, DiskFull) == (code == "53100")

    def test_a_server_that_takes_no_changes_says_so(self, store, talk):
        """As one does that only follows another."""
        def work(connection):
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
            connection.exec_driver_sql("UPDATE conversations SET title = 'x'")

        with pytest.raises(Unavailable, match="takes no changes"):
            store._database.write(work)
        assert store.conversation("ann", talk.id) == talk


class TestProcesses:
    def test_two_never_get_the_same_number_or_place(self, address, store, talk):
        other = SqlStore(address)
        talks = [store.create_conversation("ann", title=str(n)) for n in range(4)]

        def work(mine, which):
            for n in range(6):
                with contextlib.suppress(Conflict):
                    turn(mine, talk, f"{which} {n}")
                turn(mine, talks[which], str(n))

        threads = [threading.Thread(target=work, args=(mine, which)) for which, mine in enumerate((store, other, store, other))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        said = store.messages("ann", talk.id)
        assert [m.number for m in said] == list(range(1, len(said) + 1))
        assert store.verify() == []
        places = raw(store, "SELECT array_agg(place) FROM conversations")
        assert len(set(places)) == len(places) == 5
        other.close()

    def test_eight_that_start_at_once_make_one_database(self, tmp_path):
        address, made, wrong = postgres_url(tmp_path / "fresh", bare=True), [], []

        def start():
            try:
                made.append(SqlStore(address))
            except Exception as error:
                wrong.append(error)

        threads = [threading.Thread(target=start) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for store in made:
            store.close()
        assert (len(made), wrong) == (8, [])


@pytest.mark.slow
class TestServer:
    def test_a_restart_is_survived(self, own):
        store = SqlStore(own.url())
        talk = store.create_conversation("ann")
        _, answer = ask(store, talk)
        own.stop()
        started = time.monotonic()
        for call in (lambda: texts(store, talk), lambda: ended(store, talk, answer), store.check):
            with pytest.raises(Unavailable) as problem:
                call()
            assert problem.value.retry_after == 5
        assert time.monotonic() - started < 20
        own.start()
        ended(store, talk, answer, "Kept.")
        assert texts(store, talk)[-1] == "Kept."
        own.stop()
        own.start()
        turn(store, talk)  # nobody was told
        assert len(texts(store, talk)) == 4
        store.close()

    def test_a_frozen_server_holds_nobody_up_for_long(self, own):
        store = SqlStore(own.url(), patience=1.0)
        talk = store.create_conversation("ann")
        own.signal(signal.SIGSTOP)
        try:
            for call in (lambda: texts(store, talk), lambda: ask(store, talk), store.check):
                started = time.monotonic()
                with pytest.raises(Unavailable) as problem:
                    call()
                assert time.monotonic() - started < 20
                assert problem.value.retry_after == 5
        finally:
            own.signal(signal.SIGCONT)
        ask(store, talk)
        store.close()

    def test_what_is_acknowledged_is_there_after_a_crash(self, own):
        store = SqlStore(own.url())
        talk = store.create_conversation("ann")
        acknowledged, stop = [], threading.Event()

        def write():
            while not stop.is_set():
                with contextlib.suppress(Unavailable, Conflict):
                    question, answer = ask(store, talk, "Hm?")
                    acknowledged.append(question.id)
                    store.save_answer("ann", talk.id, replace(answer, text="Yes.", status="complete"))
                    acknowledged.append(answer.id)
                with contextlib.suppress(Unavailable, Conflict):
                    store.fail_interrupted("next")

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(3):
            time.sleep(0.3)
            own.stop()
            own.start()
        stop.set()
        writer.join()
        kept = [m.id for m in store.tree("ann", talk.id)]
        assert len(acknowledged) > 3
        assert set(acknowledged) <= set(kept)
        assert len(set(kept)) == len(kept)
        assert store.verify() == []
        store.close()


class TestAddress:
    @pytest.mark.parametrize("form", ["postgresql://", "postgres://"])
    def test_both_forms_are_read(self, address, form):
        SqlStore(address.replace("postgresql://", form)).close()

    @pytest.mark.parametrize("wrong", [
        "postgresql://webbot:secretword@/x?nonsense=1", "postgresql://webbot:secretword@[::1/x",
        "postgresql://webbot:secretword@/x?connect_timeout=%zz",
    ])
    def test_what_is_no_address_is_one_sentence_without_it(self, wrong):
        with pytest.raises(SettingsError) as problem:
            SqlStore(wrong)
        assert "secretword" not in str(problem.value)
        assert problem.value.__cause__ is None

    def test_nobody_there_is_unavailable_and_the_password_stays_out(self, caplog):
        caplog.set_level(logging.DEBUG)
        with pytest.raises(Unavailable) as problem:
            SqlStore("postgresql://webbot:secretword@127.0.0.1:9/webbot")
        cause = problem.value
        while cause is not None:
            assert "secretword" not in str(cause)
            cause = cause.__cause__ or cause.__context__
        assert "secretword" not in caplog.text

    def test_a_name_that_is_not_there_will_not_do(self, address):
        with pytest.raises(SettingsError, match="refuses"):
            SqlStore(address.replace("/postgres?", "/nowhere?"))

    def test_given_parameters_are_kept(self):
        assert "connect_timeout=9" in _address("postgresql://h/n?connect_timeout=9", 5.0)
        assert "connect_timeout=4" in _address("postgresql://h/n", 5.0)

    def test_another_encoding_is_refused(self, address):
        with psycopg.connect(address, autocommit=True) as other:
            other.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
        with pytest.raises(SettingsError, match="UTF8"):
            SqlStore(address.replace("/postgres?", "/latin?"))


@pytest.mark.slow
def test_it_never_stops_other_greenlets(address):
    """Under gevent every other greenlet goes on while one waits for the server, and while one connects."""
    SqlStore(address).close()
    program = (
        "from gevent import monkey; monkey.patch_all()\n"
        "import gevent, sys, time\n"
        "from webbot.store.sql import SqlStore\n"
        "late = []\n"
        "def tick():\n"
        "    while True:\n"
        "        started = time.monotonic(); gevent.sleep(0.01); late.append(time.monotonic() - started)\n"
        "store = SqlStore(sys.argv[1])\n"
        "gevent.spawn(tick)\n"
        "sleepers = [gevent.spawn(store._database.read, lambda c: c.exec_driver_sql('SELECT pg_sleep(1)').scalar())\n"
        "            for _ in range(5)]\n"
        "started = time.monotonic()\n"
        "gevent.joinall(sleepers, raise_error=True)\n"
        "print(len(late), max(late), time.monotonic() - started)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, address], capture_output=True, text=True, cwd=ROOT, check=True)
    ticks, latest, took = map(float, done.stdout.split())
    assert ticks > 20
    assert latest < 0.6
    assert took < 4, "five sleep beside one another"


def test_a_database_of_others_is_left_alone(tmp_path):
    address = postgres_url(tmp_path / "theirs", bare=True)
    with psycopg.connect(address, autocommit=True) as other:
        other.execute("CREATE TABLE photographs (id int)")
    with pytest.raises(SettingsError, match="another program"):
        SqlStore(address)
