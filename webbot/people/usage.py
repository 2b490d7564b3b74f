"""What a person may ask of the models in a while, and what they asked: turns of this minute, tokens of this day (UTC).

The figures are counters of the store, by the owner of the conversations: the same for every web process, and whatever address
somebody comes from. Where nobody signs in, an owner is a browser's session. It is one of chat's allowances (chat/allowance.py).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from webbot.errors import TooMany
from webbot.people.person import Person
from webbot.settings import Settings
from webbot.store.base import Store

MINUTE, DAY = 60, 86_400


class Usage:
    """The limits of all owners. `find` says who an owner is, None for nobody whom the server knows."""

    def __init__(self, store: Store, settings: Settings, find: Callable[[str], Person | None]) -> None:
        self.store, self.settings, self._find = store, settings, find

    def limits(self, person: Person | None) -> tuple[int, int]:
        """Turns a minute and tokens a day; 0 is no limit."""
        turns = person.turns_a_minute if person is not None else None
        tokens = person.tokens_a_day if person is not None else None
        return (
            self.settings.turns_a_minute if turns is None else turns,
            self.settings.tokens_a_day if tokens is None else tokens,
        )

    def ask(self, owner: str) -> None:
        """Counts a turn, where turns are limited. Raises TooMany until the minute or the day ends."""
        turns, tokens = self.limits(self._find(owner) if self.settings.has_people else None)
        now = time.time()
        if tokens and self.tokens_today(owner) >= tokens:
            raise TooMany("You have used the {limit} tokens that you may use in a day; a new day begins at midnight (UTC).",
                          limit=tokens, retry_after=_left(now, DAY), code="rate_limit_exceeded")
        if turns and self.store.add_up(_key("turns", owner, now, MINUTE), 1, _end(now, MINUTE)) > turns:
            left = _left(now, MINUTE)
            raise TooMany("You may ask {limit} questions in a minute; please go on in {seconds} s.", limit=turns,
                          seconds=left, retry_after=left, code="rate_limit_exceeded")

    def used(self, owner: str, tokens: int) -> None:
        """Adds to the tokens of the day."""
        if tokens > 0:
            now = time.time()
            self.store.add_up(_key("tokens", owner, now, DAY), tokens, _end(now, DAY))

    def tokens_today(self, owner: str) -> int:
        """Prompts and answers together."""
        now = time.time()
        return self.store.add_up(_key("tokens", owner, now, DAY), 0, _end(now, DAY))


def _key(what: str, owner: str, now: float, window: int) -> str:
    return f"{what} {int(now // window)} {owner}"


def _end(now: float, window: int) -> float:
    return (now // window + 1) * window


def _left(now: float, window: int) -> int:
    """Whole seconds until the window has ended."""
    return max(1, math.ceil(_end(now, window) - now))
