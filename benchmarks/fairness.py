"""Who waits for whom: people who ask one model without pause, and one who sends ten thousand questions. Run it alone.

    python benchmarks/fairness.py [--rounds 20] [--flood 10000]

First in this process, over the echo engine that answers one at a time: four people ask without pause, each the next question as
soon as the last answer has come, and a fifth comes once in a while. A wait is counted in answers: those of each other person
that were in work when a question came or began before it. Three crowds: all alike, one of them by voice, and one of them with a
pile of eight long questions at every moment. Then a server with one place for answers: one program sends ten thousand requests
over many connections, each the next one as soon as it was refused; a visitor asks once on the page. Prints tables and writes
benchmarks/results/fairness.json.
"""

from __future__ import annotations

import argparse
import asyncio
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
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.server import Browser, wait_for  # noqa: E402
from webbot.engines.echo import EchoEngine  # noqa: E402
from webbot.engines.fair import FairEngine  # noqa: E402
from webbot.messages import Message, Options  # noqa: E402

SHORT, LONG = "word " * 20, "word " * 20 + "." * 2000  # both are answered with about as many words
PAUSE = 0.005  # seconds between two words
CONNECTIONS = 16  # of the one who floods
PILE = 8
TARGETS = {"jobs of one other": 1, "429, p99, ms": 100, "memory grows by, MB": 300}


@dataclass
class Crowd:
    """What happened in the line: the owners of answers as they began, and how long each question waited."""

    engine: FairEngine
    lock: threading.Lock = field(default_factory=threading.Lock)
    begun: list[str] = field(default_factory=list)
    working: list[str] = field(default_factory=list)
    waits: dict[str, list[tuple[int, int, float]]] = field(default_factory=lambda: defaultdict(list))

    def ask(self, owner: str, text: str, spoken: bool = False) -> None:
        """Asks and reads to the end. Notes (most answers of one other, answers of all others, seconds) that it waited for."""
        with self.lock:
            at, found = len(self.begun), [other for other in self.working if other != owner]
        asked = time.perf_counter()
        question = [Message(role="user", text=text)]
        for part in self.engine.answer(question, Options(spoken=spoken), owner=owner):
            if getattr(part, "text", "") and asked:
                with self.lock:
                    # The last of `begun` is this one itself.
                    others = Counter(found + [other for other in self.begun[at:] if other != owner])
                self.waits[owner].append((max(others.values(), default=0), others.total(), time.perf_counter() - asked))
                asked = 0.0


class Noted(EchoEngine):
    """The echo engine, which tells the crowd who is answered."""

    crowd: Crowd

    def answer(self, messages: Any, options: Options, *, owner: str = "") -> Any:
        with self.crowd.lock:
            self.crowd.begun.append(owner)
            self.crowd.working.append(owner)
        try:
            yield from super().answer(messages, options, owner=owner)
        finally:
            with self.crowd.lock:
                self.crowd.working.remove(owner)


def crowd(kind: str, rounds: int) -> dict[str, dict[str, float]]:
    """The waits of everybody, by name."""
    echo = Noted(pause=PAUSE)
    people = Crowd(FairEngine(echo, 1, 64, PILE))
    echo.crowd = people

    def without_pause(name: str) -> None:
        for _ in range(rounds):
            people.ask(name, LONG if name == "pile" or kind == "one by voice" else SHORT, spoken=name == "voice")

    def now_and_then() -> None:
        for number in range(max(1, rounds // 4)):
            time.sleep(0.11 + 0.05 * (number % 4))  # at any moment of another's answer
            people.ask("fifth", SHORT)

    names = ["ann", "ben", "cem", {"all alike": "dan", "one by voice": "voice", "one with a pile": "pile"}[kind]]
    askers = [
        threading.Thread(target=without_pause, args=(name,)) for name in names for _ in range(PILE if name == "pile" else 1)
    ]
    askers.append(threading.Thread(target=now_and_then))
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    return {
        name: {"jobs of one other": max(wait[0] for wait in waits), "jobs of all others": max(wait[1] for wait in waits),
               "seconds, median": statistics.median(wait[2] for wait in waits), "seconds, most": max(wait[2] for wait in waits)}
        for name, waits in people.waits.items()
    }


# ten thousand


class Flood:
    """A program that asks as fast as it is answered. `refused` are (seconds, whether Retry-After came)."""

    def __init__(self, port: int, ca: str, count: int) -> None:
        self.port, self.left = port, count
        self.trust = ssl.create_default_context(cafile=ca)
        self.refused: list[tuple[float, bool]] = []
        self.others: Counter[str] = Counter()
        self.tasks: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        await asyncio.gather(*(self._client() for _ in range(CONNECTIONS)))

    async def _client(self) -> None:
        reader = writer = None
        while self.left > 0:
            self.left -= 1
            if writer is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trust,
                                                               server_hostname="localhost")
            sent = time.perf_counter()
            writer.write(self._request())
            status, headers = await self._head(reader)
            if status == "429":
                self.refused.append((time.perf_counter() - sent, int(headers.get("retry-after", 0)) > 0))
                await reader.readexactly(int(headers["content-length"]))
                if headers.get("connection") != "close":
                    continue
            else:  # one that may wait: read on beside the rest
                self.others[status] += 1
                self.tasks.append(asyncio.create_task(self._drain(reader, writer)))
            writer = None

    def _request(self) -> bytes:
        body = json.dumps({"model": "echo", "stream": True, "messages": [{"role": "user", "content": "word " * 100}]}).encode()
        lines = ["POST /v1/chat/completions HTTP/1.1", f"Host: localhost:{self.port}", "Authorization: Bearer alice",
                 "Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body

    @staticmethod
    async def _head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str]]:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        return head[0].split()[1], {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}

    @staticmethod
    async def _drain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass
        writer.close()


