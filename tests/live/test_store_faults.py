"""The store of a running server is locked, full, restarted or frozen: one sentence, the rest goes on, and it comes back."""

from __future__ import annotations

import contextlib
import re
import resource
import sqlite3
import subprocess
import sys
import threading
import time

import psutil
import pytest

from tests.live.conftest import ROOT, LiveServer, until
from tests.servers import PostgresServer, RedisServer

pytestmark = pytest.mark.slow
SOON = 3.0  # seconds; a page that waits for nothing takes a tenth of this also on a busy machine


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One with a SQLite file."""
    made = LiveServer(tmp_path_factory.mktemp("faults"), owner="home").start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def postgres():
    made = PostgresServer()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def redis():
    made = RedisServer()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def over_postgres(postgres, tmp_path_factory):
    address = postgres.url(password="secretword")
    made = LiveServer(tmp_path_factory.mktemp("postgres"), owner="home", store=address).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def over_redis(redis, tmp_path_factory):
    made = LiveServer(tmp_path_factory.mktemp("redis"), store=redis.url()).start()
    yield made
    made.stop()


def send(visitor, key=None, text="And now?"):
    return visitor.http.post(f"/c/{key}/turns" if key else "/turns", data={"question": text})


def works(visitor, key):
    """Whether a question is taken again. Whatever it is refused with until then is a sentence, never a fault of the server."""
    answer = send(visitor, key)
    assert answer.status_code in (201, 409, 503, 507), answer.text
    return answer.status_code == 201


def alive(visitor):
    """The server itself answers at once, also to a browser with a session."""
    began = time.monotonic()
    assert visitor.http.get("/healthz").status_code == 200
    assert visitor.http.get("/static/css/base.css").status_code == 200
    return time.monotonic() - began < SOON


def refused(answer, status):
    assert answer.status_code == status, answer.text
    told = answer.json()["error"] if isinstance(answer.json().get("error"), str) else str(answer.json())
    assert "Traceback" not in told and "SELECT" not in told and "secretword" not in told
    return told


@contextlib.contextmanager
def frozen(process):
    """The process and its children stand still for a while. PostgreSQL's are process groups of their own."""
    whole = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in whole:
        one.suspend()
    try:
        yield
    finally:
        for one in whole:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.resume()


def asked_while_frozen(visitor, other, key, process):
    """What a question is told, while the server goes on answering what needs no store."""
    with frozen(process):
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(send(visitor, key)))
        waiting.start()
        for _ in range(5):
            assert alive(other)
            time.sleep(0.1)
        waiting.join(40)
        return answers[0]


def idle(visitor, key):
    """Waits until no answer is being written, so that a refusal is the store's."""
    until(lambda: visitor.http.post(f"/c/{key}/stop").json()["stopped"] is False)


# SQLite


