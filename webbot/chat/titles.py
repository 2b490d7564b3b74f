"""What a title may be: one short line."""

from __future__ import annotations

TITLE_CHARACTERS = 60


def title_of(text: str) -> str:
    """A title from a question: its words on one line, cut at a word."""
    line = " ".join(text.split())
    if len(line) <= TITLE_CHARACTERS:
        return line
    return line[:TITLE_CHARACTERS].rsplit(" ", 1)[0].rstrip(" ,;:.") + " …"
