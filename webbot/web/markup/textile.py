"""Textile as clean HTML: answers in the old page's format, and the texts that an operator writes."""

from __future__ import annotations

import re

import textile as library

from webbot.web.markup.characters import visible
from webbot.web.markup.cleaning import clean_text, clean_textile
from webbot.web.markup.plain import plain_block

LONGEST_BLOCK = 8_192  # characters; the library is made of regular expressions that take their time

_CODE = re.compile(r"<code[^>]*>.*?</code>", re.DOTALL)
_TWICE = re.compile(r"&amp;(amp|lt|gt|quot|#\d+);")
_SIGNATURE = re.compile(r"(?:p|h[1-6]|bq|bc|pre|fn\d+|notextile|###)[^\s.]*\.(\.?)(?:\s|$)")


class TextileLines:
    """Rules for `Pieces`: an empty line ends a block, unless the block was begun with two dots (`bc.. `)."""

    def __init__(self) -> None:
        self.extended = False

    @property
    def whole(self) -> bool:
        return False

    def begins(self, line: str) -> bool:
        return not self.extended or _SIGNATURE.match(line) is not None

    def read(self, line: str) -> None:
        found = _SIGNATURE.match(line)
        if found:
            self.extended = bool(found.group(1))

    def reset(self) -> None:
        self.extended = False


def blocks(source: str) -> list[str]:
    """An answer's blocks: one HTML element that holds what the library made of `source`."""
    source = visible(source).strip("\n")
    if not source.strip():
        return []
    html = ""
    if len(source) <= LONGEST_BLOCK:
        try:
            made = library.Textile(restricted=True, lite=False, noimage=True, html_type="html5").parse(source)
            html = clean_textile(f"<div>{_CODE.sub(_once, made)}</div>").strip()
        except Exception:  # the library meets whatever a model writes; any failure means: show the source
            html = ""
    return [html] if html else plain_block(source)


def _once(code: re.Match[str]) -> str:
    """The library's restricted mode escapes code twice."""
    return _TWICE.sub(r"&\1;", code.group())


def operator_html(source: str) -> str:
    """A text of the operator as HTML. It is trusted to be meant well, not to be free of mistakes."""
    return clean_text(library.Textile(restricted=False, html_type="html5").parse(visible(source)))
