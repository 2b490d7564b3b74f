"""What goes on in each conversation, told to whoever listens: page tabs, programs, the terminal.

A channel knows nothing of turns: it passes items on, in order, and gives a newcomer a snapshot first, so that nobody
misses or doubles an item. A listener that does not read is cut off; it may come back for a new snapshot.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

MOST_UNREAD = 2000  # items; a delta is a few bytes, so a listener holds well under 256 kB


class Lagging(Exception):
    """The listener has not read for too long and was cut off."""


class Listener:
    """One reader's unread items."""

    def __init__(self) -> None:
        self.unread: queue.Queue[Any] = queue.Queue()
        self.cut = False

    def next(self, seconds: float) -> Any:
        """The next item, None when there is none for `seconds`. Raises Lagging once the listener was cut off."""
        try:
            item = self.unread.get(timeout=seconds) if seconds > 0 else self.unread.get_nowait()
        except queue.Empty:
            if self.cut:
                raise Lagging from None
            return None
        return item


class Channels:
    """The listeners of every conversation, by its id."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._listeners: dict[str, set[Listener]] = {}

    @contextmanager
    def listen(self, key: str, snapshot: Callable[[], Any] = lambda: None) -> Iterator[tuple[Listener, Any]]:
        """A listener of `key`, and what `snapshot()` returned at the moment from which on it hears everything."""
        listener = Listener()
        with self._lock:
            seen = snapshot()
            self._listeners.setdefault(key, set()).add(listener)
        try:
            yield listener, seen
        finally:
            with self._lock:
                listeners = self._listeners.get(key, set())
                listeners.discard(listener)
                if not listeners:
                    self._listeners.pop(key, None)

    def post(self, key: str, item: Any, record: Callable[[], None] = lambda: None) -> None:
        """Passes `item` on. `record` brings the snapshot up to date in the same instant."""
        with self._lock:
            record()
            for listener in list(self._listeners.get(key, ())):
                if listener.unread.qsize() >= MOST_UNREAD:
                    listener.cut = True
                    self._listeners[key].discard(listener)
                else:
                    listener.unread.put(item)

    def count(self, key: str) -> int:
        """How many listen."""
        with self._lock:
            return len(self._listeners.get(key, ()))
