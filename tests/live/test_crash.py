"""kill -9 while conversations are written: what was acknowledged is there, once, and nothing is left lying about.

`CRASHES=200 python -m pytest tests/live/test_crash.py --timeout 3600` kills at so many moments of each store and over HTTP; with
CRASH_ENGINE=local a model's process is there, too, and is killed now and then.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time

import httpx
import psutil
import pytest

from tests.live.conftest import ROOT, until
from tests.store.places import URLS
from webbot import makers
from webbot.errors import NotFound
from webbot.store import address

pytestmark = pytest.mark.slow
STORE_KILLS = int(os.environ.get("CRASHES", "25"))
ENGINE = os.environ.get("CRASH_ENGINE", "echo")
HTTP_KILLS = int(os.environ.get("CRASHES", "6"))
PATIENCE = 60.0  # seconds in which a server is there again


@pytest.mark.parametrize("kind", URLS)
def test_nothing_acknowledged_is_lost_in_a_store(kind, tmp_path):
    url = URLS[kind](tmp_path)
    writer = [sys.executable, "-m", "tests.live.killed_writer", url, str(STORE_KILLS)]
    ran = subprocess.run(writer, cwd=ROOT, capture_output=True, text=True, check=True, timeout=20 + 5 * STORE_KILLS)
    lines = [line.split() for line in ran.stdout.splitlines()]
    assert [words for words in lines if words == ["begun"]] == [["begun"]] * STORE_KILLS, ran.stderr
    told = {deed: [(words[1], words[2]) for words in lines if words[0] == deed]
            for deed in ("asked", "answered", "filed", "deleted")}
    with contextlib.closing(makers.open_store(address.read(url))) as store:
        store.fail_interrupted("The server stopped.")
        assert store.verify() == []
        (talk,) = store.conversations("ann")
        tree = store.tree("ann", talk.id)
        known = {message.id: message for message in tree}
        assert {message.status for message in tree} <= {"complete", "stopped", "failed"}
        questions = [message.text for message in tree if message.role == "user"]
        for id, name in told["asked"]:
            assert known[id].text == f"question {name}"
            assert questions.count(f"question {name}") == 1
        for id, name in told["answered"]:
            assert known[id].text in (f"answer {name}", f"other {name}") and known[id].status in ("complete", "stopped")
        files = {file.id: file for file in store.files("ann", talk.id)}
        for id, name in told["filed"]:
            assert files[id].name == name and store.file_data("ann", talk.id, id) == name.encode() * 2000
        for id, _ in told["deleted"]:
            with pytest.raises(NotFound):
                store.conversation("bob", id)
        assert len({message.number for message in tree}) == len(tree)
        assert told["asked"] and told["answered"], "it was killed while it wrote"


class Client(threading.Thread):
    """Asks without a pause, and remembers the ids of the questions that the server said it has."""

    def __init__(self, server, name):
        super().__init__(daemon=True)
        self.visitor, self.name, self.ended = server.visitor(), name, threading.Event()
        self.visitor.http.timeout = httpx.Timeout(5)
        self.acknowledged: dict[str, str] = {}
        self.key, self.number = "", 0

    def run(self):
        while not self.ended.is_set():
            self.number += 1
            text = f"{self.name} {self.number}."
            with contextlib.suppress(httpx.HTTPError, ValueError):
                path = f"/c/{self.key}/turns" if self.key else "/turns"
                answer = self.visitor.http.post(path, data={"question": text})
                if answer.status_code == 201:
                    told = answer.json()
                    self.acknowledged[told["question"]] = text
                    self.key = told["conversation"]
                elif answer.status_code == 409:
                    self.visitor.http.post(f"/c/{self.key}/stop")
            time.sleep(0.01)


def living(processes):
    """Those of them that have not ended."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def web_process(server) -> int | None:
    """The number of the web process that runs now; None while there is none."""
    with contextlib.suppress(psutil.Error, StopIteration):
        return server.web().pid
    return None


def test_nothing_acknowledged_is_lost_by_a_server(live):
    """The web process is killed; every third time the master with all of them, and a model's process now and then."""
    server = live(engine=ENGINE, owner="home")
    clients = [Client(server, name) for name in ("Ann", "Bob")]
    for client in clients:
        client.start()
    chance, family = random.Random(), []
    for number in range(HTTP_KILLS):
        until(lambda: server._answers("/healthz"), PATIENCE)
        time.sleep(chance.uniform(0, 0.4))
        family += server.processes()
        if ENGINE == "local" and number % 4 == 1:
            with contextlib.suppress(StopIteration):
                server.find("webbot.engines.worker").kill()
        elif number % 3 == 2:
            orphans = server.processes()
            server.process.kill()
            server.process.wait()
            until(lambda orphans=orphans: not living(orphans), PATIENCE)
            server.start(ready=False)
        else:
            before = until(lambda: web_process(server))
            os.kill(before, signal.SIGKILL)
            until(lambda before=before: web_process(server) not in (None, before), PATIENCE)
    until(lambda: server._answers("/readyz"), PATIENCE)
    for client in clients:
        client.ended.set()
    for client in clients:
        client.join(20)
    here = {process.pid for process in server.processes()}
    until(lambda: not [process for process in living(family) if process.pid not in here], 10)
    assert server.stop() == 0
    left = sorted(path.name for path in (server.folder / "data" / "run").rglob("*"))
    assert not [name for name in left if name.endswith((".sock", ".part"))], left
    with contextlib.closing(makers.open_store(address.in_folder(server.folder / "data"))) as store:
        assert store.fail_interrupted("The server stopped.") == 0, "the server ended every answer itself"
        assert store.verify() == []
        trees = {talk.id: store.tree("home", talk.id) for talk in store.conversations("home", limit=1000)}
        for client in clients:
            messages = [message for tree in trees.values() for message in tree if message.role == "user"]
            for id, text in client.acknowledged.items():
                assert [message.text for message in messages if message.id == id] == [text]
                assert len([message for message in messages if message.text == text]) == 1
        assert sum(len(client.acknowledged) for client in clients) >= HTTP_KILLS
