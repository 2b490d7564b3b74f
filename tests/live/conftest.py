"""A real server in processes of its own, and visitors that speak HTTPS to it."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

ROOT = Path(__file__).parents[2]
JSON = {"Accept": "application/json"}
EVENT = re.compile(r"20\d\d-\d\d-\d\dT[0-9:]{8}Z (DEBUG|INFO|WARNING|ERROR) ")
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]")


def until(condition, seconds=20.0, what="it did not happen"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(what)


class LiveServer:
    """`python -m webbot serve` on a free port; started again on the same data with `start`."""

    def __init__(self, folder: Path, **settings: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.folder, self.url = folder, f"https://localhost:{self.port}"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("WEBBOT_")} | {
            "WEBBOT_PORT": str(self.port), "WEBBOT_DATA": str(folder / "data"), "WEBBOT_CERTS": str(folder / "certs"),
            "WEBBOT_MODELS": str(folder / "models"), "WEBBOT_OFFLINE": "1", "WEBBOT_SPEECH": "0", "WEBBOT_ENGINE": "echo",
            "WEBBOT_RATE_LIMIT": "10000", **{f"WEBBOT_{name.upper()}": value for name, value in settings.items()},
        }
        self.process = None
        self.log = folder / "log"

    def start(self, ready=True):
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "webbot", "serve"], cwd=ROOT, env=self.environment, stdout=log, stderr=log,
                start_new_session=True,
            )
        path = "/readyz" if ready else "/healthz"
        with contextlib.suppress(AssertionError):
            if until(lambda: self._answers(path) or self.process.poll() is not None, 60) and self.process.poll() is None:
                return self
        raise AssertionError(f"no server: {self.log.read_text()[-2000:]}")

    def _answers(self, path):
        try:
            return httpx.get(self.url + path, verify=False).status_code == 200
        except httpx.HTTPError:
            return False

    def processes(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def find(self, *words):
        """The process whose command line holds the words."""
        return next(p for p in self.processes() if all(word in " ".join(p.cmdline()) for word in words))

    def web(self):
        return next(p for p in psutil.Process(self.process.pid).children() if "worker" not in " ".join(p.cmdline()))

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is not None:
            return self.process.returncode
        family = self.processes()
        self.process.send_signal(number)
        try:
            self.process.wait(30)
        finally:
            for process in [self.process, *family]:
                with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                    process.kill()
        return self.process.returncode

    def visitor(self):
        return Visitor(self.url)

    def strange_lines(self):
        """Those of the log since the start was told that begin no event, or hold what moves a terminal's writing."""
        lines = self.log.read_text().splitlines()
        ready = next(number for number, line in enumerate(lines) if line.endswith(" ready"))
        return [line for line in lines[ready:] if not EVENT.match(line) or UNSEEN.search(line)]


class Visitor:
    """A browser's session over HTTPS."""

    def __init__(self, url):
        self.http = httpx.Client(base_url=url, verify=False, timeout=60, headers=JSON)

    def ask(self, text, key=None, status=201, **fields):
        answer = self.http.post(f"/c/{key}/turns" if key else "/turns", data={"question": text, **fields})
        assert answer.status_code == status, answer.text
        return answer.json()

    def events(self, key, begun="", opened=lambda: None):
        """(name, data) of the conversation's stream; `begun` is the id of an answer that may have ended by now. `opened` is
        called once nothing can be missed any more."""
        with self.http.stream("GET", f"/c/{key}/events", params={"answer": begun}) as stream:
            assert stream.status_code == 200
            name = ""
            for line in stream.iter_lines():
                if line.startswith((":", "event: ")):  # before that the server only tells when to connect again
                    opened()
                if line.startswith("event: "):
                    name = line[7:]
                elif line.startswith("data: "):
                    yield name, json.loads(line[6:])

    def answer(self, text, key=None):
        """Asks and waits: (conversation, text of the answer, name of its last event)."""
        turn = self.ask(text, key)
        key = turn["conversation"]
        for name, data in self.events(key, turn["answer"]):
            if name in ("finished", "failed", "cancelled"):
                return key, data["html"], name
        return key, self.page(key), ""

    def page(self, key):
        answer = self.http.get(f"/c/{key}", headers={"Accept": "text/html"})
        assert answer.status_code == 200
        return answer.text


@pytest.fixture
def live(tmp_path):
    """Makes a live server; settings as strings by keyword."""
    servers = []

    def make(**settings):
        servers.append(LiveServer(tmp_path / f"server{len(servers)}", **settings))
        servers[-1].folder.mkdir()
        return servers[-1].start()

    yield make
    for server in servers:
        if server.process is not None:
            server.stop()
