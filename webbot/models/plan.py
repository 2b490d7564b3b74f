"""What a model is planned to take of the memory, and whether that fits. The arithmetic, in bytes:

language model, safetensors   its numbers x their width (2 for bfloat16, 4 for float32) + cache + PROCESS
language model, GGUF          the file's bytes (its weights stay as they are written) + cache + PROCESS_GGUF
Whisper                       the file's bytes (openai writes 2 a number) x 2 where it computes in float32 (without a GPU),
                              + a fifth of that for what it computes with + PROCESS

The cache holds keys and values: 2 x layers x key heads x head size numbers a token, as wide as the weights (2 bytes for GGUF).
Planned are the tokens of one full window, and OTHERS for each of the other answers that are computed together:
window + (parallel - 1) x OTHERS. All rows of the cache grow together (engines/llama/slots), so this is what rows of
window / parallel + OTHERS tokens really take; a crowd of longer conversations takes more than planned, and where that is not
there one answer fails, not the server. llama.cpp takes its cache when it loads: whole windows, as many as fit, at least one.
Llama 3.2 1B in bfloat16, window 8192, 8 answers: 1.236e9 x 2 + (8192 + 7 x 1024) x 32,768 + 0.4e9 = 3.4 GB.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webbot.errors import NoMemory, Problem
from webbot.models import memory, places, shape
from webbot.models.found import Found
from webbot.models.memory import Room, room
from webbot.settings import Settings

__all__ = ["Room", "check", "need", "room"]

OTHERS = 1024  # tokens
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
        return places.size(found.path) + 2 * _cached(*_shape(found)[1:], settings) + PROCESS_GGUF
    width = memory.bytes_a_number(settings)
    parameters, cached, window = _shape(found)
    return parameters * width + width * _cached(cached, window, settings) + process if parameters else 0


def _shape(found: Found) -> tuple[int, int, int]:
    """Its numbers, those that its cache holds for a token, and its window. Of what cannot be read only the size counts."""
    if found.path is None:
        return (found.entry.parameters, found.entry.cached, found.entry.window) if found.entry is not None else (0, 0, 0)
    try:
        known = shape.of(found.path)
        return known.parameters, known.cached, known.window
    except Problem:
        return found.size // 2, 0, 0


def _cached(cached: int, window: int, settings: Settings) -> int:
    """The numbers in the planned cache."""
    window = min(settings.context, window or settings.context)
    return cached * (window + (settings.parallel - 1) * min(OTHERS, window))


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
