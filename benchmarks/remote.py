"""What the remote engine adds to each token: the time from a server's sending to the engine's yielding, against a plain socket.

    python benchmarks/remote.py [--tokens 300] [--pause 5]

A server in a process of its own sends tokens that say when they were sent (the monotonic clock, which all processes share). They
are read by turns by a bare socket and by the engine, each in a process of its own: 1 and 16 streams, in plain threads and under
gevent as in the web process. Prints one table and writes benchmarks/results/remote.json.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
TARGET = 3.0  # ms
STREAMS = (1, 16)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n"


def serve(tokens: int, pause: float) -> None:
    """Answers every GET with a list of models, every POST with tokens, `pause` seconds apart. Prints its port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0], tokens, pause), daemon=True).start()


def answer(connection: socket.socket, tokens: int, pause: float) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection:
        while asked := request(connection):
            if asked.startswith(b"GET"):
                body = json.dumps({"object": "list", "data": [{"id": "m", "owned_by": "vllm", "max_model_len": 4096}]}).encode()
                connection.sendall(HEAD % b"application/json" + chunk(body) + chunk(b""))
                continue
            connection.sendall(HEAD % b"text/event-stream")
            for _ in range(tokens):
                time.sleep(pause)
                connection.sendall(chunk(event({"content": f"{time.monotonic():.6f} "})))
            connection.sendall(chunk(event({}, "stop")) + chunk(b"data: [DONE]\n\n") + chunk(b""))


def request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    size = next((int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
    while len(body) < size:
        body += connection.recv(65536)
    return head


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(delta: dict[str, str], reason: str | None = None) -> bytes:
    """About as long as llama.cpp's server writes it."""
    said = {"choices": [{"finish_reason": reason, "index": 0, "delta": delta}], "created": 1795274790,
            "id": "chatcmpl-bNhrfyX5o4qogFT2zutgBeECuXIdtbUy", "model": "m", "object": "chat.completion.chunk"}
    return b"data: " + json.dumps(said).encode() + b"\n\n"


# the two readers: each gives the milliseconds that every token was on its way


def raw(port: int) -> list[float]:
    times = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        data = b""
        while b"[DONE]" not in data:
            data += connection.recv(65536)
            now = time.monotonic()
            while (place := data.find(b'"content": "')) >= 0 and b' "' in data[place + 12:]:
                said, _, data = data[place + 12:].partition(b' "')
                times.append(1000 * (now - float(said)))
    return times


def through_engine(port: int, engine: Any) -> list[float]:
    from webbot.messages import Delta, Message, Options

    times = []
    for part in engine.answer([Message(role="user", text="go")], Options(max_tokens=9)):
        if isinstance(part, Delta) and part.text:
            times.append(1000 * (time.monotonic() - float(part.text)))
    return times


def read(kind: str, port: int, streams: int) -> dict[str, float]:
    from webbot.engines.remote import RemoteEngine

    engine = RemoteEngine(f"http://127.0.0.1:{port}/v1", parallel=max(STREAMS))
    while engine.state().status != "ready":
        time.sleep(0.01)
    found: list[list[float]] = [[] for _ in range(streams)]

    def one(number: int) -> None:
        found[number] = raw(port) if kind == "raw" else through_engine(port, engine)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(streams)]
    worked = time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    times = sorted(value for row in found for value in row)
    return {"median": statistics.median(times), "p99": times[int(0.99 * len(times))], "tokens": len(times),
            "processor": 1000 * (time.process_time() - worked) / len(times)}


def measured(kind: str, port: str, streams: int, gevent: bool) -> dict[str, float]:
    """`read` in a process of its own."""
    command = [sys.executable, __file__, "--read", kind, "--port", port, "--streams", str(streams)] + ["--gevent"] * gevent
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--tokens", type=int, default=300)
    parser.add_argument("--pause", type=float, default=5.0, help="milliseconds between two tokens of a stream")
    for name in ("--read", "--port", "--streams"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    for name in ("--gevent", "--serve"):
        parser.add_argument(name, action="store_true", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.serve:
        serve(wanted.tokens, wanted.pause / 1000)
    elif wanted.read:
        if wanted.gevent:
            from gevent import monkey

            monkey.patch_all()
        print(json.dumps(read(wanted.read, int(wanted.port), int(wanted.streams))))
    else:
        report(compare(wanted))


def compare(wanted: argparse.Namespace) -> dict[str, Any]:
    command = [sys.executable, __file__, "--serve", "--tokens", str(wanted.tokens), "--pause", str(wanted.pause)]
    figures: dict[str, Any] = {"load before": os.getloadavg()[0]}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = server.stdout.readline().strip()  # type: ignore[union-attr]
            for streams in STREAMS:
                for gevent in (False, True):
                    name = f"{streams} streams, {'gevent' if gevent else 'threads'}"
                    figures[name] = {kind: measured(kind, port, streams, gevent) for kind in ("raw", "engine")}
        finally:
            server.kill()
    return figures | {"load after": os.getloadavg()[0]}


def report(figures: dict[str, Any]) -> None:
    heads = ("socket", "engine", "added", "p99 added", "target", "processor")
    print(f"{'ms from sending to reading':28}" + "".join(f"{head:>11}" for head in heads))
    for name, row in figures.items():
        if isinstance(row, dict):
            raw_row, ours = row["raw"], row["engine"]
            row["added"] = ours["median"] - raw_row["median"]
            values = (raw_row["median"], ours["median"], row["added"], ours["p99"] - raw_row["p99"], TARGET, ours["processor"])
            print(f"{name:28}" + "".join(f"{value:11.2f}" for value in values))
    load = f"{figures['load before']:.1f}, {figures['load after']:.1f}"
    print(f"processor: ms a token in the reading process. Load of the machine before and after: {load}")
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    (results / "remote.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
