"""How often something may happen."""

from __future__ import annotations

import time
from collections import defaultdict, deque


class Brake:
    """At most `most` events of one key in `seconds`; monotonic time, so that a clock jump changes nothing."""

    def __init__(self, most: int, seconds: float = 60.0) -> None:
        self.most, self.seconds = most, seconds
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)

    def full(self, key: str) -> bool:
        times, now = self._times[key], time.monotonic()
        while times and now - times[0] > self.seconds:
            times.popleft()
        if not times:
            del self._times[key]
        return len(times) >= self.most

    def admits(self, key: str) -> bool:
        """Whether one more event of `key` is allowed; it is noted then."""
        if self.full(key):
            return False
        self.note(key)
        return True

    def left(self, key: str) -> tuple[int, float]:
        """How many more events are allowed now, and the seconds until the oldest no longer counts."""
        times = self._times.get(key, ())
        wait = self.seconds - (time.monotonic() - times[0]) if times else 0.0
        return max(0, self.most - len(times)), max(0.0, wait)

    def note(self, key: str) -> None:
        self._times[key].append(time.monotonic())
        if len(self._times) > 10_000:  # strangers who came once
            for stale in [other for other in self._times if not self.full(other)][:5000]:
                self._times.pop(stale, None)


class Bucket:
    """`most` at once, and `a_second` in the long run."""

    def __init__(self, most: float, a_second: float) -> None:
        self.most, self.a_second = most, a_second
        self._left, self._at = most, time.monotonic()

    def takes(self, cost: float) -> bool:
        now = time.monotonic()
        self._left = min(self.most, self._left + (now - self._at) * self.a_second) - cost
        self._at = now
        return self._left >= 0
