"""How long speech takes: `python benchmarks/speech.py [--base-shape | --joint] [--weights FILE] [--device NAME] [--rounds N]`.

A clip of 5 s through openai-whisper's own `transcribe` and through webbot's worker processes with either engine, each with the
language given and left to be found, alternating. An English-only model like the starter has no language to find; `--base-shape`
adds the published shape of Whisper base (random weights, 24 tokens): openai-whisper encodes twice to find a language, webbot
once, and ctranslate2 and the way for GPUs (speech/torch_whisper, here without its graphs on a CPU) hear 10 s instead of 30; and
how long the parts of the latter take: an encoded window, a decoder step. Needs espeak-ng. Prints a table and writes
benchmarks/results/speech.json. With `--joint` only openai-whisper and the way for GPUs are compared, in that shape, on noise:
that needs neither espeak-ng nor ctranslate2.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
import torch
import whisper

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from webbot.speech import weights  # noqa: E402
from webbot.speech.base import Question  # noqa: E402
from webbot.speech.openai_whisper import OpenaiWhisper  # noqa: E402
from webbot.speech.recogniser import LEAST_CUT  # noqa: E402
from webbot.speech.torch_whisper.guessing import Call  # noqa: E402
from webbot.speech.torch_whisper.model import TorchWhisper  # noqa: E402
from webbot.speech.transcribe import Transcriber  # noqa: E402

RATE, SECONDS, TOKENS = 16_000, 5, 24
CLIPS, REPEATED = 8, 20  # at once; computations of a part that are timed as one on a GPU
TEXT = "Hello, my name is Oliver. What is the capital of France? Please tell me a joke."
BASE = whisper.ModelDimensions(
    n_mels=80, n_audio_ctx=1500, n_audio_state=512, n_audio_head=8, n_audio_layer=6, n_vocab=51_865, n_text_ctx=448,
    n_text_state=512, n_text_head=8, n_text_layer=6,
)


def clip() -> np.ndarray:
    """Five seconds of speech, mono at 16 kHz."""
    made = subprocess.run(["espeak-ng", "-v", "en", "--stdout", TEXT], capture_output=True, check=True).stdout
    samples, rate = soundfile.read(io.BytesIO(made), dtype="float32")
    samples = soxr.resample(samples, rate, RATE)[: SECONDS * RATE]
    return np.pad(samples, (0, SECONDS * RATE - len(samples)))


def alternate(sides: dict[str, Callable[[], str]], rounds: int) -> list[dict[str, Any]]:
    """Each side once a round, after one round that does not count; the median in milliseconds."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    texts = {name: run() for name, run in sides.items()}
    for _ in range(rounds):
        for name, run in sides.items():
            began = time.perf_counter()
            run()
            times[name].append(1000 * (time.perf_counter() - began))
    return [
        {"what": name, "median_ms": round(statistics.median(found), 1), "least_ms": round(min(found), 1), "text": texts[name]}
        for name, found in times.items()
    ]


def whole_way(path: Path, device: str, rounds: int) -> list[dict[str, Any]]:
    """openai-whisper in this process, webbot's worker in its own, with the same file and as many threads."""
    samples, data = clip(), io.BytesIO()
    soundfile.write(data, samples, RATE, format="WAV", subtype="PCM_16")
    chosen = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    model = whisper.load_model(str(path), device=chosen)
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as opened_workers:
        workers = {}
        for engine in ("whisper", "ctranslate2"):
            workers[engine] = Transcriber(path, runtime=Path(folder), device=device, engine=engine)
            opened_workers.callback(workers[engine].close)
        while any(worker.state().status == "loading" for worker in workers.values()):
            time.sleep(0.1)

        def plain(language: str | None) -> str:
            return whisper.transcribe(model, samples, language=language, fp16=chosen == "cuda")["text"].strip()

        def asked(engine: str, language: str) -> Callable[[], str]:
            return lambda: workers[engine].transcribe(data.getvalue(), language).text

        return alternate({
            "openai-whisper, language given": lambda: plain("en"),
            "openai-whisper, language found": lambda: plain(None),
            "webbot with openai-whisper, language given": asked("whisper", "en"),
            "webbot with openai-whisper, language found": asked("whisper", ""),
            "webbot with ctranslate2, language given": asked("ctranslate2", "en"),
            "webbot with ctranslate2, language found": asked("ctranslate2", ""),
        }, rounds)


