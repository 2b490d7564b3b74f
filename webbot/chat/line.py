"""Who waits for a turn: a line for each name, in the order of coming. Knows neither what a turn is nor who waits."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from webbot.errors import Conflict, TooMany


class Dismissed(Conflict):
    """Everybody in this line was sent away."""

    def __init__(self) -> None:
        super().__init__("The user was disconnected while this was on its way.")


class Place:
    """A place in a line. It may be sent away before its turn, and during it, unless it is `alone` then."""

    def __init__(self, alone: bool = False) -> None:
        self.alone = alone
        self._called = threading.Event()
        self._dismissed = False

    def wait(self, seconds: float) -> bool:
        """Whether the turn has come, after `seconds` at the latest. Raises Dismissed."""
        called = self._called.wait(seconds)
        self.check()
        return called

    def check(self) -> None:
        """Raises Dismissed when this place was sent away."""
        if self._dismissed:
            raise Dismissed

    def call(self) -> None:
        self._called.set()

    def dismiss(self) -> None:
        self._dismissed = True
        self._called.set()


class Lines:
    """The lines of all names; one that is empty leaves nothing behind."""

    def __init__(self, most: int) -> None:
        """Behind the one whose turn it is, `most` may wait."""
        self.most = most
        self._lock = threading.Lock()
        self._lines: dict[str, deque[Place]] = {}

    @contextmanager
    def place(self, name: str, *, alone: bool = False) -> Iterator[Place]:
        """A place at the end of the line. Raises TooMany when the line is full.

        `alone` first sends everybody else away, but those who came to be alone: they finish what they do.
        """
        place = Place(alone)
        with self._lock:
            line = self._lines.get(name, deque())
            if alone:
                _send_away(line)
            elif len(line) > self.most:
                raise TooMany("{count} prompts of this user are waiting. Please wait for their answers.", count=self.most,
                              retry_after=5, parameter="user_data", code="queue_full")
            line.append(place)
            self._lines[name] = line
            line[0].call()
        try:
            yield place
        finally:
            with self._lock:
                self._leave(name, line, place)

    def _leave(self, name: str, line: deque[Place], place: Place) -> None:
        if place in line:  # it may have been sent away
            line.remove(place)
        if line:
            line[0].call()
        elif self._lines.get(name) is line:
            del self._lines[name]


def _send_away(line: deque[Place]) -> None:
    staying = [place for place in line if place.alone]
    for place in line:
        if not place.alone:
            place.dismiss()
    line.clear()
    line.extend(staying)
