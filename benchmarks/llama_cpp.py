"""How fast the GGUF engine is beside llama.cpp's own server: `python benchmarks/llama_cpp.py [--file FILE | --shape SHAPE]`.

Both have the same file, the same build of llama.cpp and the same number of threads, each in a process of its own, and answer by
turns in one run: webbot's engine over its socket, llama.cpp's server over HTTP. Greedy, random prompts of 64 tokens, no end.
The shapes 160m and 1b have random weights in Q4_K (1b: 0.7 GB), written to a temporary folder. Beside the rates stand the
milliseconds of the processor that each side's process takes for a token: they tell more on a busy machine. Prints a table and
writes benchmarks/results/gguf.json (of other models than the starter: gguf-NAME.json).
"""

from __future__ import annotations

import argparse
import http.client
import importlib.util
import json
import os
import platform
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from webbot.engines.gguf import GgufEngine  # noqa: E402
from webbot.engines.llama_cpp import check  # noqa: E402
from webbot.engines.processor import physical_cores  # noqa: E402
from webbot.messages import Options  # noqa: E402
from webbot.models.catalog import STARTER  # noqa: E402

PROMPT_TOKENS, CONTEXT, STREAMS = 64, 512, 4
SERVER = """
import sys, threading, xllamacpp
wanted = xllamacpp.CommonParams()
wanted.model.path = sys.argv[1]
wanted.port, wanted.n_parallel, wanted.n_ctx = map(int, sys.argv[2:5])
wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = int(sys.argv[5])
wanted.kv_unified, wanted.cache_ram_mib, wanted.verbosity = False, 0, 1
server = xllamacpp.Server(wanted)
print("ready", flush=True)
sys.stdin.read()
"""