def base_shape(device: str, rounds: int, joint_only: bool) -> list[dict[str, Any]]:
    """The same work in one process: 5 s are heard, 24 tokens written. Only the times mean something: the weights are random."""
    torch.manual_seed(0)
    chosen = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    samples = np.random.default_rng(0).standard_normal(SECONDS * RATE).astype(np.float32) / 10 if joint_only else clip()
    plain = {"temperature": 0.0, "sample_len": TOKENS, "fp16": chosen == "cuda", "no_speech_threshold": None}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "base-shape.pt"
        model = whisper.Whisper(BASE)
        for parameter in model.parameters():  # some are as they were found in memory
            torch.nn.init.normal_(parameter, std=0.02)
        torch.save({"dims": vars(BASE), "model_state_dict": model.state_dict()}, path)
        model = model.to(chosen).eval()
        ours, joint = OpenaiWhisper(path, device), TorchWhisper(path, chosen, rows=CLIPS)
        if not joint_only:
            from webbot.speech.convert import write
            from webbot.speech.ctranslate2_whisper import opened

            write(path, path.with_suffix(""))
            quick = opened(path.with_suffix(""), Path(folder), device, 0, lambda *_: None)
            quick.most_tokens = TOKENS
    joint.most_tokens = TOKENS
    mel = whisper.log_mel_spectrogram(whisper.pad_or_trim(samples)).to(chosen)

    def transcribe(language: str | None) -> str:
        # without time stamps: those of random weights would send transcribe() through the clip many times
        whisper.transcribe(model, samples, language=language, without_timestamps=True, **plain)
        return ""

    def once() -> str:
        ours.model.decode(mel, whisper.DecodingOptions(temperature=0.0, sample_len=TOKENS, fp16=chosen == "cuda"))
        return ""

    def heard(frames: int, language: str) -> str:
        found = quick.guess(quick.take_in(samples, frames), Question(language=language), 0.0)
        return f"{len(found.tokens)} tokens"

    def jointly(frames: int, language: str) -> str:
        found = joint.guess(joint.take_in(samples, frames), Question(language=language), 0.0)
        return f"{len(found.tokens)} tokens"

    def several() -> str:
        with ThreadPoolExecutor(CLIPS) as threads:
            return ", ".join(set(threads.map(lambda _: jointly(LEAST_CUT, "en"), range(CLIPS))))

    sides = {
        "base shape: openai-whisper, language given": lambda: transcribe("en"),
        "base shape: openai-whisper, language found": lambda: transcribe(None),
        "base shape: encoded once, language found": once,
    }
    if not joint_only:
        sides |= {
            "base shape: ctranslate2, 30 s, language given": lambda: heard(3000, "en"),
            "base shape: ctranslate2, cut, language given": lambda: heard(LEAST_CUT, "en"),
            "base shape: ctranslate2, cut, language found": lambda: heard(LEAST_CUT, ""),
        }
    sides |= {
        "base shape: for GPUs, 30 s, language given": lambda: jointly(3000, "en"),
        "base shape: for GPUs, cut, language given": lambda: jointly(LEAST_CUT, "en"),
        "base shape: for GPUs, cut, language found": lambda: jointly(LEAST_CUT, ""),
        f"base shape: for GPUs, cut, {CLIPS} clips at once": several,
    }
    rows = alternate(sides, rounds) + parts(joint, samples, rounds)
    joint.close()
    return rows


def parts(model: TorchWhisper, samples: np.ndarray, rounds: int) -> list[dict[str, Any]]:
    """An encoded window and a decoder step, in the thread that computes them, which waits for the device."""
    sides: dict[str, Callable[[], Any]] = {}
    cuda = model.device == "cuda"
    times = REPEATED if cuda else 1
    for frames in (LEAST_CUT, 3000):
        for clips in (1, 4):
            sides[f"base shape: encoder, {frames // 100} s, {clips} at once"] = (
                lambda frames=frames, clips=clips: model.encoder.encode([samples] * clips, frames)
            )
        for clips in (1, CLIPS):
            sides[f"base shape: decoder step, {frames // 100} s, {clips} at once"] = (
                lambda frames=frames, clips=clips: model.rows.step(clips, frames // 2)
            )

    def settled(compute: Callable[[], Any]) -> Callable[[], str]:
        def run() -> str:
            for _ in range(times):
                compute()
            if cuda:
                torch.cuda.synchronize()
            return ""

        return run

    found = model.runner.ask(Call(gone=lambda: False, compute=lambda: alternate(
        {name: settled(compute) for name, compute in sides.items()}, rounds,
    )))
    return [row | {key: round(row[key] / times, 2) for key in ("median_ms", "least_ms")} for row in found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--weights", type=Path, default=weights.STARTER.path, help="a file in openai-whisper's format")
    parser.add_argument("--base-shape", action="store_true")
    parser.add_argument("--joint", action="store_true")
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--rounds", type=int, default=7)
    wanted = parser.parse_args()
    rows = [] if wanted.joint else whole_way(wanted.weights, wanted.device, wanted.rounds)
    if wanted.base_shape or wanted.joint:
        rows += base_shape(wanted.device, wanted.rounds, wanted.joint)
    cuda = wanted.device != "cpu" and torch.cuda.is_available()
    machine = torch.cuda.get_device_name() if cuda else f"{platform.machine()}, {os.cpu_count()} cores"
    print(f"{SECONDS} s of speech, {wanted.weights.stem}, {machine}, torch {torch.__version__}, {wanted.rounds} rounds\n")
    print(f"{'what':46} {'median ms':>9} {'least ms':>9}")
    for row in rows:
        print(f"{row['what']:46} {row['median_ms']:9} {row['least_ms']:9}")
    target = ROOT / "benchmarks" / "results" / "speech.json"
    target.parent.mkdir(exist_ok=True)
    about = {"weights": wanted.weights.stem, "machine": machine, "torch": torch.__version__, "seconds": SECONDS}
    target.write_text(json.dumps(about | {"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
