"""What a line of Markdown means for cutting a growing answer: lists, quotes and fences hold lines together."""

from __future__ import annotations

import re

_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])(?:\s|$)")
_CONTAINERS = re.compile(r"(?:\s*(?:[-*+]|\d{1,9}[.)])\s+|\s*>\s?)*")
_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`\n]*$)|~{3,})", re.MULTILINE)


class MarkdownLines:
    """Rules for `Pieces`. `fence` is the mark that closes the open block of code, "" when none is open."""

    def __init__(self) -> None:
        self.fence = ""
        self.inside = False
        self.listed = False

    @property
    def whole(self) -> bool:
        return bool(self.fence)

    def begins(self, line: str) -> bool:
        """A line at the margin ends lists, quotes and what is in them; an item of a list goes on with the list."""
        if line[0] in " \t" or (self.fence and not self.inside):
            return False
        return not (self.listed and _ITEM.match(line))

    def read(self, line: str) -> None:
        start = _CONTAINERS.match(line)
        prefix = start.group() if start else ""
        rest = line[len(prefix) :]
        if self.fence:
            mark = rest.strip()
            if mark and set(mark) == {self.fence[0]} and len(mark) >= len(self.fence):
                self.fence = ""
            return
        self.listed = self.listed or bool(_ITEM.match(line.lstrip()))
        found = _FENCE.match(rest if prefix.strip() else line)
        if found:
            self.fence = found.group(1)
            self.inside = bool(prefix.strip()) or (self.listed and line[0] == " ")

    def reset(self) -> None:
        self.fence, self.inside, self.listed = "", False, False
