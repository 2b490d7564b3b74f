"""Values of a file whose types nobody promised: each is checked where it is read, and what is wrong is named by its place."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from webbot.errors import BadInput, TooLong
from webbot.transfer.talk import MOST_TEXT

FORBIDDEN = re.compile("[\x00\ud800-\udfff]")
LARGEST = 2**31 - 1  # as the stores keep whole numbers
LATEST = 253_402_300_799.0  # the last second of the year 9999
OTHER_UNITS = 1e11  # a larger time is no number of seconds


class Values:
    """The members of one JSON object. `place` says where it stands, like messages[3]."""

    def __init__(self, value: object, place: str = "") -> None:
        if not isinstance(value, dict):
            raise BadInput("{place} is no object.", place=place or "The conversation")
        self.all: Mapping[str, Any] = value
        self.place = place

    def at(self, name: str) -> str:
        name = name.encode("utf-8", "backslashreplace").decode()
        return f"{self.place}.{name}" if self.place else name

    def only(self, names: Collection[str]) -> None:
        """Raises BadInput for a member with another name: it would be lost."""
        for name in self.all:
            if name not in names:
                raise BadInput("{place} is not known here.", place=self.at(name[:40]))

    def has(self, name: str) -> bool:
        return self.all.get(name) is not None

    def text(self, name: str, *, limit: int = MOST_TEXT) -> str:
        """A text, "" where there is none; `limit` counts bytes."""
        return checked_text(self.all.get(name, ""), self.at(name), limit)

    def word(self, name: str, words: Collection[str], default: str) -> Any:
        found = self.all.get(name, default)
        if not isinstance(found, str) or found not in words:
            raise BadInput("{place} must be one of: {words}.", place=self.at(name), words=", ".join(map(repr, words)))
        return found

    def flag(self, name: str) -> bool:
        found = self.all.get(name, False)
        if not isinstance(found, bool):
            raise BadInput("{place} must be true or false.", place=self.at(name))
        return found

    def whole(self, name: str, default: int | None = 0) -> int:
        """A whole number from 0."""
        found = self.all.get(name, default)
        if isinstance(found, bool) or not isinstance(found, int) or not 0 <= found <= LARGEST:
            raise BadInput("{place} must be a whole number.", place=self.at(name))
        return found

    def number(self, name: str) -> float:
        found = self.all.get(name, 0.0)
        if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) <= LATEST:
            raise BadInput("{place} must be a number.", place=self.at(name))
        return float(found)

    def items(self, name: str) -> list[Any]:
        found = self.all.get(name)
        if found is None:
            return []
        if not isinstance(found, list):
            raise BadInput("{place} is no list.", place=self.at(name))
        return found

    def object(self, name: str) -> Values:
        """The object of that name, an empty one where there is none."""
        found = self.all.get(name)
        return Values({} if found is None else found, self.at(name))

    # what programs elsewhere wrote: their times come in many forms, and none is worth losing a conversation

    def time(self, name: str) -> float:
        """Seconds since 1970, of a number in whatever unit or of a date of ISO 8601; 0 where there is none."""
        return seconds_of(self.all.get(name))


def checked_text(found: object, place: str, limit: int = MOST_TEXT) -> str:
    if not isinstance(found, str):
        raise BadInput("{place} is no text.", place=place)
    if len(found) > limit or len(found.encode("utf-8", "replace")) > limit:
        raise TooLong("{place} is longer than {limit} bytes.", place=place, limit=limit)
    if FORBIDDEN.search(found):
        raise BadInput("{place} holds a character that is no text.", place=place)
    return found


def seconds_of(value: object) -> float:
    if isinstance(value, str) and len(value) <= 40:
        try:
            return max(0.0, datetime.fromisoformat(value).timestamp())
        except (ValueError, OverflowError, OSError):
            return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e20 or not math.isfinite(value):
        return 0.0
    while value > OTHER_UNITS:
        value /= 1000
    return float(value)
