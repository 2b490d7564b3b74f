"""What a model is planned to take of the memory, and whether that fits. The arithmetic, in bytes:

language model, safetensors   its numbers x their width (2 for bfloat16, 4 for float32) + cache + PROCESS, on a GPU with what a
                              step computes with (engines/compute/planning); held in int8 (int4) those that are not of the
                              table of tokens take 1 byte (5 bits); while it loads all of them are in this machine's memory
language model, GGUF          the file's bytes (its weights stay as they are written) + cache + PROCESS_GGUF
Whisper                       the file's bytes (openai writes 2 a number) x 2 where it computes in float32 (without a GPU),
                              + a fifth of that for what it computes with + PROCESS

The cache holds keys and values: 2 x layers x key heads x head size numbers a token, as wide as the weights (2 bytes for GGUF).
Planned are the tokens of one full window, and OTHERS for each of the other answers that are computed together:
window + (parallel - 1) x OTHERS. They lie in pages of 16 tokens that any answer can have, so so much always fits together; when
answers need more, the youngest waits. What is there beyond that keeps earlier conversations, and `most` says how much of it is
taken. llama.cpp takes its cache when it loads: whole windows, as many as fit, at least one.
Llama 3.2 1B in bfloat16, window 8192, 8 answers: 1.236e9 x 2 + (8192 + 7 x 1024) x 32,768 + 0.4e9 = 3.4 GB.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from webbot.engines.compute import planning
from webbot.errors import NoMemory, Problem
from webbot.models import memory, places, shape
from webbot.models.found import Found
from webbot.models.memory import Room, room
from webbot.settings import Settings

__all__ = ["Room", "check", "least", "most", "need", "room", "spare"]

PROCESS = 400_000_000  # measured: 340 MB with torch and transformers, 400 MB with Whisper, before any weights
PROCESS_ON_GPU = 600_000_000  # CUDA's own part
PROCESS_GGUF = 300_000_000


def need(found: Found, settings: Settings) -> int:
    """The bytes that serving the model is planned to take; 0 where nobody knows: a model of the hub that is not here."""
    on_gpu = memory.graphics(settings) is not None
    process = PROCESS_ON_GPU if on_gpu else PROCESS
    if found.kind == "speech":
        width = 1 if on_gpu or (found.path is not None and found.path.is_dir()) else 2
        return found.size * width * 6 // 5 + process if found.size else 0
    if found.kind == "gguf":
        if found.path is None:
            return 0
        known = _shape(found)
        return places.size(found.path) + 2 * known.cached * planning.planned(_window(known, settings), settings.parallel) \
            + PROCESS_GGUF
    return _local(found, settings, planning.planned)


def least(found: Found, settings: Settings) -> int:
    """The bytes without which it is refused: a language model's window gets smaller where the wanted one does not fit."""
    if found.kind != "local":
        return need(found, settings)
    return _local(found, settings, lambda window, parallel: min(planning.LEAST_WINDOW, window))


def most(found: Found, settings: Settings) -> int:
    """The bytes that it really holds as soon as it is loaded: on a GPU a local language model takes more than it needs, to keep
    earlier conversations. Elsewhere what is not needed is taken page by page, and only where much is free."""
    if found.kind != "local" or memory.graphics(settings) is None:
        return need(found, settings)
    return max(min(_local(found, settings, partial(_kept, found, settings)), room(settings).total), need(found, settings))


def spare(settings: Settings, others: int) -> int:
    """The bytes of the memory that a language model leaves free when it loads: for the `others` that are not there yet, and on a
    GPU what the setting model_memory does not allow."""
    gpu = memory.graphics(settings)
    return others + (max(gpu.total - int(settings.model_memory * 1e9), 0) if gpu is not None and settings.model_memory else 0)


def _kept(found: Found, settings: Settings, window: int, parallel: int) -> int:
    """Tokens on a GPU."""
    each = _shape(found).cached * memory.bytes_a_number(settings)
    if settings.cache_memory and each:
        return max(window, int(settings.cache_memory * 1e9) // each)
    return planning.KEPT * parallel * window


def _local(found: Found, settings: Settings, tokens: Callable[[int, int], int]) -> int:
    """`tokens` says from the window and the answers at once how many tokens the cache holds."""
    known, width, gpu = _shape(found), memory.bytes_a_number(settings), memory.graphics(settings) is not None
    if not known.parameters:
        return 0
    process = PROCESS_ON_GPU + planning.reserve(settings.parallel, gpu) if gpu else PROCESS
    weights = planning.weight_bytes(known.parameters, known.embedded, width, settings.weights)
    return weights + width * known.cached * tokens(_window(known, settings), settings.parallel) + process


@dataclass(frozen=True, slots=True)
class _Numbers:
    """A model's weights, the tables of tokens among them, what its cache holds for a token; and its window in tokens."""

    parameters: int = 0
    embedded: int = 0
    cached: int = 0
    window: int = 0


def _shape(found: Found) -> _Numbers:
    """Of what cannot be read only the size counts."""
    if found.path is None:
        entry = found.entry
        return _Numbers() if entry is None else _Numbers(entry.parameters, entry.embedded, entry.cached, entry.window)
    try:
        known = shape.of(found.path)
        return _Numbers(known.parameters, known.embedded, known.cached, known.window)
    except Problem:
        return _Numbers(parameters=found.size // 2)


def _window(known: _Numbers, settings: Settings) -> int:
    return min(settings.context, known.window or settings.context)


def check(needs: Mapping[str, int], settings: Settings) -> None:
    """Raises NoMemory with the figures where models that need so many bytes cannot be in the memory together."""
    there, together = room(settings), sum(needs.values())
    if together <= there.total:
        return
    names = ", ".join(f"{name} ({_gigabytes(size)} GB)" for name, size in needs.items() if size)
    values: dict[str, Any] = {"needs": _gigabytes(together), "total": _gigabytes(there.total)}
    if sum(size > 0 for size in needs.values()) == 1:
        name = next(name for name, size in needs.items() if size)
        raise NoMemory(_ONE[_place(there)], name=name, **values)
    raise NoMemory(_SEVERAL[_place(there)], names=names, **values)


def _place(there: Room) -> str:
    return "limit" if there.limited else there.what


_ONE = {
    "GPU": "{name} needs {needs} GB; this GPU has {total} GB. "
    "Please use a smaller one, or a smaller WEBBOT_CONTEXT or WEBBOT_PARALLEL.",
    "memory": "{name} needs {needs} GB of memory; this machine has {total} GB. "
    "Please use a smaller one, or a smaller WEBBOT_CONTEXT or WEBBOT_PARALLEL.",
    "limit": "{name} needs {needs} GB; models may take {total} GB here (WEBBOT_MODEL_MEMORY). "
    "Please use a smaller one, or a smaller WEBBOT_CONTEXT or WEBBOT_PARALLEL.",
}
_SEVERAL = {
    "GPU": "{names} need {needs} GB together; this GPU has {total} GB. "
    "Please use a smaller one, or a smaller WEBBOT_CONTEXT or WEBBOT_PARALLEL.",
    "memory": "{names} need {needs} GB of memory together; this machine has {total} GB. "
    "Please use a smaller one, or a smaller WEBBOT_CONTEXT or WEBBOT_PARALLEL.",
    "limit": "{names} need {needs} GB together; models may take {total} GB here (WEBBOT_MODEL_MEMORY). "
    "Please use a smaller one, or a smaller WEBBOT_CONTEXT or WEBBOT_PARALLEL.",
}


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f}"
