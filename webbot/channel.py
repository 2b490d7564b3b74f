"""What goes on in each conversation, told to whoever listens: page tabs, programs, the terminal.

A channel passes news on, in order, and gives a newcomer the running answer as it stands first, so that nobody misses or doubles
anything. A listener that does not read is cut off; it may come back. Everything here stays in this process; with several
web processes another one takes this one's place.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from webbot.errors import Conflict
from webbot.news import Began, Heard, News, Running

MOST_UNREAD = 2000  # news; a delta is a few bytes, so a listener holds well under 256 kB
BUSY = "An answer is still being written in this conversation. Stop it or wait for its end."


class Lagging(Exception):
    """The listener has not read for too long and was cut off."""


class Listener:
    """One reader's unread news."""

    def __init__(self, told: Callable[[], None]) -> None:
        """`told` is called after each news, by whoever told it: it returns at once, for a reader that waits for several."""
        self.unread: queue.Queue[News] = queue.Queue()
        self.told = told
        self.cut = False

    def next(self, seconds: float) -> News | None:
        """The next news, None when there is none for `seconds`. Raises Lagging once the listener was cut off."""
        try:
            return self.unread.get(timeout=seconds) if seconds > 0 else self.unread.get_nowait()
        except queue.Empty:
            if self.cut:
                raise Lagging from None
            return None


class Channels:
    """The listeners of every conversation and the answer that runs in it, by the conversation's id."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._listeners: dict[str, set[Listener]] = {}
        self._running: dict[str, Running] = {}
        self._claimed: set[str] = set()
        self._stops: dict[str, Callable[[], None]] = {}

    @contextmanager
    def listen(
        self, key: str, told: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[Listener, Running | None]]:
        """A listener of `key`, and the running answer at the moment from which on it hears everything. `told` as in Listener."""
        listener = Listener(told)
        with self._lock:
            running = self.running(key)
            self._listeners.setdefault(key, set()).add(listener)
        try:
            yield listener, running
        finally:
            with self._lock:
                listeners = self._listeners.get(key, set())
                listeners.discard(listener)
                if not listeners:
                    self._listeners.pop(key, None)

    def post(self, key: str, news: News) -> None:
        """Passes news on and keeps the running answer up to date in the same instant."""
        with self._lock:
            self._add_up(key, news)
            for listener in list(self._listeners.get(key, ())):
                if listener.unread.qsize() >= MOST_UNREAD:
                    listener.cut = True
                    self._listeners[key].discard(listener)
                else:
                    listener.unread.put(news)
                listener.told()

    def _add_up(self, key: str, news: News) -> None:
        if isinstance(news, Began):
            self._running[key] = Running(news)
        elif isinstance(news, Heard) and (running := self._running.get(key)) and running.began.answer.id == news.answer:
            running.hear(news.event)
            if running.ended:
                del self._running[key]

    def running(self, key: str) -> Running | None:
        """The running answer as it stands, for the caller to keep; None when there is none."""
        with self._lock:
            running = self._running.get(key)
            return running.copy() if running else None

    def count(self, key: str) -> int:
        """How many listen, in all web processes."""
        with self._lock:
            return len(self._listeners.get(key, ()))

    # whose turn it is

    def claim(self, key: str) -> None:
        """Keeps every other turn of the conversation out, in all web processes, until `release`. Raises Conflict."""
        with self._lock:
            if key in self._claimed:
                raise Conflict(BUSY)
            self._claimed.add(key)

    def release(self, key: str) -> None:
        with self._lock:
            self._claimed.discard(key)
            self._stops.pop(key, None)

    def claimed(self) -> Collection[str]:
        """The conversations in which a turn begins or runs, in all web processes."""
        with self._lock:
            return set(self._claimed)

    def on_stop(self, key: str, stop: Callable[[], None]) -> None:
        """Calls `stop` when somebody asks for the end of the answer that this process writes there, until `release`."""
        with self._lock:
            self._stops[key] = stop

    def ask_stop(self, key: str) -> None:
        """Asks for the end of the running answer, whichever web process writes it. Returns at once."""
        with self._lock:
            stop = self._stops.get(key)
        if stop is not None:
            stop()

    def close(self) -> None:
        """Ends what it started."""
