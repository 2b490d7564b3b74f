"""Real servers that tests start: each in a folder of its own, on a Unix socket, ended with the test process."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

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
        self.process = subprocess.Popen([str(self.program), *words], stdout=subprocess.DEVNULL, start_new_session=True)
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
