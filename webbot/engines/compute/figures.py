"""What a model's process measures of itself: counters and spreads that are cheap to keep. No torch, no locks.

One thread, the one that computes, calls `step` and `answer`; any other may call `taken`, which then is at most one step behind.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# The upper bounds of the parts of a spread, in seconds.
STEP_BOUNDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
WAIT_BOUNDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
RATE_SECONDS = 5  # "now" is the mean of so many seconds


class Spread:
    """How many values there were up to each of the bounds, above the one before it; the last part is of those above all."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds

    def taken(self) -> dict[str, Any]:
        return {"sum": round(self.sum, 6), "counts": list(self.counts)}


class Figures:
    """`now` gives what stands at the moment that somebody looks, under these names, each only where it is known: "waiting" and
    "running" answers; "preemptions" and "evictions" since the start; "pages" {"used", "kept", "free", "size" in tokens, "bytes"
    of one}, "conversations" that are kept; "gpu" {"allocated", "reserved"} in bytes. It is called in the thread that takes."""

    def __init__(self, now: Callable[[], Mapping[str, Any]] = dict, clock: Callable[[], float] = time.monotonic) -> None:
        self._now, self._clock = now, clock
        self.read = self.written = self.drafted = self.accepted = 0  # tokens
        self.asked = self.found = self.failures = 0
        self.steps = Spread(STEP_BOUNDS)
        self.queue, self.prefill, self.decode, self.first = (Spread(WAIT_BOUNDS) for _ in range(4))
        self._recent: deque[list[int]] = deque(maxlen=RATE_SECONDS + 1)  # [second, tokens written in it]

    def step(self, seconds: float, *, read: int = 0, written: int = 0, drafted: int = 0, accepted: int = 0) -> None:
        """One step took so long, computed `read` tokens of prompts and wrote so many of answers; of the `drafted` ones that it
        tried so many were `accepted` (these are among the written)."""
        self.steps.add(seconds)
        self.drafted += drafted
        self.accepted += accepted
        self.wrote(read=read, written=written)

    def wrote(self, *, read: int = 0, written: int = 0) -> None:
        """Tokens, where nobody knows of steps."""
        self.read += read
        self.written += written
        if written:
            second = int(self._clock())
            if not self._recent or self._recent[-1][0] != second:
                self._recent.append([second, 0])
            self._recent[-1][1] += written

    def answer(self, *, prompt: int, found: int, submitted: float, began: float | None = None, first: float | None = None,
               ended: float | None = None, failed: bool = False) -> None:
        """An answer has ended, in whichever way. Its prompt had `prompt` tokens, of which `found` were in the cache. The moments
        (of one clock, in seconds): when it was submitted, when its first step began, when its first token was there, when it
        ended; None for what never came."""
        self.asked += prompt
        self.found += found
        self.failures += failed
        if began is not None:
            self.queue.add(began - submitted)
        if began is not None and first is not None:
            self.prefill.add(first - began)
            self.first.add(first - submitted)
        if first is not None and ended is not None:
            self.decode.add(ended - first)

    def taken(self) -> dict[str, Any]:
        """All of it, for JSON: under 1 kB."""
        spreads = {name: getattr(self, name).taken() for name in ("steps", "queue", "prefill", "decode", "first")}
        counters = ("read", "written", "drafted", "accepted", "asked", "found", "failures")
        return {name: getattr(self, name) for name in counters} | {"rate": self._rate()} | spreads | dict(self._now())

    def _rate(self) -> float:
        """Tokens written a second, of the last whole seconds."""
        now = int(self._clock())
        return sum(tokens for second, tokens in list(self._recent) if now - RATE_SECONDS <= second < now) / RATE_SECONDS