def flood(count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        probe.close()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WEBBOT_")} | {
            "WEBBOT_DATA": f"{folder}/data", "WEBBOT_CERTS": f"{folder}/certs", "WEBBOT_PORT": str(port), "WEBBOT_OFFLINE": "1",
            "WEBBOT_ENGINE": "echo", "WEBBOT_SPEECH": "0", "WEBBOT_PARALLEL": "1", "WEBBOT_PROGRAM_RATE_LIMIT": "1000000",
        }
        server = subprocess.Popen([sys.executable, "-m", "webbot", "serve"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        try:
            wait_for(lambda: Browser(port).send("GET", "/readyz").status == 200)
            return flooded(port, f"{folder}/certs/ca.pem", server.pid, count)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def flooded(port: int, ca: str, pid: int, count: int) -> dict[str, float]:
    web = max(psutil.Process(pid).children(recursive=True), key=lambda process: "serve" in " ".join(process.cmdline()))
    bob = Browser(port)
    bob.ask("Hello")
    before, most, over = web.memory_info().rss, [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            most[0] = max(most[0], web.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    storm, told = Flood(port, ca, count), {}

    def ask_once() -> None:
        time.sleep(3)
        began = time.perf_counter()
        turn = bob.ask("One question of mine")
        told["the visitor's question is taken after, ms"] = 1000 * (time.perf_counter() - began)
        for name in bob.events(turn["conversation"], turn["answer"]):
            if name in ("finished", "failed"):
                told["the visitor is answered after, s"] = time.perf_counter() - began
                break

    visitor = threading.Thread(target=ask_once)
    visitor.start()
    began = time.perf_counter()
    asyncio.run(storm.run())
    seconds = time.perf_counter() - began
    visitor.join(60)
    over.set()
    watcher.join()
    took = sorted(each for each, _ in storm.refused)
    return {
        "requests": count, "refused with 429": len(took), "of these with Retry-After": sum(told for _, told in storm.refused),
        "taken into the line": storm.others["200"], "other": storm.others.total() - storm.others["200"],
        "requests a second": count / seconds, "429, median, ms": 1000 * statistics.median(took),
        "429, p99, ms": 1000 * took[len(took) * 99 // 100], "429, most, ms": 1000 * took[-1], **told,
        "one answer of the program takes, s": 100 * 0.02, "memory grows by, MB": (most[0] - before) / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=20, help="questions of each person")
    parser.add_argument("--flood", type=int, default=10_000, help="requests of the one who floods; 0 leaves that out")
    wanted = parser.parse_args()
    figures: dict[str, Any] = {kind: crowd(kind, wanted.rounds) for kind in ("all alike", "one by voice", "one with a pile")}
    for kind, rows in figures.items():
        columns = list(next(iter(rows.values())))
        print(f"{kind:18}" + "".join(f"{column:>20}" for column in columns))
        for name, row in sorted(rows.items()):
            print(f"  {name:16}" + "".join(f"{row[column]:20.2f}" for column in columns))
    print(f"target: {TARGETS['jobs of one other']} job of one other at most (the pile waits behind its own, too)\n")
    if wanted.flood:
        figures["flood"] = flood(wanted.flood)
        for name, value in figures["flood"].items():
            print(f"{name:44}{value:12.1f}" + (f"   target {TARGETS[name]}" if name in TARGETS else ""))
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "fairness.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
