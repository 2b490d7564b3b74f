"""Brings a model folder into memory: only safetensors, never code from the folder, never a network."""

from __future__ import annotations

import hashlib
import logging
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from webbot.engines.compute.attention import ATTENTION
from webbot.engines.llama import folder as folders
from webbot.engines.llama.machine import free_bytes, ran_out
from webbot.engines.llama.prompt import PromptBuilder
from webbot.engines.llama.tensors import read as read_tensors
from webbot.engines.llama.vocabulary import Vocabulary
from webbot.engines.processor import physical_cores, processor
from webbot.errors import Problem, Unusable

Report = Callable[[float | None, str], None]
READ_BYTES = 32 * 1024 * 1024
SMALL_MODEL = 100_000_000  # parameters
LOCAL = {"local_files_only": True, "trust_remote_code": False}
UNUSED = "pooler."  # a layer of models for sentences that no vector goes through; it may be missing
MOST_STRUCTURE = 0.5  # of the window, for what the template itself says in a conversation of two messages
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


def load(folder: Path, device: str, precision: str, report: Report, weights: str = "auto") -> Loaded:
    """Loads the model in `folder`. Raises Unusable with a sentence that names what is wrong.

    What `weights` makes smaller stays in this machine's memory: it comes to the device as it is held there (compute/placing)."""
    folders.check_language_model(folder)
    try:
        return _load(folder, choose_device(device), precision, report, weights)
    except Problem:
        raise
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # the files are a stranger's: anything can come out of reading them, a panic of Rust, too
        if ran_out(error):
            raise Unusable("The model does not fit the memory. Please use a smaller one, or device=cpu.") from None
        raise unusable(folder, error) from error


def _load(folder: Path, device: torch.device, precision: str, report: Report, weights: str) -> Loaded:
    report(0.05, "Reading the tokenizer.")
    config = AutoConfig.from_pretrained(folder, **LOCAL)
    tokenizer = AutoTokenizer.from_pretrained(folder, **LOCAL)
    check_tokenizer(folder, tokenizer, config.vocab_size)
    prompts = PromptBuilder(tokenizer)
    context, structure = _context(config), prompts.opening + 2 * prompts.frame
    if structure > MOST_STRUCTURE * context:
        raise Unusable("The model's chat template takes {count} tokens for nothing but its own text; the model reads {limit}.",
                       count=structure, limit=context)
    dtype = choose_precision(precision, device)
    lies = device if weights in ("auto", "plain") else torch.device("cpu")
    check_memory(folder, lambda: AutoModelForCausalLM.from_config(config, attn_implementation=ATTENTION), lies, dtype)
    _read_ahead(folder, report)
    report(0.9, "Preparing the model.")
    model, found = AutoModelForCausalLM.from_pretrained(
        folder, config=config, use_safetensors=True, dtype=dtype, attn_implementation=ATTENTION, output_loading_info=True,
        **LOCAL,
    )
    model = model.to(lies).eval()
    if found["missing_keys"]:  # transformers would fill them with random numbers
        raise Unusable("The model in {folder} lacks weights ({name}).", folder=str(folder), name=min(found["missing_keys"]))
    if found["unexpected_keys"]:
        log.warning("the model has no use for some of its weights, such as %s", min(found["unexpected_keys"]))
    ends = _ends(model, tokenizer, prompts)
    return Loaded(
        model=model, prompts=prompts, vocabulary=Vocabulary(tokenizer, model.get_output_embeddings().weight.shape[0], ends),
        context=context, ends=ends, device=device, precision=dtype, tokenizer=_fingerprint(folder, prompts),
    )


def check_tokenizer(folder: Path, tokenizer: Any, rows: int) -> None:
    """Raises Unusable for a tokenizer that makes tokens which the model does not have: on a GPU one of them ends all work."""
    if not hasattr(tokenizer, "backend_tokenizer"):
        raise Unusable("The tokenizer in {folder} has no tokenizer.json that can be read.", folder=str(folder))
    largest = max(tokenizer.get_vocab().values(), default=-1)
    if largest < 0:
        raise Unusable("{file} has no tokens.", file=str(folder / "tokenizer.json"))
    if largest >= rows:
        raise Unusable("{file} does not belong to the model: it has a token {token}, the model has {rows} tokens.",
                       file=str(folder / "tokenizer.json"), token=largest, rows=rows)


def check_memory(folder: Path, make: Callable[[], Any], device: torch.device, dtype: torch.dtype) -> None:
    """Raises Unusable, with figures, before anything is allocated: for a config that describes more than the weights hold, and
    for a model that is larger than the free memory. `make` makes the model as it would be without weights."""
    with torch.device("meta"):
        empty = make()
    empty.tie_weights()
    needed = sum(weight.numel() for name, weight in empty.named_parameters() if not name.startswith(UNUSED))
    held = sum(tensor.numbers for file in folders.weights(folder) for tensor in read_tensors(file).values())
    if needed > held:
        raise Unusable("The weights in {folder} are {held} numbers; its config.json describes a model of {needed}.",
                       folder=str(folder), held=held, needed=needed)
    for place in {torch.device("cpu"), device}:
        free = free_bytes(place)
        if free is not None and needed * dtype.itemsize > free:
            raise Unusable("The model in {folder} takes {needed} GB of memory, and {free} GB are free. Please use a smaller one.",
                           folder=str(folder), needed=f"{needed * dtype.itemsize / 1e9:.1f}", free=f"{free / 1e9:.1f}")


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


def suitable_threads(model: Any) -> int:
    """One for each physical core, but a single one for a small model: there the threads wait for each other longer than they
    compute, and a thread that has to wait for a busy core holds up all others."""
    small = sum(weight.numel() for weight in model.parameters()) < SMALL_MODEL
    return 1 if small else physical_cores()


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


def unusable(folder: Path, error: BaseException) -> Problem:
    log.error("the model in %s cannot be loaded", folder, exc_info=error)
    reason = f"{type(error).__name__}: {error}".split("\n", maxsplit=1)[0][:200]
    return Unusable("The model in {folder} cannot be loaded ({reason}).", folder=str(folder), reason=reason)


def describe_machine(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{platform.machine()} processor"
