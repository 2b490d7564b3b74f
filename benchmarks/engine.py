"""How fast the local engine is: `python benchmarks/engine.py [--shape starter|1b] [--device auto|cpu|cuda] [--tokens N]`.

Both sides run in one process, alternating: webbot's engine and plain `model.generate` of transformers with the same weights
and the same number format, greedy, the same prompts, no end token. Then the starter in its own process, as the server uses
it: time to the first token, and from Stop to idle. `--shape 1b` takes the published shape of Llama 3.2 1B with random weights
(2.5 GB in bfloat16) and leaves the second part out. Prints a table and writes benchmarks/results/engine.json.
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

import torch
from transformers import AutoModelForCausalLM, LlamaConfig

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from webbot.engines.llama import loading  # noqa: E402
from webbot.engines.llama.runner import Request, Runner  # noqa: E402
from webbot.engines.llama.scheduler import Scheduler  # noqa: E402
from webbot.engines.llama.slots import ATTENTION, SlotCache  # noqa: E402
from webbot.engines.local import LocalEngine  # noqa: E402
from webbot.messages import Message, Options  # noqa: E402
from webbot.models.catalog import STARTER  # noqa: E402

SHAPE_1B = {
    "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
    "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128_256, "max_position_embeddings": 131_072,
    "rms_norm_eps": 1e-5, "tie_word_embeddings": True,
    "rope_parameters": {
        "rope_type": "llama3", "rope_theta": 500_000.0, "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    },
}
PROMPT_TOKENS = 64
STREAMS = 8
ROUNDS = 3


def model_of(shape: str, device: torch.device, dtype: torch.dtype) -> Any:
    if shape == "starter":
        return AutoModelForCausalLM.from_pretrained(STARTER, dtype=dtype).to(device).eval()
    torch.manual_seed(0)
    with torch.device(device):
        return AutoModelForCausalLM.from_config(LlamaConfig(**SHAPE_1B), dtype=dtype).eval()


def prompts(model: Any, count: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(8, model.config.vocab_size, (count, PROMPT_TOKENS), generator=generator).tolist()


def by_generate(model: Any, streams: int, tokens: int) -> float:
    """Tokens per second of transformers' generate over one batch."""
    model.set_attn_implementation("sdpa")
    model.generation_config.eos_token_id = None
    ids = torch.tensor(prompts(model, streams), device=model.device)
    began = time.perf_counter()
    model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, do_sample=False, pad_token_id=0)
    return streams * tokens / (time.perf_counter() - began)


def by_engine(model: Any, streams: int, tokens: int) -> float:
    """Tokens per second of webbot's runner; each prompt is a request of its own."""
    model.set_attn_implementation(ATTENTION)
    cache = SlotCache(model.config, STREAMS, 2048, model.device, model.dtype)
    runner = Runner(model, cache, Scheduler(STREAMS, 64, 64), ends=())
    runner.start()
    began = time.perf_counter()
    requests = [Request(prompt=prompt, limit=tokens) for prompt in prompts(model, streams)]
    for request in requests:
        runner.submit(request)
    for request in requests:
        while isinstance(request.events.get(), int):
            pass
    seconds = time.perf_counter() - began
    runner.stop()
    return streams * tokens / seconds


def throughput(shape: str, device: torch.device, tokens: int) -> list[dict[str, Any]]:
    """Alternating rounds: webbot and generate with the threads that each takes by itself, and generate with webbot's."""
    dtype = loading.choose_precision("auto", device)
    model = model_of(shape, device, dtype)
    ours, theirs = loading.suitable_threads(model), torch.get_num_threads()
    sides = {"generate": (by_generate, theirs), "generate alike": (by_generate, ours), "webbot": (by_engine, ours)}
    rows = []
    for streams in (1, STREAMS):
        rates: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(ROUNDS + 1):
            for name, (side, threads) in sides.items():
                torch.set_num_threads(threads)
                rate = side(model, streams, tokens)
                if turn:  # the first round warms up
                    rates[name].append(rate)
        row: dict[str, Any] = {"what": f"{streams} conversation{'s' * (streams > 1)}, tokens/s"}
        row |= {name: statistics.median(rates[name]) for name in sides}
        rows.append(row | {"precision": str(dtype).removeprefix("torch."), "threads": {"webbot": ours, "generate": theirs}})
    return rows


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
    parser.add_argument("--shape", choices=("starter", "1b"), default="starter")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--tokens", type=int, default=96, help="tokens that each conversation writes")
    wanted = parser.parse_args()
    device = loading.choose_device(wanted.device)
    rows = throughput(wanted.shape, device, wanted.tokens)
    if wanted.shape == "starter":
        rows += latencies(wanted.device)
    machine = f"{loading.describe_machine(device)}, {loading.physical_cores()} cores, torch {torch.__version__}"
    threads = rows[0]["threads"]
    print(f"{wanted.shape} on {machine}, {rows[0]['precision']}; webbot with {threads['webbot']} threads\n")
    heads = (f"generate, {threads['generate']} threads", f"generate, {threads['webbot']} threads")
    print(f"{'':<54}{'webbot':>8}" + "".join(f"{head:>22}{'ratio':>7}" for head in heads))
    for row in rows:
        compared = [row[name] for name in ("generate", "generate alike") if name in row]
        beside = "".join(f"{rate:>22.1f}{row['webbot'] / rate:>7.2f}" for rate in compared)
        print(f"{row['what']:<54}{row['webbot']:>8.1f}{beside}")
    file = ROOT / "benchmarks" / "results" / ("engine.json" if wanted.shape == "starter" else f"engine-{wanted.shape}.json")
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({
        "shape": wanted.shape, "machine": machine, "system": platform.system(), "tokens": wanted.tokens, "rows": rows,
    }, indent=2) + "\n")


if __name__ == "__main__":
    main()
