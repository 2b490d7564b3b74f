"""The open sockets of this web process: how many a person may have, and a look at each from time to time.

One thread looks at all of them: pings, whoever does not answer, whoever was signed out or removed, the end of the server.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from webbot import metrics
from webbot.errors import Problem, TooMany, Unavailable
from webbot.web.socket import LATER, RESTART, SIGNED_OUT, Socket

MOST, MOST_OF_ONE = 512, 8
TICK_SECONDS = 0.5
STANDING_SECONDS = 1.0  # between two looks at whether somebody may still be here
LAST_SECONDS = 3.0  # when the server stops: for the ends of answers to be told
log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Seat:
    """An open socket: whose it is, and whether that person may not be here any more (`left`)."""

    owner: str
    socket: Socket
    left: Callable[[], bool]
    looked: float = 0.0


class Sockets:
    """`closing` is set when the server begins to stop."""

    def __init__(self, closing: threading.Event, *, most: int = MOST, each: int = MOST_OF_ONE) -> None:
        self.closing, self.most, self.each = closing, most, each
        self._seats: set[Seat] = set()
        self._held: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def check(self, owner: str) -> None:
        """Raises TooMany where one more is too much, Unavailable while the server stops."""
        if self.closing.is_set():
            raise Unavailable("The server is restarting. Please try again in a moment.", retry_after=5)
        with self._lock:
            if self._held[owner] >= self.each:
                raise TooMany("There are {limit} open sockets of yours. Please close one first.", limit=self.each, retry_after=10)
            if len(self._seats) >= self.most:
                raise TooMany("The server holds as many sockets as it can. Please try again later.", retry_after=30)

    def run(self, seat: Seat) -> None:
        """Runs a socket to its end. One that is too much by now ends as soon as it is open."""
        metrics.streams.inc()
        try:
            try:
                self.check(seat.owner)
            except Problem as problem:
                seat.socket.end(LATER, str(problem))
            with self._lock:
                self._seats.add(seat)
                self._held[seat.owner] += 1
                if self._thread is None:
                    self._thread = threading.Thread(target=self._look, daemon=True, name="sockets")
                    self._thread.start()
            seat.socket.run()
        finally:
            metrics.streams.dec()
            with self._lock:
                self._seats.discard(seat)
                self._held[seat.owner] -= 1
                if not self._held[seat.owner]:
                    del self._held[seat.owner]

    def count(self) -> int:
        with self._lock:
            return len(self._seats)

    # in its thread

    def _look(self) -> None:
        stops_at = 0.0
        while True:
            with self._lock:
                seats = list(self._seats)
                if not seats:
                    self._thread = None
                    return
            now = time.monotonic()
            if self.closing.is_set():
                stops_at = stops_at or now + LAST_SECONDS
            for seat in seats:
                try:
                    self._look_at(seat, now, stops_at)
                except Exception:
                    log.exception("a socket cannot be looked at")
            if stops_at:
                time.sleep(TICK_SECONDS / 5)
            else:
                self.closing.wait(TICK_SECONDS)

    def _look_at(self, seat: Seat, now: float, stops_at: float) -> None:
        if stops_at and (now >= stops_at or not seat.socket.talk.speaks()):
            seat.socket.end(RESTART, "the server is restarting")
        elif now - seat.looked >= STANDING_SECONDS:
            seat.looked = now
            if self._is_gone(seat):
                seat.socket.end(SIGNED_OUT, "signed out")
        seat.socket.look(now)

    @staticmethod
    def _is_gone(seat: Seat) -> bool:
        try:
            return seat.left()
        except Problem as problem:  # the store is away: nobody is sent away for that
            log.debug("it is not known whether somebody may still be here: %s", problem)
            return False
