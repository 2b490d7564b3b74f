"""Reads what a GGUF file says of itself, in pure Python: its values and where its tensors lie. Believes no number in it.

Covered: files of another kind, version or byte order, truncated ones, and counts and lengths that the file has no room for.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from webbot.errors import Unusable

VERSIONS = (2, 3)
MOST_VALUES, MOST_TENSORS, MOST_DIMENSIONS, MOST_NAME = 65_536, 1_000_000, 4, 65_536
MOST_ALIGNMENT = 1 << 20
# The value types of the format, by number; 8 is a text, 9 a list.
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
TEXT, LIST = 8, 9
# Of each tensor type: how many numbers are a block, and its bytes. Of a type that is not here the length is not checked.
BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 40), 10: (256, 84),
    11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66), 17: (256, 74),
    18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2),
    26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
    40: (64, 36), 41: (128, 18),
}


@dataclass(frozen=True, slots=True)
class Header:
    """`values` are those of the file by their names, `size` its bytes, `parameters` how many numbers its tensors hold."""

    values: dict[str, Any]
    size: int
    parameters: int

    @property
    def architecture(self) -> str:
        return str(self.values.get("general.architecture", ""))

    def number(self, name: str, default: int = 0) -> int:
        """A whole number of the architecture; of a list (one for each layer) the largest."""
        value = self.values.get(f"{self.architecture}.{name}", default)
        if isinstance(value, list):
            value = max((number for number in value if isinstance(number, int)), default=default)
        return value if isinstance(value, int) else default


def read(file: Path) -> Header:
    """Raises Unusable with a sentence that names the file and what is wrong with it."""
    try:
        with file.open("rb") as opened:
            return _Reader(file, opened).read()
    except FileNotFoundError:
        raise Unusable("There is no model file {file}.", file=str(file)) from None
    except OSError as error:
        raise Unusable("{file} cannot be read ({reason}).", file=str(file), reason=error.strerror or str(error)) from None


class _Reader:
    def __init__(self, file: Path, opened: BinaryIO) -> None:
        self.file, self.opened = file, opened
        self.size = file.stat().st_size
        self.left = self.size

    def read(self) -> Header:
        if not self.size:
            raise Unusable("{file} is empty. Please download or copy the file again.", file=str(self.file))
        if self._bytes(min(4, self.size)) != b"GGUF":
            raise Unusable("{file} is no GGUF file.", file=str(self.file))
        version = self._number("I")
        if version not in VERSIONS:
            raise Unusable("{file} is a GGUF file of version {version}; webbot reads {known}.", file=str(self.file),
                           version=version if version < 1 << 16 else "?", known=" and ".join(map(str, VERSIONS)))
        tensors, count = self._number("Q"), self._number("Q")
        if tensors > MOST_TENSORS or count > MOST_VALUES:
            raise self._damaged("its counts are absurd")
        values = {self._text(MOST_NAME): self._value(self._number("I")) for _ in range(count)}
        ends, parameters = zip(*(self._tensor() for _ in range(tensors)), strict=True) if tensors else ((0,), (0,))
        self._check_end(values.get("general.alignment", 32), max(ends))
        return Header(values, self.size, sum(parameters))

    def _value(self, kind: int) -> Any:
        if kind == TEXT:
            return self._text(self.left)
        if kind == LIST:
            return self._list()
        if kind not in NUMBERS:
            raise self._damaged("it holds a value of an unknown type")
        return self._number(NUMBERS[kind])

    def _list(self) -> list[Any]:
        kind, count = self._number("I"), self._number("Q")
        if kind in NUMBERS:
            form = f"<{self._fitting(count, struct.calcsize('<' + NUMBERS[kind]))}{NUMBERS[kind]}"
            return list(struct.unpack(form, self._bytes(struct.calcsize(form))))
        if kind != TEXT:
            raise self._damaged("it holds a list of an unknown type")
        return [self._text(self.left) for _ in range(self._fitting(count, 8))]

    def _tensor(self) -> tuple[int, int]:
        """Where the tensor ends, in bytes from where the tensors begin, and how many numbers it has."""
        self._text(MOST_NAME)
        dimensions = self._number("I")
        if dimensions > MOST_DIMENSIONS:
            raise self._damaged("its counts are absurd")
        numbers = 1
        for _ in range(dimensions):
            numbers *= self._number("Q")
        kind, offset = self._number("I"), self._number("Q")
        block, size = BLOCKS.get(kind, (1, 0))
        if numbers % block:
            raise self._damaged("a tensor has no whole blocks")
        return offset + numbers // block * size, numbers

    def _check_end(self, alignment: Any, end: int) -> None:
        if not isinstance(alignment, int) or not 1 <= alignment <= MOST_ALIGNMENT or alignment & (alignment - 1):
            raise self._damaged("its alignment is absurd")
        whole = -(-(self.size - self.left) // alignment) * alignment + end
        if self.size < whole:
            raise Unusable("{file} is truncated: it has {size} of {whole} bytes. Please download or copy the file again.",
                           file=str(self.file), size=self.size, whole=whole)

    def _text(self, limit: int) -> str:
        length = self._number("Q")
        if length > limit:
            raise self._short() if self.left < length <= self.size else self._damaged("its lengths are absurd")
        return self._bytes(length).decode("utf-8", "replace")

    def _fitting(self, count: int, size: int) -> int:
        if count > self.left // size:
            raise self._short()
        return count

    def _number(self, form: str) -> Any:
        return struct.unpack("<" + form, self._bytes(struct.calcsize("<" + form)))[0]

    def _bytes(self, count: int) -> bytes:
        if count > self.left:
            raise self._short()
        data = self.opened.read(count)
        if len(data) != count:
            raise self._short()
        self.left -= count
        return data

    def _short(self) -> Unusable:
        return Unusable("{file} is truncated. Please download or copy the file again.", file=str(self.file))

    def _damaged(self, reason: str) -> Unusable:
        return Unusable("{file} is damaged or no GGUF file ({reason}). Please download or copy the file again.",
                        file=str(self.file), reason=reason)


Report = Callable[[float | None, str], None]
READ_BYTES = 32 * 1024 * 1024


def read_ahead(files: list[Path], report: Report) -> None:
    """Reads the files once, so that the slow part, the disk, has a progress; llama.cpp then finds them in memory."""
    total, done = sum(file.stat().st_size for file in files), 0
    for file in files:
        with file.open("rb", buffering=0) as opened:
            while part := opened.read(READ_BYTES):
                done += len(part)
                report(0.1 + 0.75 * done / max(total, 1), "Reading the model.")
