"""The beginning of a GGUF file as lists and plans need it: the shape of the model. Steps over its vocabulary, because pages ask.

Values: numbers, booleans and texts by their names; a list becomes its length, except a short one of numbers. What loads a
model reads more, and holds it against the file (engines.llama_cpp.header). Covered: files
that are cut, lie about their lengths, or nest lists. Not covered: whether the weights behind are any good.
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from webbot.errors import Unusable

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MOST_KEYS, MOST_TENSORS, MOST_DIMENSIONS, LONGEST_KEY = 10_000, 100_000, 8, 65_535
SHORT_LIST = 1024
TEXT, LIST = 8, 9
# The numbers by their type: uint8, int8, uint16, int16, uint32, int32, float32, bool, uint64, int64, float64.
NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
Value = int | float | bool | str | list[int | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """`values` by name, `parameters` is how many numbers the tensors hold."""

    values: dict[str, Value]
    parameters: int

    def number(self, name: str) -> int:
        """A whole number of the model's architecture, such as block_count; 0 where there is none. The largest one of a list."""
        value = self.values.get(f"{self.text('general.architecture')}.{name}", 0)
        if isinstance(value, list):
            value = max(value, default=0)
        return int(value) if isinstance(value, int | float) and 0 <= value < 1 << 40 else 0

    def text(self, name: str) -> str:
        value = self.values.get(name, "")
        return value if isinstance(value, str) else ""


def read(file: Path) -> Header:
    """Raises Unusable that names the file."""
    try:
        with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(data).header()
    except FileNotFoundError:
        raise Unusable("There is no file {file}.", file=str(file)) from None
    except (OSError, ValueError, struct.error, IndexError, OverflowError):  # an empty file cannot be mapped either
        if _is_empty(file):
            raise Unusable("{file} is empty. Please download or copy the file again.", file=str(file)) from None
        raise Unusable("{file} is truncated or no GGUF file. Please download or copy the file again.", file=str(file)) from None


def _is_empty(file: Path) -> bool:
    try:
        return file.stat().st_size == 0
    except OSError:
        return False


class _Reader:
    def __init__(self, data: mmap.mmap) -> None:
        self.data, self.at = data, 0

    def header(self) -> Header:
        if self.data[:4] != MAGIC or self._at(4, "<I") not in VERSIONS:
            raise ValueError("no GGUF")
        self.at = 8
        tensors, keys = self._next("<Q"), self._next("<Q")
        if tensors > MOST_TENSORS or keys > MOST_KEYS:
            raise ValueError("too many")
        values = {}
        for _ in range(keys):
            name = self._text(LONGEST_KEY)
            values[name] = self._value(self._next("<I"))
        return Header(values=values, parameters=sum(self._tensor() for _ in range(tensors)))

    def _at(self, place: int, form: str) -> int:
        return struct.unpack_from(form, self.data, place)[0]

    def _next(self, form: str) -> int:
        value = self._at(self.at, form)
        self.at += struct.calcsize(form)
        return value

    def _skip(self, count: int) -> None:
        if count > len(self.data) - self.at:
            raise ValueError("cut")
        self.at += count

    def _text(self, longest: int = 1 << 24) -> str:
        length = self._next("<Q")
        start = self.at
        if length > longest:
            raise ValueError("a text too long")
        self._skip(length)
        return self.data[start : start + length].decode("utf-8", errors="replace")

    def _value(self, kind: int) -> Value:
        if kind == TEXT:
            return self._text()
        if kind == LIST:
            return self._list()
        if kind not in NUMBERS:
            raise ValueError("an unknown type")
        return self._next(NUMBERS[kind])

    def _list(self) -> Value:
        kind, count = self._next("<I"), self._next("<Q")
        if kind == TEXT:
            unpack, data, at = struct.Struct("<Q").unpack_from, self.data, self.at
            if count > len(data) - at:
                raise ValueError("cut")
            for _ in range(count):
                at += 8 + unpack(data, at)[0]
            self._skip(at - self.at)
            return count
        if kind not in NUMBERS:
            raise ValueError("an unknown type")
        start, size = self.at, struct.calcsize(NUMBERS[kind])
        self._skip(count * size)
        if count > SHORT_LIST:
            return count
        return [self._at(start + number * size, NUMBERS[kind]) for number in range(count)]

    def _tensor(self) -> int:
        """Steps over the description of a tensor; how many numbers it holds."""
        self._text(LONGEST_KEY)
        dimensions = self._next("<I")
        if dimensions > MOST_DIMENSIONS:
            raise ValueError("too many dimensions")
        count = math.prod(self._next("<Q") for _ in range(dimensions))
        self._skip(12)  # its type and place
        return count
