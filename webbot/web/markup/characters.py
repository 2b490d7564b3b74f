"""Characters that mislead or disturb, made visible: for display only, what is stored stays as it was.

Covered: control characters, NUL, lone surrogates, characters that turn the direction of the text around, and piles of
combining marks. Not covered: letters of different scripts that look alike.
"""

from __future__ import annotations

import re

MOST_MARKS = 16  # combining marks on one letter; no script needs more, and a browser draws a pile over the lines around it

_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MARKS = re.compile(
    "([\u0300-\u036f\u0483-\u0489\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
    f"{{{MOST_MARKS}}})[\u0300-\u036f\u0483-\u0489\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)


def visible(text: str) -> str:
    """`text` with a sign in the place of every character that nobody should meet unseen. Line ends become "\\n"."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _MARKS.sub(r"\1", _INVISIBLE.sub(_sign, text))


def _sign(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"
