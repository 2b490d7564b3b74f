"""Holds a GGUF file against itself and this machine before llama.cpp reads it. Knows no llama.cpp.

Covered: what `header` covers, missing parts, and models that are larger than the free memory. Not covered: weights that make a
model talk nonsense, and what only llama.cpp knows (its own refusals are told by `server`).
"""

from __future__ import annotations

import re
from pathlib import Path

from webbot.engines.llama_cpp import header as headers
from webbot.engines.llama_cpp.header import Header
from webbot.errors import Unusable

PART = re.compile(r"-(\d{5})-of-(\d{5})\.gguf$")
MOST_PARTS = 999
GIGABYTE = 1e9
USABLE = 0.9  # of the free memory
BESIDE = 200_000_000  # bytes for what llama.cpp computes with
HALF = 2  # bytes of a number in the cache
SMALL_MODEL = 100_000_000  # parameters
PIECE_SECONDS = 0.5  # of reading a prompt, in which nothing else goes on
SPEED = 40e9  # multiplications a second that a core of these years makes, about
MOST_PIECE, LEAST_PIECE = 512, 128


def whole(file: Path) -> tuple[Header, list[Path]]:
    """What the file says of itself, and the files of all its parts. Raises Unusable with a sentence that names what is wrong."""
    first = headers.read(file)
    if not first.architecture:
        raise Unusable("{file} does not say which architecture its model has.", file=str(file))
    count = first.values.get("split.count", 0)
    if not isinstance(count, int) or count <= 1:
        return first, [file]
    found = PART.search(file.name)
    if not found or count > MOST_PARTS or int(found[1]) != 1:
        raise Unusable("{file} is a part of a model. Please name its first part (-00001-of-...).", file=str(file))
    parts = [file.with_name(PART.sub(f"-{number:05}-of-{count:05}.gguf", file.name)) for number in range(1, count + 1)]
    others = [headers.read(part) for part in parts[1:]]
    return Header(first.values, first.size + sum(other.size for other in others),
                  first.parameters + sum(other.parameters for other in others)), parts


def cell_bytes(model: Header) -> int:
    """What one token takes in the cache, in bytes."""
    layers, heads, width = model.number("block_count"), model.number("attention.head_count"), model.number("embedding_length")
    head = width // heads if heads else 0
    keys, values = model.number("attention.key_length", head), model.number("attention.value_length", head)
    shared = model.values.get(f"{model.architecture}.attention.head_count_kv", heads)
    each = shared if isinstance(shared, list) else [shared] * min(layers, 10_000)
    return sum(number for number in each if isinstance(number, int)) * (keys + values) * HALF


def slots(file: Path, model: Header, context: int, wanted: int, free: int | None) -> int:
    """For how many answers at once there is memory, at most `wanted`. Raises Unusable when there is not enough for one."""
    if free is None:
        return wanted
    each = context * cell_bytes(model)
    left = int(free * USABLE) - model.size - BESIDE
    if left < each:
        needed = (model.size + BESIDE + each) / USABLE
        raise Unusable(
            "{file} needs about {needed} GB of memory with a window of {context} tokens, and {free} GB are free. "
            "Please use a smaller model or a smaller window.",
            file=file.name, needed=_gigabytes(needed), free=_gigabytes(free), context=context,
        )
    return max(1, min(wanted, left // each)) if each else wanted


def window(model: Header, wanted: int) -> int:
    """The window in tokens: never more than the model's own."""
    own = model.number("context_length")
    return min(wanted, own) if own > 0 else wanted


def threads(model: Header, wanted: int, cores: int) -> int:
    """One for each physical core, but a single one for a small model: there the threads wait for each other longer than they
    compute."""
    return wanted or (1 if model.parameters < SMALL_MODEL else cores)


def piece(model: Header, threads: int, has_graphics: bool) -> int:
    """How many tokens of a prompt are read in one go: so many that Stop is quick and running answers go on meanwhile."""
    if has_graphics:
        return MOST_PIECE
    fitting = PIECE_SECONDS * SPEED * threads / (2 * max(model.parameters, 1))
    size = LEAST_PIECE
    while size * 2 <= min(fitting, MOST_PIECE):
        size *= 2
    return size


def _gigabytes(count: float) -> str:
    return f"{count / GIGABYTE:.1f}"