class Theirs:
    """llama.cpp's own server, over HTTP."""

    def __init__(self, file: Path, threads: int) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        arguments = [str(file), str(self.port), str(STREAMS), str(STREAMS * CONTEXT), str(threads)]
        self.process = subprocess.Popen([sys.executable, "-c", SERVER, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        if self.process.stdout.readline() != b"ready\n":
            sys.exit("llama.cpp's server did not start.")

    @property
    def pid(self) -> int:
        return self.process.pid

    def write(self, prompt: list[int], tokens: int, ends: list[int]) -> int:
        """How many tokens came."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        body = {"prompt": prompt, "n_predict": tokens, "temperature": 0, "stream": True, "cache_prompt": False,
                "logit_bias": [[end, -100] for end in ends]}
        connection.request("POST", "/completion", json.dumps(body), {"Content-Type": "application/json"})
        last: dict[str, Any] = {}
        for line in connection.getresponse():
            if line.startswith(b"data: "):
                last = json.loads(line[6:])
        connection.close()
        return last["tokens_predicted"]

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


class Ours:
    """webbot's engine, over its socket."""

    def __init__(self, file: Path, threads: int, runtime: Path) -> None:
        self.engine = GgufEngine(file, runtime=runtime, context=CONTEXT, parallel=STREAMS, threads=threads)
        while self.engine.state().status == "loading":
            time.sleep(0.02)
        if self.engine.state().status == "failed":
            sys.exit(self.engine.state().sentence)

    @property
    def pid(self) -> int:
        return self.engine.host.pid or 0

    def write(self, prompt: list[int], tokens: int, ends: list[int]) -> int:
        # Another owner for each prompt: nothing is found in the cache.
        options = Options(temperature=0, max_tokens=tokens, logit_bias=dict.fromkeys(ends, -100.0))
        *_, finished = self.engine.complete(prompt, options, owner=str(prompt[:4]))
        return finished.usage.answer_tokens

    def close(self) -> None:
        self.engine.close()


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rate(side: Ours | Theirs, streams: int, tokens: int, size: int, ends: list[int]) -> tuple[float, float]:
    """Tokens a second of so many streams together, and milliseconds of the processor for each."""
    prompts = [[random.randrange(300, size - 300) for _ in range(PROMPT_TOKENS)] for _ in range(streams)]
    written = [0] * streams

    def ask(number: int) -> None:
        written[number] = side.write(prompts[number], tokens, ends)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(streams)]
    began, spent = time.perf_counter(), processor_seconds(side.pid)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    assert min(written) >= tokens - 1, written
    return sum(written) / seconds, (processor_seconds(side.pid) - spent) / sum(written) * 1000


def compare(file: Path, threads: int, tokens: int, rounds: int, runtime: Path) -> list[dict[str, Any]]:
    model, _ = check.whole(file)
    size = len(model.values["tokenizer.ggml.tokens"])
    ends = sorted({value for name, value in model.values.items() if name in (
        "tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id") and isinstance(value, int)} | {1})
    sides = {"webbot": Ours(file, threads, runtime), "llama.cpp": Theirs(file, threads)}
    rows = []
    try:
        for streams in (1, STREAMS):
            rates: dict[str, list[float]] = {name: [] for name in sides}
            spent: dict[str, list[float]] = {name: [] for name in sides}
            for turn in range(rounds + 1):
                for name in sorted(sides, reverse=bool(turn % 2)):
                    found, processor = rate(sides[name], streams, tokens, size, ends)
                    if turn:  # the first round warms up
                        rates[name].append(found)
                        spent[name].append(processor)
            pairs = [ours / theirs for ours, theirs in zip(rates["webbot"], rates["llama.cpp"], strict=True)]
            rows.append({"streams": streams, **{name: statistics.median(rates[name]) for name in sides},
                         "ratio": statistics.median(pairs), "ratios": pairs,
                         "processor_ms": {name: statistics.median(spent[name]) for name in sides}})
    finally:
        for side in sides.values():
            side.close()
    return rows


def program(path: Path) -> Any:
    found = importlib.util.spec_from_file_location(path.stem, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def model_file(wanted: argparse.Namespace, folder: Path) -> Path:
    if wanted.file:
        return wanted.file
    file = folder / f"{wanted.shape}.gguf"
    if wanted.shape == "starter":
        program(ROOT / "starter/chat/to_gguf.py").write(Path(STARTER), file)
    else:
        program(ROOT / "benchmarks/random_gguf.py").write(file, wanted.shape)
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0] if __doc__ else None)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--shape", choices=("starter", "160m", "1b"), default="starter")
    parser.add_argument("--tokens", type=int, default=96, help="tokens that each stream writes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as webbot takes by itself")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = model_file(wanted, Path(folder))
        threads = check.threads(check.whole(file)[0], wanted.threads, physical_cores())
        rows = compare(file, threads, wanted.tokens, wanted.rounds, Path(folder))
    name = wanted.file.stem if wanted.file else wanted.shape
    machine = f"{platform.machine()} processor, {physical_cores()} cores"
    print(f"{name} on {machine}, {threads} threads; {wanted.tokens} tokens after {PROMPT_TOKENS}, tokens/s\n")
    print(f"{'':<12}{'webbot':>10}{'llama.cpp':>12}{'ratio':>8}{'processor ms a token':>28}   ratio of each round")
    for row in rows:
        label = f"{row['streams']} stream{'s' * (row['streams'] > 1)}"
        each = " ".join(f"{ratio:.2f}" for ratio in row["ratios"])
        spent = " / ".join(f"{value:.2f}" for value in row["processor_ms"].values())
        print(f"{label:<12}{row['webbot']:>10.1f}{row['llama.cpp']:>12.1f}{row['ratio']:>8.2f}{spent:>28}   {each}")
    results = ROOT / "benchmarks" / "results" / ("gguf.json" if name == "starter" else f"gguf-{name}.json")
    results.parent.mkdir(exist_ok=True)
    results.write_text(json.dumps({
        "model": name, "machine": machine, "system": platform.system(), "threads": threads, "tokens": wanted.tokens, "rows": rows,
    }, indent=2) + "\n")


if __name__ == "__main__":
    main()
