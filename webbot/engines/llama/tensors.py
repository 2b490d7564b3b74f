"""The header of a safetensors file: which tensors it has, of what type and shape. Reads no numbers."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from webbot.errors import Unusable

MOST_HEADER_BYTES = 32 * 1024**2  # the format allows 100 MB; the largest models have some 10 MB
BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16,
    "U8": 8, "BOOL": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4, "C64": 64,
}
PLAIN = ("F64", "F32", "F16", "BF16")


@dataclass(frozen=True, slots=True)
class Tensor:
    """`kind` is its type as safetensors writes it."""

    kind: str
    shape: tuple[int, ...]

    @property
    def numbers(self) -> int:
        return prod(self.shape)


def read(file: Path) -> dict[str, Tensor]:
    """The tensors of a file by name. Raises Unusable when it is cut off, or its header says what cannot be."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > size:
            raise Unusable("{file} is truncated or no safetensors file. Please load the model again.", file=str(file))
        if length > MOST_HEADER_BYTES:
            raise Unusable("{file} is no safetensors file. Please load the model again.", file=str(file))
        try:
            header = json.loads(opened.read(length))
            placed = sorted(_placed(name, entry) for name, entry in header.items() if name != "__metadata__")
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            raise Unusable("{file} is no safetensors file. Please load the model again.", file=str(file)) from None
    end = 0
    for first, last, name, tensor in placed:
        if first != end or (last - first) * 8 != tensor.numbers * BITS[tensor.kind]:
            raise Unusable("{file} is broken: the place of {name} in it does not fit.", file=str(file), name=name[:100])
        end = last
    if 8 + length + end != size:
        raise Unusable(
            "{file} is truncated: it has {size} of {whole} bytes. Please load the model again.",
            file=str(file), size=size, whole=8 + length + end,
        )
    return {name: tensor for _, _, name, tensor in placed}


def _placed(name: str, entry: Any) -> tuple[int, int, str, Tensor]:
    """Where a tensor begins and ends, its name, and itself. Raises ValueError, KeyError and TypeError."""
    first, last = entry["data_offsets"]
    shape = tuple(entry["shape"])
    if not all(type(number) is int and number >= 0 for number in (first, last, *shape)) or entry["dtype"] not in BITS:
        raise ValueError(name)
    return first, last, name, Tensor(entry["dtype"], shape)