def test_a_locked_database_is_told_and_goes_by(server):
    visitor = server.visitor()
    key, _, _ = visitor.answer("kept")
    idle(visitor, key)
    with contextlib.closing(sqlite3.connect(server.folder / "data" / "webbot.db", isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(send(visitor, key)))
        waiting.start()
        other = server.visitor()
        assert alive(other)
        assert "kept" in other.page(key), "reading needs no lock"
        assert other.http.get("/list").status_code == 200
        waiting.join(30)
        told = answers[0]
        assert "in use" in refused(told, 503)
        assert int(told.headers["Retry-After"]) > 0
        assert other.http.get("/readyz").json()["parts"]["store"]["status"] == "failed"
        lock.execute("ROLLBACK")
    until(lambda: works(visitor, key), 10)
    assert visitor.http.get("/readyz").status_code == 200


def test_no_room_is_told_and_reading_goes_on(server):
    """A limit on the size of files stands for the full disk, which nobody needs to mount; test_faults.py fills a real one."""
    visitor = server.visitor()
    key, _, _ = visitor.answer("readable")
    idle(visitor, key)
    web = server.web()
    before = web.rlimit(psutil.RLIMIT_FSIZE)
    web.rlimit(psutil.RLIMIT_FSIZE, (1, before[1]))
    try:
        assert "full" in refused(send(visitor, key), 507)
        assert "readable" in visitor.page(key)
        assert alive(visitor)
        ready = visitor.http.get("/readyz")
        assert ready.status_code == 503, ready.text
    finally:
        web.rlimit(psutil.RLIMIT_FSIZE, before if before[0] != -1 else (resource.RLIM_INFINITY, before[1]))
    until(lambda: works(visitor, key), 15)
    until(lambda: visitor.http.get("/readyz").status_code == 200)


# PostgreSQL


def test_postgresql_restarts_and_the_server_goes_on(over_postgres, postgres):
    visitor = over_postgres.visitor()
    key, _, _ = visitor.answer("kept")
    idle(visitor, key)
    postgres.stop()
    assert refused(send(visitor, key), 503)
    assert alive(visitor)
    assert visitor.http.get("/readyz").status_code == 503
    assert visitor.http.get(f"/c/{key}").status_code == 503
    postgres.start()
    until(lambda: works(visitor, key), 15)
    assert "kept" in visitor.page(key)
    assert visitor.http.get("/readyz").status_code == 200


def test_a_frozen_postgresql_stops_nobody_else(over_postgres, postgres):
    visitor, other = over_postgres.visitor(), over_postgres.visitor()
    key, _, _ = visitor.answer("kept")
    idle(visitor, key)
    assert refused(asked_while_frozen(visitor, other, key, postgres.process), 503)
    until(lambda: works(visitor, key), 15)


def test_no_password_stands_in_the_log(over_postgres):
    assert "secretword" not in over_postgres.log.read_text()
    assert "secretword" not in over_postgres.visitor().http.get("/readyz").text


def test_a_database_that_is_away_at_the_start_is_waited_for(postgres, tmp_path):
    postgres.stop()
    server = LiveServer(tmp_path, owner="home", store=postgres.url(password="secretword"))
    starting = threading.Thread(target=server.start)
    starting.start()
    try:
        until(lambda: server.log.exists() and "waiting up to 30 s for the store" in server.log.read_text(), 30)
        postgres.start()
        starting.join(60)
        assert server.visitor().answer("at last")[2] == "finished"
        assert "secretword" not in server.log.read_text()
    finally:
        starting.join(60)
        server.stop()


# Redis


def test_redis_restarts_and_sessions_live_on(over_redis, redis):
    visitor = over_redis.visitor()
    key, _, _ = visitor.answer("kept")
    idle(visitor, key)
    redis.kill()
    assert refused(send(visitor, key), 503)
    assert alive(visitor)
    assert visitor.http.get("/readyz").status_code == 503
    redis.start()
    until(lambda: works(visitor, key), 15)
    assert "kept" in visitor.page(key), "the conversation is this session's"
    until(lambda: visitor.http.get("/readyz").status_code == 200)


def test_a_redis_without_memory_is_read(over_redis, redis):
    visitor = over_redis.visitor()
    key, _, _ = visitor.answer("kept")
    idle(visitor, key)
    redis.ask("CONFIG", "SET", "maxmemory", "1")
    try:
        assert "memory" in refused(send(visitor, key), 507)
        assert "kept" in visitor.page(key)
        assert visitor.http.get("/list").status_code == 200
        not_ready = visitor.http.get("/readyz")
        assert not_ready.status_code == 503
        assert "memory" in not_ready.json()["parts"]["store"]["sentence"]
        assert visitor.http.post(f"/c/{key}/delete").status_code == 200, "deleting makes room"
    finally:
        redis.ask("CONFIG", "SET", "maxmemory", "0")
    until(lambda: works(visitor, None), 15)


def test_a_frozen_redis_stops_nobody_else(over_redis, redis):
    visitor, other = over_redis.visitor(), over_redis.visitor()
    key, _, _ = visitor.answer("kept")
    idle(visitor, key)
    assert refused(asked_while_frozen(visitor, other, key, redis.process), 503)
    until(lambda: works(visitor, key), 15)
    assert "kept" in visitor.page(key)


def test_a_redis_without_a_log_ends_the_start_with_one_line(tmp_path):
    unsafe = RedisServer(appendonly="no")
    try:
        server = LiveServer(tmp_path, store=unsafe.url())
        with pytest.raises(AssertionError, match="no server"):
            server.start()
        assert server.process.wait(20) == 2
        lines = [line for line in server.log.read_text().splitlines() if re.search(r"appendonly yes", line)]
        assert len(lines) == 1 and "Traceback" not in server.log.read_text()
    finally:
        unsafe.stop()


def test_what_is_no_store_ends_the_start_with_one_line(tmp_path):
    server = LiveServer(tmp_path, store="mysql://user:secretword@host/name")
    ended = subprocess.run([sys.executable, "-m", "webbot", "serve"], cwd=ROOT, env=server.environment, capture_output=True,
                           text=True, timeout=60, check=False)
    assert ended.returncode == 2 and "postgresql://" in ended.stderr
    assert "secretword" not in ended.stderr + ended.stdout and "Traceback" not in ended.stderr

