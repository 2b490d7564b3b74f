"""Real servers that tests start: each in a folder of its own, on a Unix socket, ended with the test process."""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import redis

DATABASES = 256  # of the shared Redis; a test takes one, which is emptied for it
SECONDS = 20.0  # a server that has not started by then never will


class RedisServer:
    """A redis-server of its own. `options` are those of its command line, without the leading dashes."""

    def __init__(self, folder: Path | None = None, **options: str) -> None:
        self.program = shutil.which("redis-server")
        if self.program is None:
            pytest.skip("redis-server is not installed")
        self.folder = folder or Path(tempfile.mkdtemp(prefix="webbot-redis-", dir="/tmp"))  # a socket's path must be short
        self.socket = self.folder / "redis.sock"
        self.options = {"port": "0", "unixsocket": str(self.socket), "dir": str(self.folder), "save": "", "appendonly": "yes",
                        "databases": str(DATABASES), "logfile": str(self.folder / "log"), **options}
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def url(self, database: int = 0, **more: str) -> str:
        return f"unix://{self.socket}?" + "&".join(f"{name}={value}" for name, value in {"db": str(database), **more}.items())

    def start(self, *, until_loaded: bool = True) -> None:
        words = [word for name, value in self.options.items() for word in (f"--{name}", value)]
        # It ends when the test process does, also when that is killed.
        bound = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        self.process = subprocess.Popen([*bound, str(self.program), *words], stdout=subprocess.DEVNULL, start_new_session=True)
        end = time.monotonic() + SECONDS
        while until_loaded and not self.answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < end, "redis-server does not answer"
            time.sleep(0.02)

    def answers(self) -> bool:
        reply = self.ask("PING")
        return reply.startswith((b"+PONG", b"-NOAUTH"))

    def ask(self, *words: str) -> bytes:
        """The reply to one command as it comes, b"" without one; by a plain socket, so that no client's manners matter."""
        with socket.socket(socket.AF_UNIX) as asking, contextlib.suppress(OSError):
            asking.settimeout(5)
            asking.connect(str(self.socket))
            parts = [word.encode() for word in words]
            asking.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
            return asking.recv(65536)
        return b""

    def client(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket), decode_responses=True, protocol=2)

    def signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """As if its machine's power went: SIGKILL."""
        assert self.process is not None
        self.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def redis_server(**options: str) -> Iterator[RedisServer]:
    """One for as long as it is needed."""
    server = RedisServer(**options)
    try:
        yield server
    finally:
        server.stop()


@functools.cache
def shared_redis() -> RedisServer:
    """One for the whole test process."""
    server = RedisServer()
    atexit.register(server.stop)
    return server


_databases: dict[str, int] = {}
_next = iter(range(1, DATABASES * 1000))


def redis_url(folder: Path) -> str:
    """A database of the shared Redis: the same one for the same folder, an empty one for another folder."""
    server = shared_redis()
    name = str(folder)
    if name not in _databases:
        number = next(_next) % DATABASES
        for other in [other for other, taken in _databases.items() if taken == number]:
            del _databases[other]
        _databases[name] = number
        server.ask("EVAL", f"redis.call('SELECT', {number}) redis.call('FLUSHDB') return 1", "0")
    return server.url(_databases[name])


class PostgresServer:
    """A PostgreSQL server of its own, which listens at a Unix socket. It refuses to run as root, so that root starts it as
    another user. It writes nothing to the disk for good: what is tested is not whether PostgreSQL keeps its word."""

    USERS = ("postgres", "nobody")
    SETTINGS = ("fsync=off", "full_page_writes=off", "listen_addresses=", "max_connections=120", "shared_buffers=32MB",
                "autovacuum=off", "lc_messages=C")

    def __init__(self) -> None:
        self.programs = _postgres_programs()
        if self.programs is None:
            pytest.skip("PostgreSQL is not installed")
        self.user = next((name for name in self.USERS if _is_user(name)), None) if os.getuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="webbot-postgres-", dir="/tmp"))  # a socket's path must be short
        self.process: subprocess.Popen[bytes] | None = None
        if self.user:
            shutil.chown(self.folder, self.user)
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "webbot", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        self.start()

    def url(self, *, database: str = "postgres", **more: str) -> str:
        given = {"host": str(self.folder), **more}
        return f"postgresql://webbot@/{database}?" + "&".join(f"{name}={quote(value)}" for name, value in given.items())

    def start(self, *more: str) -> None:
        settings = [word for setting in (*self.SETTINGS, *more) for word in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.programs / "postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), *settings],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, user=self.user, start_new_session=True, cwd="/",
            )
        end = time.monotonic() + SECONDS
        while not self.answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < end, "PostgreSQL does not answer"
            time.sleep(0.02)

    def answers(self) -> bool:
        try:
            self.ask("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def ask(self, statement: str) -> list[tuple]:
        with psycopg.connect(self.url(), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def signal(self, number: int) -> None:
        """To the server and all its processes; each has a group of its own."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for process in (self.process.pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def stop(self) -> None:
        """At once, as after a crash: what was committed is read from its log at the next start."""
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *words: str) -> None:
        subprocess.run([str(self.programs / program), *words], check=True, capture_output=True, user=self.user, cwd="/")


def _postgres_programs() -> Path | None:
    on_path = shutil.which("initdb")
    found = [Path(on_path).resolve().parent] if on_path else []
    return next(iter([*found, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]), None)


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


@functools.cache
def shared_postgres() -> PostgresServer:
    """One for the whole test process."""
    server = PostgresServer()
    atexit.register(server.remove)
    return server


_schemas: dict[str, str] = {}
_free_schemas: list[str] = []
_schema_numbers = itertools.count()


def postgres_url(folder: Path, *, bare: bool = False) -> str:
    """A schema of the shared PostgreSQL: the same one for the same folder, an empty one for another folder; `bare`: without
    tables for certain."""
    server = shared_postgres()
    name = str(folder)
    if name not in _schemas:
        _schemas[name] = _new_schema(server) if bare else _empty_schema(server)
    return server.url(options=f"-csearch_path={_schemas[name]}")


def free_postgres(folder: Path) -> None:
    """What is in this folder and those in it is needed no more: others may have the schemas. To make one takes a while."""
    for name in [name for name in _schemas if Path(name).is_relative_to(folder)]:
        _free_schemas.append(_schemas.pop(name))


def _empty_schema(server: PostgresServer) -> str:
    while _free_schemas:
        name = _free_schemas.pop()
        with contextlib.suppress(psycopg.Error):  # whatever a test left there: another one
            tables = ("conversations", "sessions", "entries", "counters", "earlier_owners")
            emptied = "; ".join(f"DELETE FROM {table}" for table in tables)
            server.ask(f"SET lock_timeout = 2000; SET search_path = {name}; {emptied}")
            return name
    return _new_schema(server)


def _new_schema(server: PostgresServer) -> str:
    name = f"test{next(_schema_numbers)}"
    server.ask(f"CREATE SCHEMA {name}")
    return name
