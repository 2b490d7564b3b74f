"""What persons cost: the chain of checks a request, and a hundred people online in one web process. Run it alone on the machine.

    python benchmarks/people.py [--people 100] [--seconds 60]

First in this process: what each check reads, over SQLite. Then a server of its own (echo engine) on loopback with a new data
folder: each person has an event stream open and asks once in the time, and pages are fetched all along. Prints two tables and
writes benchmarks/results/people.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
ORIGIN = "https://localhost"
ROUNDS = 2000
TARGETS = {"the whole chain, a session, ms": 1.0, "the whole chain, a key, ms": 1.0, "page p95, ms": 500.0}


def median_ms(act: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Milliseconds of the processor: nothing here waits, and what else the machine does is not meant."""
    times = []
    for _ in range(rounds):
        began = time.thread_time()
        act()
        times.append(time.thread_time() - began)
    return statistics.median(times) * 1000


def chain(folder: Path) -> dict[str, float]:
    """Milliseconds, the median of many."""
    from webbot.factory import create_app
    from webbot.services import Services
    from webbot.settings import load
    from webbot.web.chain import Chain

    services = Services.open(load({}, engine="echo", speech=False, data=folder, access="invite"))
    people = services.people
    for number in range(100):
        people.add(f"Person {number}")
    person = people.all()[50]
    app = create_app(services)
    client = app.test_client()
    assert client.post(f"/join/{people.invitations.link(person.id)[1]}", base_url=ORIGIN).status_code == 303
    cookie = f"__Host-session={client.get_cookie('__Host-session', domain='localhost').value}"
    device = people.devices.of(person.id)[0]
    _, secret = people.keys.make(person.id, "program", ["chat"])
    checks = Chain(services.settings, people, "")
    found = {
        "read the session, ms": median_ms(lambda: services.store.read_session(device.session)),
        "find the person, ms": median_ms(lambda: people.find(person.id)),
        "find the device, ms": median_ms(lambda: people.devices.find(person.id, device.id)),
        "find the key, ms": median_ms(lambda: people.keys.find(secret)),
    }
    for name, path, headers in (("a session", "/list", {"Cookie": cookie}),
                                ("a key", "/v1/models", {"Authorization": f"Bearer {secret}"})):
        def asked(path: str = path, headers: dict[str, str] = headers) -> None:
            with app.test_request_context(path, base_url=ORIGIN, headers=headers):
                pass

        def checked(path: str = path, headers: dict[str, str] = headers) -> None:
            with app.test_request_context(path, base_url=ORIGIN, headers=headers):
                assert checks.identify().person is not None

        bare = median_ms(lambda path=path: asked(path, {}))
        found[f"the whole chain, {name}, ms"] = median_ms(checked) - bare
    services.close()
    return found


class Online:
    """A person with an event stream that stays open."""

    def __init__(self, url: str, token: str, name: str) -> None:
        self.name, self.events, self.lost = name, 0, ""
        self.http = httpx.Client(base_url=url, verify=False, timeout=120, headers={"Accept": "application/json"})
        assert self.http.post(f"/join/{token}").status_code == 303
        self.thread = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        try:
            with self.http.stream("GET", "/events") as stream:
                for line in stream.iter_lines():
                    self.events += line.startswith("event:")
        except httpx.HTTPError as error:
            self.lost = repr(error)


def begun(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A server that answers, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"https://localhost:{port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WEBBOT_")} | {
        "WEBBOT_PORT": str(port), "WEBBOT_DATA": str(folder / "data"), "WEBBOT_CERTS": str(folder / "certs"),
        "WEBBOT_SPEECH": "0", "WEBBOT_ENGINE": "echo", "WEBBOT_ACCESS": "invite", "WEBBOT_OFFLINE": "1",
    }
    server = subprocess.Popen([sys.executable, "-m", "webbot", "serve"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, start_new_session=True)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            httpx.get(f"{url}/healthz", verify=False)
            break
        except httpx.HTTPError:
            time.sleep(0.1)
    return server, url


def online(folder: Path, count: int, seconds: float) -> dict[str, float]:
    from webbot.people import People
    from webbot.settings import load
    from webbot.store.sql import SqlStore

    server, url = begun(folder)
    try:
        store = SqlStore(f"sqlite:///{folder}/data/webbot.db")
        people = People(store, load({}, access="invite"))
        named = [people.add(f"Person {number}") for number in range(count)]
        web = psutil.Process(server.pid).children()[0]
        before = web.memory_info().rss / 1e6
        there = [Online(url, people.invitations.link(person.id)[1], person.name) for person in named]
        for each in there:
            each.thread.start()
        time.sleep(2)
        pages, answers, refused = [], [], []
        ends = time.monotonic() + seconds
        moments = sorted((random.uniform(0, seconds * 0.9), each) for each in there)
        processor = web.cpu_times()

        def asks() -> None:
            started = time.monotonic()
            for moment, each in moments:
                time.sleep(max(0.0, started + moment - time.monotonic()))
                began = time.perf_counter()
                status = each.http.post("/turns", data={"question": f"What is {each.name}?"}).status_code
                (answers if status == 201 else refused).append((time.perf_counter() - began) * 1000)

        asking = threading.Thread(target=asks)
        asking.start()
        while time.monotonic() < ends:
            visitor = random.choice(there)
            began = time.perf_counter()
            assert visitor.http.get("/", headers={"Accept": "text/html"}).status_code == 200
            pages.append((time.perf_counter() - began) * 1000)
            time.sleep(0.1)
        asking.join()
        used = web.cpu_times()
        cuts = statistics.quantiles(pages, n=20)
        return {
            "people": count, "pages": len(pages), "questions": len(answers), "refused": len(refused),
            "streams lost": sum(bool(each.lost) for each in there), "page p50, ms": statistics.median(pages),
            "page p95, ms": cuts[18], "question p50, ms": statistics.median(answers),
            "question p95, ms": statistics.quantiles(answers, n=20)[18],
            "web process before, MB": before, "web process, MB": web.memory_info().rss / 1e6,
            "processor of the web process, %": 100 * (used.user + used.system - processor.user - processor.system) / seconds,
        }
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=60)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        found = chain(Path(one)) | online(Path(other), chosen.people, chosen.seconds)
    for name, value in found.items():
        target = TARGETS.get(name)
        print(f"{name:36} {value:10.3f}" + (f"  {'ok' if value < target else 'MISSED'} (< {target})" if target else ""))
    (ROOT / "benchmarks" / "results" / "people.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
