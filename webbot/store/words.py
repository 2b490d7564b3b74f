"""What a word is, for search: one definition, whatever database keeps the words.

A text is folded (NFKC and without case), and its words are runs of letters, digits and their marks. Characters of scripts that
are written without spaces (Chinese, Japanese, Korean, Thai and their like) are words of their own; a run of them in a search is
a phrase: it is found wherever it stands, also inside longer runs. Nothing in a search is an operator.

Bounds: a word counts with its first LONGEST characters, a search with its first SEARCH_LENGTH. A text of more than PIECE words
is looked at in pieces that overlap by OVERLAP words, and all words of a search must stand in the same piece.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

LONGEST = 64
SEARCH_LENGTH = 200
PIECE = 8000  # words: PostgreSQL keeps no positions beyond 16 383
PIECE_CHARACTERS = 150_000  # PostgreSQL keeps 1 MB of words and positions in one row
OVERLAP = 200
WITHOUT_SPACES = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u3130-\u318f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U000323af"
)
ASCII_WORD = re.compile("[a-z0-9]+")  # the same, ten times as fast


@dataclass(frozen=True, slots=True)
class Term:
    """What must stand in a text: these words one after the other. `begun`: the last of them may go on."""

    words: tuple[str, ...]
    begun: bool = False


def fold(text: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def words(text: str) -> list[str]:
    """The words of a text in their order."""
    folded = fold(text)
    return [word[:LONGEST] for word in (ASCII_WORD if folded.isascii() else _word()).findall(folded)]


def pieces(text: str) -> Iterator[list[str]]:
    """The words of a text, piece by piece; one empty piece where there is none."""
    found = words(text)
    start, end = 0, _end(found, 0)
    yield found[:end]
    while end < len(found):
        start = max(start + 1, end - OVERLAP)
        end = _end(found, start)
        yield found[start:end]


def _end(found: list[str], start: int) -> int:
    size, end = 0, min(start + PIECE, len(found))
    if (end - start) * LONGEST > PIECE_CHARACTERS:
        for at in range(start, end):
            size += len(found[at])
            if size > PIECE_CHARACTERS:
                return max(at, start + OVERLAP + 1)
    return end


def terms(search: str) -> list[Term]:
    """What a search asks for; nothing when there is no word in it. Its last word may be only begun."""
    found: list[Term] = []
    for match in _run().finditer(fold(search[:SEARCH_LENGTH])):
        parts = tuple(word[:LONGEST] for word in _word().findall(match[0]))
        if parts:
            found.append(Term(parts))
    if found:
        found[-1] = Term(found[-1].words, begun=True)
    return list(dict.fromkeys(found))


@cache
def _word() -> re.Pattern[str]:
    return re.compile(rf"[{WITHOUT_SPACES}]|(?:[^\W_{WITHOUT_SPACES}]+|[{_marks()}]+)+")


@cache
def _run() -> re.Pattern[str]:
    """A word, or a whole run of characters that are words of their own."""
    return re.compile(rf"[{WITHOUT_SPACES}]+|{_word().pattern.partition('|')[2]}")


@cache
def _marks() -> str:
    """The marks that are written with letters (vowel signs, accents), as the inside of a character class."""
    found: list[list[int]] = []
    for code in range(0x300, 0x1F000):
        if unicodedata.category(chr(code))[0] == "M" and not re.match(f"[{WITHOUT_SPACES}]", chr(code)):
            if found and found[-1][1] == code - 1:
                found[-1][1] = code
            else:
                found.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in found)
