"""The blocks of a growing Markdown text, as far as somebody who listens needs them: prose, and where it breaks off.

Code and what only serves the layout is left out; tables and displayed formulas become prose. A decision is only taken when no
further text can change it, so that the same text gives the same prose in whatever pieces it comes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from webbot.speech.formulas import readable

BREAK = "\x1e"  # ends a block; never in the text itself
BLANK = " \t"
RULE = re.compile(r"[-*_+=:|]+$")
FENCE = re.compile(r"(`{3,}|~{3,})")
HEADING = re.compile(r"#{1,6}(?=[ \t\n])")
BULLET = re.compile(r"[-*+](?=[ \t\n])(?:[ \t]+\[[ xX]\](?=[ \t]))?")
UNDECIDED_BULLET = re.compile(r"[-*+][ \t]+(?:\[[ xX]?\]?)?")  # a box to tick may follow
UNDECIDED_MARK = re.compile(r"#{1,6}|\d{1,9}[.)]?|\$|\\|\[[^\]]*\]?")
NUMBER = re.compile(r"\d{1,9}[.)](?=[ \t\n])")
DEFINITION = re.compile(r"\[[^\]\n]*\]:")
MATHS = {"$$": "$$", "\\[": "\\]"}


class Blocks:
    """Takes the text piece by piece and gives the prose in it, with BREAK between blocks."""

    def __init__(self) -> None:
        self.text = ""  # not yet decided
        self.inside = ""  # of a line of prose: "line"; of a block until its end: a fence like "```", or the end of a formula
        self.heading = False
        self.paragraph = False  # whether the line before was prose that may go on
        self.listed = False
        self.column = 0  # where the content of a list item begins

    def feed(self, text: str) -> str:
        self.text += text.replace("\r", "").replace(BREAK, "")
        return "".join(self._prose(final=False))

    def rest(self) -> str:
        if self.text and not self.text.endswith("\n"):
            self.text += "\n"
        prose = "".join(self._prose(final=True))
        self.text = ""
        return prose + BREAK

    def _prose(self, final: bool) -> Iterator[str]:
        while self.text:
            before = (self.text, self.inside)
            if self.inside == "line":
                yield from self._line()
            elif self.inside in MATHS.values():
                yield from self._formula(final)
            elif self.inside:
                self._code()
            else:
                yield from self._begin()
            if before == (self.text, self.inside):
                return

    # inside of something

    def _line(self) -> Iterator[str]:
        prose, newline, self.text = self.text.partition("\n")
        yield prose
        if newline:
            yield BREAK if self.heading else "\n"
            self.inside, self.paragraph, self.heading = "", not self.heading, False

    def _code(self) -> None:
        line = self._whole_line()
        if line is None:
            return
        self.text = self.text[len(line):]
        bare = line.strip().lstrip("> ")
        if len(bare) >= len(self.inside) and not bare.strip(self.inside[0]):
            self.inside = ""

    def _formula(self, final: bool) -> Iterator[str]:
        formula, end, after = self.text.partition(self.inside)
        if not end and not final:
            return
        yield BREAK + readable(formula) + BREAK
        self.text, self.inside = after, "line"

    def _whole_line(self) -> str | None:
        end = self.text.find("\n")
        return None if end < 0 else self.text[: end + 1]

    # at the beginning of a line

    def _begin(self) -> Iterator[str]:
        """Finds out what the line is, or leaves it as it is until there is more of it."""
        content = self.text.lstrip(BLANK)
        if not content:
            return
        indent = len(self.text[: len(self.text) - len(content)].expandtabs(4))
        if content[0] == "\n":
            self.text, self.paragraph = content[1:], False
            yield BREAK
        elif content[0] == ">":
            self.text = content[1:]
        elif not self.paragraph and indent >= (self.column if self.listed else 0) + 4:
            line = self._whole_line()
            self.text = self.text[len(line or ""):]
        elif content[0] in "`~":
            yield from self._maybe_fence(content, indent)
        elif content[0] in "-*_+=|":
            yield from self._maybe_rule(content, indent)
        elif content[0] in "#$\\[" or content[0].isdigit():
            yield from self._maybe_marked(content, indent)
        else:
            yield from self._prose_begins(content, indent)

    def _prose_begins(self, content: str, indent: int) -> Iterator[str]:
        if not self.paragraph and indent < self.column:
            self.listed, self.column = False, 0
        self.text, self.inside = content, "line"
        yield from ()

    def _item(self, content: str, marker: int, indent: int, spoken: str = "") -> Iterator[str]:
        self.listed, self.column = True, indent + marker + 1
        self.paragraph = True  # what follows the marker is prose, a heading, a fence, but no indented code
        self.text = content[marker:]
        yield BREAK + spoken

    def _maybe_fence(self, content: str, indent: int) -> Iterator[str]:
        line = self._whole_line()
        if line is None and (len(content) < 3 or FENCE.match(content)):
            return
        fence = FENCE.match(content)
        if fence is None or (fence[1][0] == "`" and "`" in (line or "").strip()[len(fence[1]):]):
            yield from self._prose_begins(content, indent)
            return
        self.text, self.inside, self.paragraph = self.text[len(line or ""):], fence[1], False
        yield BREAK

    def _maybe_rule(self, content: str, indent: int) -> Iterator[str]:
        """A rule, the line under a heading or a table's head, a row of a table, an item of a list, or prose after all."""
        line = self._whole_line()
        if line is None and (content[0] == "|" or not content.strip("-*_+=:|" + BLANK)):
            return
        if line is not None and RULE.match("".join(line.split())):
            self.text, self.paragraph = self.text[len(line):], False
            yield BREAK
        elif content[0] == "|" and line is not None:
            self.text, self.paragraph = self.text[len(line):], False
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
            yield BREAK + ", ".join(cell for cell in cells if cell) + BREAK
        elif marker := BULLET.match(content):
            if line is None and UNDECIDED_BULLET.fullmatch(content):
                return
            yield from self._item(content, marker.end(), indent)
        else:
            yield from self._prose_begins(content, indent)

    def _maybe_marked(self, content: str, indent: int) -> Iterator[str]:
        """A heading, a numbered item, a displayed formula, the definition of a link, or prose after all."""
        if "\n" not in content and UNDECIDED_MARK.fullmatch(content):
            return
        if marker := HEADING.match(content):
            self.text, self.inside, self.heading = content[marker.end():], "line", True
            yield BREAK
        elif content[:2] in MATHS:
            self.text, self.inside, self.paragraph = content[2:], MATHS[content[:2]], False
        elif DEFINITION.match(content) and not self.paragraph:
            line = self._whole_line()
            self.text = self.text[len(line or ""):]
        elif (marker := NUMBER.match(content)) and (not self.paragraph or self.listed or marker[0][:-1] == "1"):
            yield from self._item(content, marker.end(), indent, f"{marker[0]} ")
        else:
            yield from self._prose_begins(content, indent)
