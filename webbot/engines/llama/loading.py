"""Brings a model folder into memory: only safetensors, never code from the folder, never a network."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from webbot.engines.llama import folder as folders
from webbot.engines.llama.prompt import PromptBuilder
from webbot.engines.llama.slots import ATTENTION
from webbot.engines.llama.vocabulary import Vocabulary
from webbot.errors import Problem, Unusable

Report = Callable[[float | None, str], None]
READ_BYTES = 32 * 1024 * 1024
SMALL_MODEL = 100_000_000  # parameters
LOCAL = {"local_files_only": True, "trust_remote_code": False}
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A model that is ready to compute. `context` is its own limit in tokens, `ends` the token ids that end an answer."""

    model: Any
    prompts: PromptBuilder
    vocabulary: Vocabulary
    context: int
    ends: frozenset[int]
    device: torch.device
    precision: torch.dtype
    tokenizer: str


def load(folder: Path, device: str, precision: str, report: Report) -> Loaded:
    """Loads the model in `folder`. Raises Unusable with a sentence that names what is wrong."""
    folders.check(folder)
    report(0.05, "Reading the tokenizer.")
    try:
        config = AutoConfig.from_pretrained(folder, **LOCAL)
        tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True, **LOCAL)
    except Exception as error:  # the files are a stranger's: anything can come out of reading them
        raise _unusable(folder, error) from error
    if not hasattr(tokenizer, "backend_tokenizer"):
        raise Unusable("The tokenizer in {folder} has no tokenizer.json that can be read.", folder=str(folder))
    prompts = PromptBuilder(tokenizer)
    chosen = choose_device(device)
    dtype = choose_precision(precision, chosen)
    _read_ahead(folder, report)
    report(0.9, "Preparing the model.")
    try:
        model, found = AutoModelForCausalLM.from_pretrained(
            folder, config=config, use_safetensors=True, dtype=dtype, attn_implementation=ATTENTION, output_loading_info=True,
            **LOCAL,
        )
        model = model.to(chosen).eval()
    except (torch.OutOfMemoryError, MemoryError):
        raise Unusable("The model does not fit the memory. Please use a smaller one, or device=cpu.") from None
    except Exception as error:
        raise _unusable(folder, error) from error
    if found["missing_keys"]:  # transformers would fill them with random numbers
        missing = min(found["missing_keys"])
        raise Unusable("The model in {folder} lacks weights ({name}).", folder=str(folder), name=missing)
    ends = _ends(model, tokenizer, prompts)
    return Loaded(
        model=model, prompts=prompts, vocabulary=Vocabulary(tokenizer, model.get_output_embeddings().weight.shape[0], ends),
        context=_context(model.config), ends=ends, device=chosen, precision=dtype, tokenizer=_fingerprint(folder, prompts),
    )


def choose_device(wanted: str) -> torch.device:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise Unusable("There is no CUDA device here that torch can use. Please set WEBBOT_DEVICE=auto.")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def choose_precision(wanted: str, device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware computes with it; elsewhere it would only be emulated, several times slower."""
    if wanted != "auto":
        return torch.bfloat16 if wanted == "bfloat16" else torch.float32
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    flags = processor().get("flags", set()) | processor().get("Features", set())
    return torch.bfloat16 if flags & {"avx512_bf16", "amx_bf16", "bf16"} else torch.float32


def processor() -> dict[str, set[str]]:
    """The flags of the processor by the name of their line in /proc/cpuinfo; empty where there is none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): set(value.split()) for name, _, value in pairs if name.strip() in ("flags", "Features")}


def suitable_threads(model: Any) -> int:
    """One for each physical core, but a single one for a small model: there the threads wait for each other longer than they
    compute, and a thread that has to wait for a busy core holds up all others."""
    small = sum(weight.numel() for weight in model.parameters()) < SMALL_MODEL
    return 1 if small else physical_cores()


def physical_cores() -> int:
    """Processor cores that this process may use, counted once each whatever their hyper-threads."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = set()
    for number in allowed:
        siblings = Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list")
        cores.add(siblings.read_text() if siblings.exists() else str(number))
    return max(1, len(cores))


def _read_ahead(folder: Path, report: Report) -> None:
    """Reads the weights once, so that the slow part, the disk, has a progress; the loader then finds them in memory."""
    files = folders.weights(folder)
    total, done = sum(file.stat().st_size for file in files), 0
    for file in files:
        with file.open("rb", buffering=0) as opened:
            while part := opened.read(READ_BYTES):
                done += len(part)
                report(0.1 + 0.75 * done / total, "Reading the model.")


def _context(config: Any) -> int:
    """The longest window of the model. A sliding window is never filled, so that it need not slide."""
    limits = (getattr(config, name, None) for name in ("max_position_embeddings", "sliding_window"))
    return min(limit for limit in (*limits, 1 << 20) if limit)


def _ends(model: Any, tokenizer: Any, prompts: PromptBuilder) -> frozenset[int]:
    named = [getattr(model.generation_config, "eos_token_id", None), getattr(model.config, "eos_token_id", None)]
    named += [tokenizer.eos_token_id, prompts.end_of_answer()]
    ids = (part if isinstance(part, list) else [part] for part in named)
    return frozenset(number for part in ids for number in part if isinstance(number, int))


def _fingerprint(folder: Path, prompts: PromptBuilder) -> str:
    """Names the counting: the same for every model with this tokenizer."""
    digest = hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest()[:16]
    return f"{digest}{'-trimmed' if prompts.trims else ''}"


def _unusable(folder: Path, error: Exception) -> Problem:
    log.error("the model in %s cannot be loaded", folder, exc_info=error)
    reason = f"{type(error).__name__}: {error}".split("\n", maxsplit=1)[0][:200]
    return Unusable("The model in {folder} cannot be loaded ({reason}).", folder=str(folder), reason=reason)


def describe_machine(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()} processor"
