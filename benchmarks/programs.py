"""What the programs' doors cost: the model alone against the same model through /v1. Run it alone on the machine.

    python benchmarks/programs.py [--rounds 7] [--tokens 160] [--leave 10]

One server with the starter on loopback. Both sides ask the same model process for the same answers (same messages, seeds and
limits), by turns: directly over its Unix socket, as the web process does, and over HTTPS through /v1/chat/completions. Both are
read by the same asyncio client, which looks at the bytes only for the end. The model, the web process and this client share the
machine's processors; nothing is pinned. The cost is the median over pairs that were measured one after the other. Prints one
table and writes benchmarks/results/programs.json.
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
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from webbot.engines.hosted import packed  # noqa: E402
from webbot.messages import Options  # noqa: E402
from webbot.modelhost.frames import HEAD  # noqa: E402
from webbot.models.catalog import STARTER  # noqa: E402

STREAMS = (1, 16)
FIRSTS = 30  # answers of which the first byte is timed
ROLE = {"role": "system", "content": "You are a helpful, friendly assistant."}
ENDS = json.loads((STARTER / "generation_config.json").read_text())["eos_token_id"]
TARGETS = {"lost": 5.0, "first": 20.0, "leave": 2000.0}  # per cent, ms, ms
PAUSE = 0.1  # between two measurements, so that one does not pay for the other


class Sides:
    """The two ways to one model. A measurement gives (tokens, seconds to the first text, seconds in all)."""

    def __init__(self, port: int, ca: str, unix: str, web: psutil.Process, model: psutil.Process) -> None:
        self.port, self.unix = port, unix
        self.processes = {"web process": web, "model": model}
        self.trust = ssl.create_default_context(cafile=ca)

    async def direct(self, number: int, tokens: int) -> tuple[int, float, float]:
        reader, writer = await asyncio.open_unix_connection(self.unix)
        began, first = time.perf_counter(), 0.0
        messages = [wire(message) for message in asked(number)]
        writer.write(framed({"messages": messages, "options": options(number, tokens), "owner": "benchmark"}))
        try:
            while True:
                text, payload = HEAD.unpack(await reader.readexactly(HEAD.size))
                body = await reader.readexactly(text + payload)
                if not first and b'"delta":"' in body and b'"delta":""' not in body:
                    first = time.perf_counter() - began
                if b'"finished"' in body:
                    written = json.loads(body)["frame"]["usage"]["answer_tokens"]
                    return written, first, time.perf_counter() - began
        finally:
            writer.close()

    async def through_v1(self, number: int, tokens: int) -> tuple[int, float, float]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trust, server_hostname="localhost")
        began, first = time.perf_counter(), 0.0
        writer.write(self.request(number, tokens))
        try:
            usage = b""
            while line := await reader.readline():
                if not first and b'"content":"' in line and b'"content":""' not in line:
                    first = time.perf_counter() - began
                if b'"usage":{' in line:
                    usage = line
                if line == b"data: [DONE]\n":
                    return json.loads(usage[6:])["usage"]["completion_tokens"], first, time.perf_counter() - began
            raise AssertionError("the stream ended early")
        finally:
            writer.close()

    def request(self, number: int, tokens: int) -> bytes:
        sampling = {name: options(number, tokens)[name] for name in ("temperature", "top_p", "seed", "max_tokens")}
        sampling["logit_bias"] = dict.fromkeys(map(str, ENDS), -100)
        wanted = {"model": "llama", "messages": asked(number), "stream": True, "stream_options": {"include_usage": True}}
        body = json.dumps(wanted | sampling)
        head = ["POST /v1/chat/completions HTTP/1.1", f"Host: localhost:{self.port}", "Authorization: Bearer benchmark",
                "Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close", "", ""]
        return "\r\n".join(head).encode() + body.encode()

    async def leave(self, number: int) -> float:
        """Seconds from the close after the first text to the moment the model's process says that nothing is in work."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=self.trust, server_hostname="localhost")
        writer.write(self.request(number, 2000))
        while b'"content":"' not in (line := await reader.readline()) or b'"content":""' in line:
            assert line, "the stream ended early"
        began = time.perf_counter()
        writer.transport.abort()
        while await self.in_work():
            await asyncio.sleep(0.001)
        return time.perf_counter() - began

    def worked(self) -> dict[str, float]:
        """Seconds of a processor that each process has taken so far."""
        return {name: sum(process.cpu_times()[:2]) for name, process in self.processes.items()}

    async def in_work(self) -> int:
        reader, writer = await asyncio.open_unix_connection(self.unix)
        writer.write(framed({"load": True}))
        text, _ = HEAD.unpack(await reader.readexactly(HEAD.size))
        told = json.loads(await reader.readexactly(text))
        writer.close()
        return told["frame"]["in_work"]


def asked(number: int) -> list[dict[str, str]]:
    return [ROLE, {"role": "user", "content": f"Tell me a long story about {number} dogs and a dragon."}]


def options(number: int, tokens: int) -> dict[str, Any]:
    """As the web process packs them. No end token, so that every answer goes on to its limit."""
    return packed(Options(seed=number, max_tokens=tokens, logit_bias=dict.fromkeys(ENDS, -100.0)))


def wire(message: dict[str, str]) -> dict[str, Any]:
    return {"role": message["role"], "text": message["content"], "tool_call": "", "tool_calls": []}


def framed(value: dict[str, Any]) -> bytes:
    text = json.dumps(value, separators=(",", ":")).encode()
    return HEAD.pack(len(text), 0) + text


