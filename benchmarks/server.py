"""How the whole server feels: start to page, first words, Stop, memory, and many open pages. Run it alone on the machine.

    python benchmarks/server.py [--streams 200]

Starts a server of its own with the starter models on loopback and a new data folder. Prints one table and writes
benchmarks/results/server.json. Times include HTTPS and the event stream: what a person's browser would see.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode

import psutil

ROOT = Path(__file__).parents[1]
TARGETS = {
    "start to page, s": 3.0, "first words (median of 10), ms": 300.0, "Stop to idle (median of 5), ms": 200.0,
    "web process, MB": 150.0, "first words beside open pages, ms": 300.0,
}


class Browser:
    """One visitor: keeps the session cookie, opens a connection for each request."""

    def __init__(self, port: int) -> None:
        self.port, self.cookie = port, ""
        self.context = ssl.create_default_context()
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE

    def send(self, method: str, path: str, **fields: str):
        connection = HTTPSConnection("127.0.0.1", self.port, context=self.context, timeout=60)
        headers = {"Accept": "application/json", "Cookie": self.cookie, "Host": f"localhost:{self.port}"}
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request(method, path, urlencode(fields) if method == "POST" else None, headers)
        answer = connection.getresponse()
        self.cookie = (answer.getheader("Set-Cookie") or self.cookie).split(";")[0]
        return answer

    def ask(self, text: str, path: str = "/turns") -> dict:
        answer = self.send("POST", path, question=text)
        body = json.loads(answer.read())
        assert answer.status == 201, body
        return body

    def events(self, key: str, begun: str = "") -> Iterator[str]:
        """Names of the stream's events; `begun` is the id of an answer that may have ended by now."""
        answer = self.send("GET", f"/c/{key}/events?answer={begun}")
        for line in answer:
            if line.startswith(b"event: "):
                yield line[7:].strip().decode()


def first_words(browser: Browser) -> float:
    """Seconds from sending a question in an open conversation to its first block on the stream."""
    turn = browser.ask("Hello")
    key = turn["conversation"]
    for name in browser.events(key, turn["answer"]):
        if name == "finished":
            break
    started = [0.0]

    def ask() -> None:
        time.sleep(0.3)
        started[0] = time.perf_counter()
        browser.ask("What is the capital of France?", f"/c/{key}/turns")

    threading.Thread(target=ask).start()
    for name in browser.events(key):
        if name == "blocks" and started[0]:
            return time.perf_counter() - started[0]
    raise AssertionError("the stream ended")


def stop_to_idle(browser: Browser) -> float:
    turn = browser.ask("Count from one to one hundred")
    key = turn["conversation"]
    for name in browser.events(key, turn["answer"]):
        if name == "blocks":
            break
    started = time.perf_counter()
    browser.send("POST", f"/c/{key}/stop").read()
    text = browser.send("GET", "/metrics").read().decode()
    assert "webbot_answers_running 0.0" in text
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--streams", type=int, default=200, help="open pages that wait")
    streams = parser.parse_args().streams
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        probe.close()
        environment = os.environ | {
            "WEBBOT_DATA": f"{folder}/data", "WEBBOT_CERTS": f"{folder}/certs", "WEBBOT_PORT": str(port), "WEBBOT_OFFLINE": "1",
        }
        began = time.perf_counter()
        server = subprocess.Popen([sys.executable, "-m", "webbot", "serve"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        try:
            figures = measure(port, server.pid, began, streams)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
    report(figures, streams)


def measure(port: int, pid: int, began: float, streams: int) -> dict[str, float]:
    figures = {}
    browser = Browser(port)
    wait_for(lambda: browser.send("GET", "/").status == 200)
    figures["start to page, s"] = time.perf_counter() - began
    wait_for(lambda: browser.send("GET", "/readyz").status == 200)
    figures["start to ready, s"] = time.perf_counter() - began
    figures["first words (median of 10), ms"] = 1000 * statistics.median(first_words(Browser(port)) for _ in range(10))
    figures["Stop to idle (median of 5), ms"] = 1000 * statistics.median(stop_to_idle(Browser(port)) for _ in range(5))
    web = max(psutil.Process(pid).children(recursive=True), key=lambda process: "serve" in " ".join(process.cmdline()))
    key = browser.ask("Hello")["conversation"]
    pages = [browser.send("GET", f"/c/{key}/events") for _ in range(streams)]
    time.sleep(2)
    figures["first words beside open pages, ms"] = 1000 * statistics.median(first_words(Browser(port)) for _ in range(5))
    figures["web process, MB"] = web.memory_info().rss / 1e6
    for page in pages:
        page.close()
    return figures


def wait_for(condition, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise AssertionError("the server did not come up")


def report(figures: dict[str, float], streams: int) -> None:
    print(f"{'':44}{'measured':>10}{'target':>10}")
    for name, value in figures.items():
        label = name.replace("beside open pages", f"beside {streams} open pages")
        print(f"{label:44}{value:10.2f}{TARGETS.get(name, float('nan')):10.0f}")
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "server.json").write_text(json.dumps({"figures": figures, "streams": streams}, indent=1) + "\n")


if __name__ == "__main__":
    main()
