"""Room on the disk that is kept for later: a file of 16 MB beside the database.

A full disk stops SQLite's deletes too, because they are written before they free anything. The reserve is given up first then.
While it is gone nothing may grow; it is taken again as soon as there is room. It knows nothing of databases.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path

SIZE = 16 * 1024 * 1024
SPARE = 4 * 1024 * 1024  # bytes that must stay free beside a new reserve
PAUSE = 5.0  # seconds between two attempts that failed: a quota shows only after bytes were written


class Reserve:
    """The file at `path`. `size` in bytes."""

    def __init__(self, path: Path, size: int = SIZE) -> None:
        self.path, self.size = path, size
        self.held = False
        self._next_try = 0.0

    def free(self) -> int:
        """The free bytes of the disk, as the system tells them; a quota is not in it."""
        return shutil.disk_usage(self.path.parent).free

    def hold(self, *, at_once: bool = False) -> bool:
        """Takes the reserve when it is not there and there is room. Returns whether it is there."""
        if not self.held and (at_once or time.monotonic() >= self._next_try):
            self.held = self._stands() or (self.free() >= self.size + SPARE and self._make())
            self._next_try = time.monotonic() + PAUSE
        return self.held

    def give_up(self) -> bool:
        """Frees the bytes. Returns whether there were any."""
        self.held = False
        try:
            self.path.unlink()
        except OSError:
            return False
        return True

    def _stands(self) -> bool:
        try:
            return self.path.stat().st_size == self.size
        except OSError:
            return False

    def _make(self) -> bool:
        try:
            descriptor = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
            try:
                _fill(descriptor, self.size)
            finally:
                os.close(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                self.path.unlink()
            return False
        return True


def _fill(descriptor: int, size: int) -> None:
    """Takes `size` bytes of the disk for good; a file with a hole in it would take none."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size)
        return
    block = os.urandom(1024 * 1024)
    for _ in range(0, size, len(block)):
        os.write(descriptor, block)
    os.ftruncate(descriptor, size)
