"""The words of titles, as they are kept and looked for: each between blanks."""

from __future__ import annotations

from webbot.store.redis_keys import raw

SEARCH_LENGTH = 200  # characters of a search that count


def title_words(title: str) -> bytes:
    return raw(f" {' '.join(_words(title))} ")


def wanted_words(search: str) -> list[bytes] | None:
    """What must all stand in the words of a title; the last one may be only begun. Nothing for an empty search, None where
    nothing can be found."""
    if not search.strip():
        return []
    words = _words(search[:SEARCH_LENGTH])
    if not words:
        return None
    return [raw(f" {word} ") for word in words[:-1]] + [raw(f" {words[-1]}")]


def _words(text: str) -> list[str]:
    import re
    import unicodedata

    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold())
