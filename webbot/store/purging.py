"""Deletes for good, after a while, what was deleted: until then a person can take it back."""

from __future__ import annotations

import logging
import threading
import time

from webbot.errors import Problem
from webbot.store.base import Store

UNDO_SECONDS = 600.0  # so long a deleted conversation can be brought back
EVERY_SECONDS = 60.0

log = logging.getLogger(__name__)


class Purging:
    """A thread beside the server, from `start` to `close`. Several web processes may each have one."""

    def __init__(self, store: Store, *, kept: float = UNDO_SECONDS, every: float = EVERY_SECONDS) -> None:
        """`kept` and `every` in seconds."""
        self.store, self.kept, self.every = store, kept, every
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True, name="purging")

    def start(self) -> None:
        """Purges at once, then again and again."""
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                if purged := self.store.purge(time.time() - self.kept):
                    log.info("%d deleted conversations are gone for good", purged)
            except Problem as problem:  # the next round tries again
                log.warning("what was deleted could not be purged: %s", problem)
            except Exception:
                log.exception("what was deleted could not be purged")
            self._closing.wait(self.every)
