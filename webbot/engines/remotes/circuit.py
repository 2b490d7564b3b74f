"""Leaves a server that fails alone for a while, so that nobody waits for it in vain."""

from __future__ import annotations

import threading
import time


class Circuit:
    """After `most` failures in a row nothing is sent for `seconds`; then one trial at a time, until one succeeds."""

    def __init__(self, most: int = 5, seconds: float = 30.0) -> None:
        self.most, self.seconds = most, seconds
        self.failures = 0
        self._until = 0.0
        self._trial = False
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        """The seconds for which nothing is sent, 0 when something may be."""
        return max(0.0, self._until - time.monotonic()) if self.failures >= self.most else 0.0

    def enter(self) -> bool:
        """Whether a request may be sent now. One that may must come to one of the three ends below."""
        with self._lock:
            if self.failures < self.most:
                return True
            if self._trial or self.left > 0:
                return False
            self._trial = True
            return True

    def succeeded(self) -> None:
        with self._lock:
            self.failures, self._trial = 0, False

    def failed(self) -> None:
        with self._lock:
            self.failures += 1
            self._trial = False
            if self.failures >= self.most:
                self._until = time.monotonic() + self.seconds

    def left_alone(self) -> None:
        """The request ended without telling anything of the server: whoever asked has gone."""
        with self._lock:
            self._trial = False
