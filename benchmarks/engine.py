"""How quickly the local engine answers and stops, in its own process as the server uses it: `python benchmarks/engine.py`.

From the start of the process to ready, to the first text of an answer, and from Stop to idle, with the starter. How many tokens
it writes is measured by `python -m webbot bench`. Prints a table and writes benchmarks/results/engine.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from webbot.engines.local import LocalEngine  # noqa: E402
from webbot.engines.processor import physical_cores  # noqa: E402
from webbot.messages import Message, Options  # noqa: E402
from webbot.models.catalog import STARTER  # noqa: E402


def latencies(device: str) -> list[dict[str, Any]]:
    """The starter in its own process: time to the first text of an answer, and from closing an answer to an idle model."""
    with tempfile.TemporaryDirectory() as runtime:
        engine = LocalEngine(STARTER, runtime=Path(runtime), device=device)
        try:
            began = time.perf_counter()
            while engine.state().status == "loading":
                time.sleep(0.01)
            if engine.state().status == "failed":
                sys.exit(engine.state().sentence)
            ready = time.perf_counter() - began
            first = [first_text(engine, f"What is the capital of country {number}?") for number in range(12)]
            stops = [stop(engine, number, wait=False) for number in range(10)]
            early = [stop(engine, number, wait=True) for number in range(10)]
        finally:
            engine.close()
    return [
        {"what": "process start to ready, ms", "webbot": ready * 1000},
        {"what": "first text, cold, ms", "webbot": first[0] * 1000},
        {"what": "first text, median, ms", "webbot": statistics.median(first) * 1000},
        {"what": "Stop in the answer to idle, worst of 10, ms", "webbot": max(stops) * 1000},
        {"what": "Stop in a 1500-token prompt to idle, worst of 10, ms", "webbot": max(early) * 1000},
    ]


def asked(question: str) -> list[Message]:
    return [Message(role="system", text="You are a helpful, friendly assistant."), Message(role="user", text=question)]


def first_text(engine: LocalEngine, question: str) -> float:
    began, seconds = time.perf_counter(), 0.0
    for event in engine.answer(asked(question), Options(temperature=0)):
        if not seconds and getattr(event, "text", ""):
            seconds = time.perf_counter() - began
    return seconds


def stop(engine: LocalEngine, number: int, wait: bool) -> float:
    """From closing the stream to the moment the process says that nothing is in work."""
    question = f"{number} " + "dogs and cats " * 300 if wait else f"Tell me a very long story about {number} dogs."
    running = engine.answer(asked(question), Options(temperature=1.5, top_p=1.0, seed=number))
    for event in running:
        if wait or getattr(event, "text", ""):
            break
    began = time.perf_counter()
    running.close()
    while engine.load()["in_work"]:
        time.sleep(0.001)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else None)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    rows = latencies(parser.parse_args().device)
    for row in rows:
        print(f"{row['what']:<54}{row['webbot']:>8.1f}")
    file = ROOT / "benchmarks" / "results" / "engine.json"
    file.parent.mkdir(exist_ok=True)
    machine = f"{platform.machine()} processor, {physical_cores()} cores"
    file.write_text(json.dumps({"machine": machine, "system": platform.system(), "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
