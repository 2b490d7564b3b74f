"""Brings JSON to its end while there is still room, and out of a loop.

A model that is held to a grammar cannot break off where it would like to: a small one then fills a text with the same words, or a
number with digits, until its room is used up, and the JSON is no JSON. Near the end, or in a loop, the token that closes most
is chosen instead, as long as the grammar allows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

LOOP_TOKENS, LOOP_TIMES, LONGEST_PERIOD = 96, 4, 24  # so many tokens that are so many times the same ones are a loop
CHARACTERS_A_TOKEN = 3  # about; the shortest JSON that fits a schema is hardly ever longer than the schema
LEAST_RESERVE = 16
# In this order: within a text a bracket is a letter, so the quotation mark goes first.
CLOSING = ('"', "}", "]", ",")


class Allowed(Protocol):
    """Says of a token whether it may come: a boolean tensor [vocabulary], or a Mask."""

    def __len__(self) -> int: ...

    def __getitem__(self, token: int, /) -> Any: ...


class Closing:
    """`ends` are the tokens that end an answer, `closers` those of CLOSING, `schema_length` the characters of what is held to."""

    def __init__(self, ends: Iterable[int], closers: Iterable[int], schema_length: int) -> None:
        self._order = [*ends, *closers]
        self._needed = max(LEAST_RESERVE, schema_length // CHARACTERS_A_TOKEN)
        self._tokens: list[int] = []
        self._limit = 0

    def begin(self, limit: int) -> None:
        """The answer has room for `limit` tokens, of which at most half are kept for the end."""
        self._limit = limit

    def note(self, token: int) -> None:
        """A token was chosen."""
        self._tokens.append(token)

    def pick(self, allowed: Allowed) -> int | None:
        """The token to be forced now, of those allowed; None while the model may choose."""
        if not self._due():
            return None
        return next((token for token in self._order if token < len(allowed) and allowed[token]), None)

    def _due(self) -> bool:
        left = self._limit - len(self._tokens)
        return left <= min(self._needed, self._limit // 2) or loops(self._tokens)


def loops(tokens: Sequence[int]) -> bool:
    """Whether the last LOOP_TOKENS are the same few tokens, LOOP_TIMES or more."""
    last = tokens[-LOOP_TOKENS:]
    if len(last) < LOOP_TOKENS:
        return False
    longest = min(LONGEST_PERIOD, LOOP_TOKENS // LOOP_TIMES)
    return any(last[period:] == last[:-period] for period in range(1, longest + 1))
