"""Who waits until a model server may be asked: so many at once, the others in line, owner by owner."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Generator
from contextlib import contextmanager

from webbot.errors import TooMany

TICK_SECONDS = 0.05


class Line:
    """`parallel` may ask at once, `queue` may wait, `queue_owner` of them one owner's."""

    def __init__(self, parallel: int, queue: int, queue_owner: int) -> None:
        self.parallel, self.queue, self.queue_owner = parallel, queue, queue_owner
        self._lock = threading.Lock()
        self._working = 0
        self._waiting: OrderedDict[str, deque[threading.Event]] = OrderedDict()

    def busy(self) -> int:
        with self._lock:
            return self._working + sum(map(len, self._waiting.values()))

    def enter(self, owner: str) -> Generator[None]:
        """Yields None until it is this one's turn; whoever came through calls `leave`. Raises TooMany.

        Closing the generator leaves the line.
        """
        turn = self._place(owner)
        if turn is None:
            return
        try:
            while not turn.wait(TICK_SECONDS):
                yield
        except GeneratorExit:
            self._give_up(owner, turn)
            raise

    def leave(self) -> None:
        """The next one's turn: the first of the owner that has waited longest for one."""
        with self._lock:
            if not self._waiting:
                self._working -= 1
                return
            owner, turns = self._waiting.popitem(last=False)
            turns.popleft().set()
            if turns:
                self._waiting[owner] = turns  # behind all others

    @contextmanager
    def inside(self) -> Generator[None]:
        try:
            yield
        finally:
            self.leave()

    def _place(self, owner: str) -> threading.Event | None:
        """None where nobody waits and there is room."""
        with self._lock:
            if self._working < self.parallel:
                self._working += 1
                return None
            waiting = self._waiting.get(owner, ())
            if sum(map(len, self._waiting.values())) >= self.queue or len(waiting) >= self.queue_owner:
                raise TooMany("Too many answers are waiting. Please try again in a moment.", retry_after=5)
            turn = threading.Event()
            self._waiting.setdefault(owner, deque()).append(turn)
            return turn

    def _give_up(self, owner: str, turn: threading.Event) -> None:
        with self._lock:
            turns = self._waiting.get(owner)
            if turns is not None and turn in turns:
                turns.remove(turn)
                if not turns:
                    del self._waiting[owner]
                return
        self.leave()  # it was this one's turn already
