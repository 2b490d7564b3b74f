"""The words of titles, as they are kept and looked for: each between blanks, so that a phrase is a part of a text."""

from __future__ import annotations

from webbot.store.redis_keys import raw
from webbot.store.words import terms, words


def title_words(title: str) -> bytes:
    return raw(f" {' '.join(words(title))} ")


def wanted_words(search: str) -> list[bytes] | None:
    """What must all stand in the words of a title. Nothing for an empty search, None where nothing can be found."""
    if not search.strip():
        return []
    return [raw(f" {' '.join(term.words)}{'' if term.begun else ' '}") for term in terms(search)] or None
