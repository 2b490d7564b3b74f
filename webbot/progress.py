"""How far something is, in a terminal: one line that is written over, or a line now and then where it is no terminal."""

from __future__ import annotations

import shutil
import sys
import time
from collections import deque
from types import TracebackType
from typing import Protocol

WINDOW_SECONDS = 15.0  # the speed is that of the last seconds
PLAIN_STEP = 0.1


class Counted(Protocol):
    """What knows bytes beside the share."""

    done: int
    total: int


class Progress:
    """Used in a `with`; `tell` may be called as often as one likes. Ctrl-C says that what has arrived is kept."""

    def __init__(self, counted: Counted | None = None) -> None:
        self.counted = counted
        self.live = sys.stdout.isatty()
        self._steps: deque[tuple[float, int]] = deque()
        self._shown, self._said = "", ("", -1.0)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.live and self._shown:
            print()
        if kind is not None and issubclass(kind, KeyboardInterrupt) and self.counted is not None:
            print("Stopped. What has arrived is kept; the same command goes on there.")

    def tell(self, progress: float | None, sentence: str) -> None:
        text = "  ".join(part for part in (sentence, self._figures(progress)) if part)
        if self.live:
            width = shutil.get_terminal_size().columns - 1
            text = text[:width]
            print("\r" + text.ljust(min(width, len(self._shown))), end="", flush=True)
            self._shown = text
            return
        before, share = self._said
        now = -1.0 if progress is None else progress
        if sentence != before or now >= share + PLAIN_STEP or (now == 1.0 and share != 1.0):
            self._said = (sentence, now)
            print(text, flush=True)

    def _figures(self, progress: float | None) -> str:
        if progress is None:
            return ""
        parts = [f"{int(progress * 100)}%"]
        if self.counted is not None and self.counted.total:
            parts.append(f"{size_text(self.counted.done) or '0 MB'} of {size_text(self.counted.total)}")
            if speed := self._speed(self.counted.done):
                left = int((self.counted.total - self.counted.done) / speed)
                parts += [f"{size_text(int(speed))}/s", f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left"]
        return "  ".join(parts)

    def _speed(self, done: int) -> float:
        """Bytes a second over the last while, 0 before anything is known."""
        now = time.monotonic()
        self._steps.append((now, done))
        while len(self._steps) > 2 and now - self._steps[0][0] > WINDOW_SECONDS:
            self._steps.popleft()
        began, first = self._steps[0]
        return (done - first) / (now - began) if now - began > 0.5 and done > first else 0.0


def size_text(size: int) -> str:
    """Bytes for people: "27 MB", "2.49 GB"; "" for none."""
    if not size:
        return ""
    if size >= 1e9:
        return f"{size / 1e9:.2f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{max(1, round(size / 1e3))} kB"
