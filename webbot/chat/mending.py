"""Ends in the store what a web process that is gone left there as being written, while the others go on."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from webbot.errors import Problem
from webbot.news import INTERRUPTED
from webbot.store.base import Store

if TYPE_CHECKING:
    from webbot.relay import RelayedChannels

EVERY_SECONDS = 60.0
AGAIN_SECONDS = 2.0
log = logging.getLogger(__name__)


class Mending:
    """Looks from `start` to `close`: at the start, when an answer was found that nobody writes any more, and now and then."""

    def __init__(self, store: Store, channels: RelayedChannels) -> None:
        self.store, self.channels = store, channels
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="mending")

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        while not self._closing.is_set():
            done = self.mend()
            self.channels.died.wait(EVERY_SECONDS if done else AGAIN_SECONDS)
            if done:
                self.channels.died.clear()

    def mend(self) -> bool:
        """Whether it could be done now."""
        try:
            with self.channels.settled() as claimed:
                if claimed is None:
                    return False
                ended = self.store.fail_interrupted(INTERRUPTED, running=claimed)
        except Problem as problem:
            log.warning("answers that were lost are not ended yet: %s", problem)
            return False
        if ended:
            log.warning("%d answers were interrupted when a server stopped", ended)
        return True

    def close(self) -> None:
        self._closing.set()
        self.channels.died.set()
        self._thread.join(5)
