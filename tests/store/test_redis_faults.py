"""What happens to conversations when something goes wrong with the Redis server, or with a process that writes."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.servers import RedisServer
from tests.store.turning import ask, ended, texts, turn
from webbot.errors import Conflict, DiskFull, NotFound, Unavailable
from webbot.messages import File, Message
from webbot.store.base import Entry
from webbot.store.redis import RedisStore

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
SOON = 10.0  # seconds that a busy machine may make of two


@pytest.fixture
def server():
    started = RedisServer(appendfsync="always")
    yield started
    started.stop()


@pytest.fixture
def store(server):
    opened = RedisStore(server.url())
    yield opened
    with contextlib.suppress(Exception):
        server.signal(signal.SIGCONT)
    opened.close()


@pytest.fixture
def talk(store):
    return store.create_conversation("ann", title="Trees")


@contextlib.contextmanager
def soon():
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SOON


class TestRestart:
    def test_nothing_that_was_acknowledged_is_lost_by_a_kill(self, server, store, talk):
        asked, answered, ending = [], [], threading.Event()

        def write():
            while not ending.is_set():
                with contextlib.suppress(Unavailable, Conflict):
                    question, answer = ask(store, talk)
                    asked.append(question.id)
                    ended(store, talk, answer)
                    answered.append(answer.id)
                    continue
                with contextlib.suppress(Unavailable):
                    store.fail_interrupted("It stopped.")

        writer = threading.Thread(target=write)
        writer.start()
        for _ in range(5):
            known, end = len(answered), time.monotonic() + 5
            while len(answered) < known + 3 and time.monotonic() < end:  # it goes on within five seconds
                time.sleep(random.uniform(0, 0.02))
            assert len(answered) >= known + 3
            server.kill()
            time.sleep(random.uniform(0, 0.1))
            server.start()
        ending.set()
        writer.join()
        kept = {message.id: message for message in store.tree("ann", talk.id)}
        assert set(asked) <= set(kept)
        assert all(kept[id].status == "complete" and kept[id].text == "A plant." for id in answered)
        assert len(kept) == 2 * len({message.number for message in kept.values() if message.role == "user"})  # none doubled
        assert store.verify() == []

    def test_a_restart_between_two_calls_is_not_noticed(self, server, store, talk):
        _, answer = ask(store, talk)
        server.kill()
        server.start()
        assert store.messages("ann", talk.id)[1] == answer
        server.kill()
        server.start()
        ended(store, talk, answer)
        assert texts(store, talk) == ["What is a tree?", "A plant."]

    def test_a_server_that_is_away_is_told_and_changes_nothing(self, server, store, talk):
        turn(store, talk)
        server.kill()
        for act in (lambda: ask(store, talk), lambda: store.messages("ann", talk.id), store.check):
            with soon(), pytest.raises(Unavailable) as problem:
                act()
            assert problem.value.retry_after
        server.start()
        assert len(store.messages("ann", talk.id)) == 2

    def test_a_server_that_still_reads_its_data(self, server, store, talk):
        for _ in range(6):
            store.add_file("ann", talk.id, File(name="f", media_type="x/y", size=100_000), "", os.urandom(100_000))
        server.ask("BGREWRITEAOF")
        end = time.monotonic() + SOON
        while b"aof_rewrite_in_progress:1" in server.ask("INFO", "persistence"):
            assert time.monotonic() < end
            time.sleep(0.02)
        server.kill()
        server.options |= {"key-load-delay": "100000", "loading-process-events-interval-bytes": "1024"}  # microseconds a key
        server.start(until_loaded=False)
        told = set()
        while time.monotonic() < end and not any("still reading" in sentence for sentence in told):
            try:
                store.conversation("ann", talk.id)
            except Unavailable as problem:
                told.add(str(problem))
                assert problem.retry_after
        assert any("still reading its data" in sentence for sentence in told)
        while not server.answers():
            assert time.monotonic() < end + SOON
            time.sleep(0.02)
        assert len(store.files("ann", talk.id)) == 6


class TestFrozen:
    def test_what_nobody_waits_for_any_more_is_not_done(self, server, store, talk):
        turn(store, talk)
        server.signal(signal.SIGSTOP)
        for act in (lambda: ask(store, talk), lambda: store.write_session("k", b"v", 60)):
            with soon(), pytest.raises(Unavailable) as problem:
                act()
            assert problem.value.retry_after
        server.signal(signal.SIGCONT)
        assert len(store.messages("ann", talk.id)) == 2
        assert store.read_session("k") is None
        turn(store, talk)

    def test_no_more_than_some_wait(self, server, store, talk):
        server.signal(signal.SIGSTOP)
        told = []

        def read():
            try:
                store.conversation("ann", talk.id)
            except Unavailable as problem:
                told.append(str(problem))

        threads = [threading.Thread(target=read) for _ in range(120)]
        with soon():
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(told) == 120
        assert sum("Too many requests" in sentence for sentence in told) >= 120 - 16 - 64
        server.signal(signal.SIGCONT)
        assert store.conversation("ann", talk.id) == talk


class TestFull:
    def test_nothing_new_is_saved_and_what_makes_room_is(self, server, store, talk):
        _, running = turn(store, talk)
        other = store.create_conversation("ann")
        gone = store.create_conversation("ann")
        _, answer = ask(store, talk)
        store.write_session("k", b"v", 60)
        entry = store.put_entry(Entry(kind="k", id="1", owner="ann"))
        before = store.verify()
        server.ask("CONFIG", "SET", "maxmemory", "1")
        for act in (
            lambda: ask(store, other), lambda: store.create_conversation("ann"), store.check,
            lambda: store.change_conversation("ann", talk.id, title="Oaks"), lambda: store.write_session("l", b"v", 60),
            lambda: store.save_answer("ann", talk.id, replace(answer, text="half")),
            lambda: store.add_file("ann", talk.id, File(name="f", media_type="x/y", size=1), "", b"x"),
            lambda: store.create_conversation("ann", beginning=[Message(role="user", text="Hi")]),
            lambda: store.put_entry(Entry(kind="k", id="2")), lambda: store.put_entry(entry),
            lambda: store.add_up("c", 1, time.time() + 60), lambda: store.hand_over("ann", "bob"),
        ):
            with soon(), pytest.raises(DiskFull, match="no memory left"):
                act()
        ended(store, talk, answer, "The end.")
        assert texts(store, talk)[-1] == "The end."
        store.delete_messages("ann", talk.id, [running.id])
        store.delete_conversation("ann", other.id)
        with pytest.raises(NotFound):
            store.restore_conversation("ann", other.id)  # it made room at once
        store.delete_conversation("ann", gone.id, at_once=True)
        store.delete_session("k")
        assert store.entries("k") == [entry]
        assert [store.delete_entry("k", "1") for _ in range(2)] == [True, False]
        store.clear("ann", talk.id)
        RedisStore(server.url()).close()
        server.ask("CONFIG", "SET", "maxmemory", "0")
        assert store.read_session("k") is None
        assert store.add_up("c", 1, time.time() + 60) == 1
        turn(store, talk)
        assert before == store.verify() == []

    def test_a_disk_that_cannot_be_written(self, server, store, talk):
        server.ask("CONFIG", "SET", "dbfilename", "dump.rdb")
        (server.folder / "dump.rdb").mkdir()  # nobody, not even root, can write a file there
        (server.folder / "dump.rdb" / "x").touch()
        server.ask("CONFIG", "SET", "save", "3600 1")
        server.ask("BGSAVE")
        end = time.monotonic() + SOON
        while b"rdb_last_bgsave_status:err" not in server.ask("INFO", "persistence"):
            assert time.monotonic() < end
            time.sleep(0.02)
        for act in (lambda: ask(store, talk), lambda: store.delete_conversation("ann", talk.id), store.check):
            with pytest.raises(DiskFull, match="cannot write to its disk"):
                act()
        assert store.conversation("ann", talk.id) == talk
        server.ask("CONFIG", "SET", "save", "")
        turn(store, talk)


def test_a_server_that_became_a_replica_is_told(server, store, talk):
    server.ask("REPLICAOF", "127.0.0.1", "1")
    before = server.ask("INFO", "stats").partition(b"total_connections_received:")[2].split()[0]
    with pytest.raises(Unavailable, match="replica"):
        ask(store, talk)
    after = server.ask("INFO", "stats").partition(b"total_connections_received:")[2].split()[0]
    assert int(after) >= int(before) + 2  # it looked for the main server at the same address once more
    server.ask("REPLICAOF", "NO", "ONE")
    turn(store, talk)


def writer(server, talk, most=1000):
    return subprocess.Popen(
        [sys.executable, str(ROOT / "tests/store/redis_writer.py"), server.url(), talk.id, str(most)],
        stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, cwd=ROOT,
    )


class TestProcesses:
    @pytest.mark.slow
    def test_a_writer_that_is_killed_leaves_no_half_of_anything(self, server, store, talk):
        asked, answered = [], []
        for _ in range(6):
            running = writer(server, talk)
            assert running.stdout.readline() == "began\n"
            time.sleep(random.uniform(0, 0.1))
            running.kill()
            words = [line.split() for line in running.stdout.readlines() if line.endswith("\n")]
            running.wait()
            asked += [id for kind, id in words if kind == "asked"]
            answered += [id for kind, id in words if kind == "answered"]
            assert store.verify() == []
            store.fail_interrupted("It stopped.")
        kept = {message.id: message for message in store.messages("ann", talk.id)}
        assert set(asked) <= set(kept)
        assert all(kept[id].text.startswith("answer") for id in answered)
        assert [message.role for message in kept.values()] == ["user", "assistant"] * (len(kept) // 2)

    @pytest.mark.slow
    def test_two_processes_take_turns_and_never_mix_them(self, server, store, talk):
        running = [writer(server, talk, 40) for _ in range(2)]
        told = [[line.split() for line in process.stdout.readlines()[1:]] for process in running]
        assert [process.wait() for process in running] == [0, 0]
        said = store.messages("ann", talk.id)
        assert len(said) == 160
        assert {id for lines in told for _, id in lines} == {message.id for message in said}
        for question, answer in zip(said[::2], said[1::2], strict=True):
            assert question.text.split() == ["question", answer.text.split()[1]]
            assert answer.parent == question.id
        assert store.verify() == []