async def rate(answer: Callable, streams: int, tokens: int, turn: int) -> tuple[float, int]:
    """Tokens a second of all streams together, from the first request to the last token, and how many there were."""
    began = time.perf_counter()
    found = await asyncio.gather(*(answer(1000 * turn + number, tokens) for number in range(streams)))
    tokens = sum(written for written, _, _ in found)
    return tokens / (time.perf_counter() - began), tokens


async def compare(sides: Sides, streams: int, tokens: int, rounds: int) -> dict[str, Any]:
    rates: dict[str, list[float]] = {"direct": [], "v1": []}
    work: dict[str, list[dict[str, float]]] = {"direct": [], "v1": []}
    for turn in range(rounds + 1):
        order = [("direct", sides.direct), ("v1", sides.through_v1)]
        for name, answer in order if turn % 2 else reversed(order):
            before = sides.worked()
            found, written = await rate(answer, streams, tokens, turn)
            if turn:  # the first round warms up
                rates[name].append(found)
                work[name].append({who: 1000 * (after - before[who]) / written for who, after in sides.worked().items()})
            await asyncio.sleep(PAUSE)
    lost = [100 * (1 - ours / alone) for ours, alone in zip(rates["v1"], rates["direct"], strict=True)]
    direct, v1 = statistics.median(rates["direct"]), statistics.median(rates["v1"])
    processor = {
        name: {who: statistics.median(row[who] for row in rows) for who in sides.processes} for name, rows in work.items()
    }
    return {
        "direct": direct, "v1": v1, "lost": statistics.median(lost), "lost, of medians": 100 * (1 - v1 / direct),
        "processor ms a token": processor,
    }


async def first_bytes(sides: Sides) -> dict[str, float]:
    """Milliseconds to the first text on an open connection; the prompts are new to the model on both sides."""
    firsts: dict[str, list[float]] = {"direct": [], "v1": []}
    for number in range(FIRSTS + 1):
        for base, (name, answer) in enumerate((("direct", sides.direct), ("v1", sides.through_v1))):
            _, first, _ = await answer(50_000 * (base + 1) + number, 4)
            if number:
                firsts[name].append(1000 * first)
            await asyncio.sleep(PAUSE / 2)
    direct, v1 = statistics.median(firsts["direct"]), statistics.median(firsts["v1"])
    return {"direct": direct, "v1": v1, "above": v1 - direct}


async def measure(sides: Sides, wanted: argparse.Namespace) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for streams in STREAMS:
        figures[f"{streams} streams"] = await compare(sides, streams, wanted.tokens, wanted.rounds)
    figures["first byte"] = await first_bytes(sides)
    figures["leave, worst"] = 1000 * max([await sides.leave(90_000 + number) for number in range(wanted.leave)])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=160, help="tokens that each answer writes")
    parser.add_argument("--leave", type=int, default=10, help="how many clients leave")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
        probe.close()
        server = start(folder, port)
        try:
            web, model = wait_ready(server.pid, port, f"{folder}/certs/ca.pem")
            line = model.cmdline()
            sides = Sides(port, f"{folder}/certs/ca.pem", line[line.index("--socket") + 1], web, model)
            load = os.getloadavg()[0]
            figures = asyncio.run(measure(sides, wanted))
            figures["load before and after"] = [load, os.getloadavg()[0]]
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)
    report(figures)


def start(folder: str, port: int) -> subprocess.Popen:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WEBBOT_")} | {
        "WEBBOT_DATA": f"{folder}/data", "WEBBOT_CERTS": f"{folder}/certs", "WEBBOT_MODELS": f"{folder}/models",
        "WEBBOT_PORT": str(port), "WEBBOT_OFFLINE": "1", "WEBBOT_SPEECH": "0", "WEBBOT_PARALLEL": str(max(STREAMS)),
        "WEBBOT_QUEUE_OWNER": "64", "WEBBOT_PROGRAM_RATE_LIMIT": "1000000",
    }
    return subprocess.Popen([sys.executable, "-m", "webbot", "serve"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


def wait_ready(pid: int, port: int, ca: str, seconds: float = 60) -> tuple[psutil.Process, psutil.Process]:
    """Waits for the server; its web process and its model's."""
    from http.client import HTTPSConnection

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            connection = HTTPSConnection("localhost", port, context=ssl.create_default_context(cafile=ca))
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                family = psutil.Process(pid).children(recursive=True)
                model = next(process for process in family if "webbot.engines.worker" in process.cmdline())
                return next(process for process in family if "serve" in process.cmdline()), model
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("the server did not come up")


def report(figures: dict[str, Any]) -> None:
    print(f"{'':34}{'the model alone':>17}{'through /v1':>13}{'cost':>12}{'target':>10}")
    for streams in STREAMS:
        row = figures[f"{streams} streams"]
        what = f"{streams} stream{'s' * (streams > 1)}, tokens/s"
        print(f"{what:34}{row['direct']:17.0f}{row['v1']:13.0f}{row['lost']:10.1f} %{TARGETS['lost']:8.0f} %")
        for name, work in row["processor ms a token"].items():
            told = ", ".join(f"{who} {spent:.2f}" for who, spent in work.items())
            print(f"    processor ms a token, {name}: {told}")
    row = figures["first byte"]
    print(f"{'first text, median, ms':34}{row['direct']:17.1f}{row['v1']:13.1f}{row['above']:12.1f}{TARGETS['first']:10.0f}")
    print(f"{'left to idle, worst, ms':34}{'':17}{figures['leave, worst']:13.0f}{'':12}{TARGETS['leave']:10.0f}")
    print(f"load of the machine before and after: {figures['load before and after']}")
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "programs.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
