"""A real redis-server for the tests of the relay: on a Unix socket, in a folder of its own, gone with the test."""

import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

PROGRAM = shutil.which("redis-server")


class RedisServer:
    """`folder` is where it keeps its file; it is found again after `stop` and `start`. `pause` lets it answer nobody."""

    def __init__(self, folder, *options):
        self.folder, self.options = Path(folder), options
        self.socket = self.folder / "redis.sock"
        self.url = f"unix://{self.socket}?db=0"
        self.process = None

    def start(self):
        arguments = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", "", *self.options]
        self.process = subprocess.Popen([PROGRAM, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                return self.client().ping()
            except redis.ConnectionError:
                time.sleep(0.02)
        raise AssertionError("redis-server does not answer")

    def client(self):
        return redis.Redis(unix_socket_path=str(self.socket), decode_responses=True, protocol=2)

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def redis_server(*options):
    if PROGRAM is None:
        pytest.skip("there is no redis-server here")
    with tempfile.TemporaryDirectory(prefix="redis") as folder:
        server = RedisServer(folder, *options)
        server.start()
        try:
            yield server
        finally:
            server.stop()
