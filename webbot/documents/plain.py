"""The text in the bytes of a plain file: UTF-8, UTF-16 that says so, else Windows-1252 where the bytes look like text."""

from __future__ import annotations

import codecs
import re

from webbot.documents.limits import MOST_CHARACTERS
from webbot.errors import TooLong

MOST_BYTES = 4 * MOST_CHARACTERS + 4  # a character has at most four bytes in all of these
CONTROLS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
MOST_CONTROLS = 0.01  # of a text's characters: the log of a terminal has some, a program for machines has many
LEAST_ASCII = 0.7  # of the bytes of a text in a language that Windows-1252 is for; less is another alphabet, or no text
BREAKS = re.compile("\r\n?")


def text_of(name: str, data: bytes) -> str | None:
    """The text with plain line ends and without control characters; None for what is no text. Raises TooLong."""
    text = _decoded(data[:MOST_BYTES], whole=len(data) <= MOST_BYTES)
    if text is None or "\x00" in text or len(CONTROLS.findall(text)) > max(MOST_CONTROLS * len(text), 1):
        return None
    text = CONTROLS.sub("", BREAKS.sub("\n", text))
    if len(data) > MOST_BYTES or len(text) > MOST_CHARACTERS:
        raise too_long(name, MOST_CHARACTERS)
    return text


def too_long(name: str, limit: int) -> TooLong:
    return TooLong("The text of {name} has more than {limit} characters. Please attach a part of it.", name=name, limit=limit)


def _decoded(data: bytes, whole: bool) -> str | None:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _read(data, "utf-16", whole)
    if b"\x00" in data:
        return None
    text = _read(data, "utf-8-sig", whole)
    if text is None and sum(byte < 0x80 for byte in data) > LEAST_ASCII * len(data):
        text = _read(data, "cp1252", whole)
    return text


def _read(data: bytes, encoding: str, whole: bool) -> str | None:
    """None for what is not in this encoding. Half a character at the end is one only of a whole text."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data, final=whole)
    except UnicodeDecodeError:
        return None
