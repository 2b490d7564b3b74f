"""Where a growing text may be cut: at a line that surely begins something new, however the text goes on.

Pieces depend on the text alone, never on the portions in which it came. The rules of a markup say where something begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

LONGEST_PIECE = 16_384  # characters; a longer list or paragraph is cut at the end of a line, a longer line within it
LONGEST_TEXT = 200_000  # characters; what comes after them is shown as it was written


@dataclass(frozen=True, slots=True)
class Piece:
    """`plain` says that the text is to be shown as it was written."""

    text: str
    plain: bool = False


class Rules(Protocol):
    """What the lines of a markup mean for cutting."""

    @property
    def whole(self) -> bool:
        """Whether nothing may be cut now, however long it is: within a block of code."""

    def begins(self, line: str) -> bool:
        """Whether this line, which comes after an empty one, surely begins something new."""

    def read(self, line: str) -> None:
        """Takes note of a line."""

    def reset(self) -> None:
        """A new piece begins."""


class Pieces:
    """Cuts a text that comes in portions."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.plain = False
        self._lines: list[str] = []
        self._rest = ""
        self._size = 0
        self._total = 0
        self._blank = False
        self._anything = False

    def feed(self, text: str) -> list[Piece]:
        """The pieces that are complete now."""
        done: list[Piece] = []
        text = self._rest + text
        start = 0
        while True:
            end = text.find("\n", start, start + LONGEST_PIECE) + 1 or start + LONGEST_PIECE
            if end > len(text):
                break
            self._take(text[start:end], done)
            start = end
        self._rest = text[start:]
        return done

    def open_length(self) -> int:
        """The characters of the open piece."""
        return self._size + len(self._rest)

    def open_piece(self) -> Piece:
        """What is not complete yet."""
        return Piece("".join(self._lines) + self._rest, self.plain)

    def rest(self) -> list[Piece]:
        """What would be complete if the text ended here: one piece, or two when the unfinished line begins a new one."""
        if self._begins(self._rest):
            return [Piece("".join(self._lines)), Piece(self._rest)]
        return [self.open_piece()] if self.open_length() else []

    def _take(self, line: str, done: list[Piece]) -> None:
        if self._begins(line):
            self._finish(done)
        if not self.plain and self._fresh():
            self.rules.read(line)
            self._blank = not line.strip()
            self._anything = self._anything or not self._blank
        self._lines.append(line)
        self._size += len(line)
        self._total += len(line)
        if self._total >= LONGEST_TEXT and not self.plain:
            self._finish(done)
            self.plain = True
        elif self._size >= LONGEST_PIECE and (self.plain or not self.rules.whole):
            self._finish(done)

    def _begins(self, line: str) -> bool:
        fresh = not self.plain and self._anything and self._blank and self._fresh()
        return fresh and bool(line.strip()) and self.rules.begins(line)

    def _fresh(self) -> bool:
        """Whether a line begins here, rather than the next part of one that is too long."""
        return not self._lines or self._lines[-1].endswith("\n")

    def _finish(self, done: list[Piece]) -> None:
        if self._lines:
            done.append(Piece("".join(self._lines), self.plain))
        self._lines, self._size, self._blank, self._anything = [], 0, False, False
        self.rules.reset()
