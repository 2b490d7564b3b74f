"""Finds the conversations in the bytes of a JSON file, so that one after another is made into values and none stays.

What is found are places, not values: only brackets are looked at. Whatever the bytes are, this takes time in proportion to their
number, and next to no memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from webbot.errors import BadInput, TooLong
from webbot.transfer.deep import parse_deep, unique
from webbot.transfer.talk import MOST_DEPTH, MOST_PARTS, MOST_TALKS

# From one bracket to the next, over texts and everything else; a quote there is a text without an end.
STEP = re.compile(rb'(?:[^\[\]{}"]++|"(?:[^"\\]++|\\.)*+")*+([\[\]{}"]|\Z)', re.DOTALL)
PART = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[{,]', re.DOTALL)
MEMBER = re.compile(rb'"conversations"\s*:\s*\Z')
CLOSING = {0x5B: 0x5D, 0x7B: 0x7D}
AT_ONCE = 5_000  # brackets between two breaths
SHALLOW = 200  # levels that the quick reader takes
MOST_HEAD = 16 * 1024 * 1024  # bytes of a file beside its conversations: a hundred long roles
ENDS_EARLY = "The file ends in the middle: a part of it is missing."


@dataclass(slots=True)
class Span:
    """Where a value stands, and how many levels it has."""

    start: int
    end: int
    depth: int


@dataclass(slots=True)
class Found:
    """The conversations of a file: the items of its list, or of the member `conversations` of its object, or the whole object.
    `head` are the other members of that object. `broken` is set when the file ends too early."""

    spans: list[Span] = field(default_factory=list)
    head: Mapping[str, Any] | None = None
    broken: bool = False


class Scan:
    """One pass over the bytes of a JSON file that begins with a bracket."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.open = bytearray()  # the brackets that must close
        self.list: tuple[int, int] | None = (0, 0) if data[:1] == b"[" else None  # where the list of conversations stands
        self.level = 1 if self.list else 2  # how many brackets are open around one of them
        self.start = self.deepest = self.end = 0
        self.spans: list[Span] = []

    def run(self, breathe: Callable[[], None]) -> Found:
        """Raises BadInput and TooLong."""
        for count, match in enumerate(STEP.finditer(self.data)):
            if count % AT_ONCE == AT_ONCE - 1:
                breathe()
            mark = match[1]
            if not mark or mark == b'"':
                break
            place = match.start(1)
            if mark in b"[{":
                self._opens(mark[0], place)
            else:
                self._closes(mark[0], place)
            if not self.open:
                self.end = place + 1
                break
        return self._found()

    def _opens(self, mark: int, place: int) -> None:
        if self.list is None and mark == 0x5B and len(self.open) == 1 and MEMBER.search(self.data, max(0, place - 100), place):
            self.list = (place, 0)
        elif self.list is not None and not self.list[1] and len(self.open) == self.level:
            self.start, self.deepest = place, 0
        self.open.append(CLOSING[mark])
        self.deepest = max(self.deepest, len(self.open))
        if len(self.open) > MOST_DEPTH:
            raise TooLong("The file is nested more than {limit} levels deep.", limit=MOST_DEPTH)

    def _closes(self, mark: int, place: int) -> None:
        if self.open.pop() != mark:
            raise BadInput("The file is no JSON: see byte {place}.", place=place)
        if self.list is None or self.list[1]:
            return
        if len(self.open) == self.level:
            self.spans.append(Span(self.start, place + 1, self.deepest - self.level))
            if len(self.spans) > MOST_TALKS:
                raise TooLong("The file has more than {limit} conversations.", limit=MOST_TALKS)
        elif len(self.open) == self.level - 1:
            self.list = (self.list[0], place + 1)

    def _found(self) -> Found:
        broken = not self.end
        if self.data[self.end:].strip() and not broken:
            raise BadInput("The file is no JSON: see byte {place}.", place=self.end)
        if self.list is None:
            if broken:
                raise BadInput(ENDS_EARLY)
            return Found([Span(0, self.end, self.deepest)])
        self._check_between(broken)
        begin, end = self.list
        if not begin:
            return Found(self.spans, None, broken)
        rest = self.data[end:] if not broken else b"}"
        if begin + len(rest) > MOST_HEAD:
            raise TooLong("The file holds too much beside its conversations.")
        head = self.data[:begin] + b"[]" + rest
        return Found(self.spans, parse(head, Span(0, len(head), SHALLOW)), broken)


    def _check_between(self, broken: bool) -> None:
        """Between two conversations there is a comma and nothing else."""
        assert self.list is not None
        place, between = self.list[0] + 1, b""
        for span in self.spans:
            if self.data[place:span.start].strip() != between:
                raise BadInput("The file is no JSON: see byte {place}.", place=place)
            place, between = span.end, b","
        if not broken and self.data[place:(self.list[1] or self.end) - 1].strip():
            raise BadInput("The file is no JSON: see byte {place}.", place=place)


def parse(data: bytes, span: Span) -> Any:
    """The value at that place. Raises BadInput with the place of what is wrong, and TooLong."""
    marks = sum(data.count(mark, span.start, span.end) for mark in (b",", b"[", b"{"))
    parts = PART.finditer(data, span.start, span.end) if marks > MOST_PARTS else iter(())
    if next(islice(parts, MOST_PARTS, None), None) is not None:
        raise TooLong("A conversation of this file has more than {limit} parts.", limit=MOST_PARTS)
    try:
        text = data[span.start:span.end].decode()
    except UnicodeDecodeError as error:
        raise BadInput("The file is no UTF-8: see byte {place}.", place=span.start + error.start) from None
    try:
        if span.depth > SHALLOW:
            return parse_deep(text)
        return json.loads(text, parse_constant=_no_number, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        place = span.start + len(text[:error.pos].encode())
        raise BadInput("The file is no JSON: see byte {place}.", place=place) from None
    except (ValueError, RecursionError):
        raise BadInput("The file is no JSON: see byte {place}.", place=span.start) from None


def _no_number(word: str) -> Any:
    raise BadInput("{value} is no number of JSON.", value=word)
