"""The line in front of a model: who may work now, who waits, for how long, and who is refused. Which of them is next: `rounds`.

Written with plain threads: under gevent's monkey patching they are greenlets. Nothing is kept of those who are refused.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Literal

from webbot.engines.rounds import Job, Rounds
from webbot.errors import TooMany, Unavailable
from webbot.messages import Queued

KEPT_SECONDS = 5.0  # for so long a place is kept for whoever was told that there is one
GUESSES = {"answer": 5.0, "embedding": 1.0}  # seconds of a job while none has ended
WEIGHT = 0.2  # of the newest job in the running mean
FULL = "queue_full"  # the code of what is refused here
Kind = Literal["answer", "embedding"]


@dataclass(eq=False, slots=True, kw_only=True)
class Place(Job):
    """A place in the line. `called` is set when its turn has come, or the line was closed."""

    kind: Kind = "answer"
    called: threading.Event = field(default_factory=threading.Event)
    began: float = 0.0


class Pace:
    """How long jobs of each kind take, as a running mean."""

    def __init__(self) -> None:
        self._means: dict[str, float] = {}

    def note(self, kind: Kind, seconds: float) -> None:
        mean = self._means.get(kind, seconds)
        self._means[kind] = mean + WEIGHT * (seconds - mean)

    def of(self, kind: Kind) -> float:
        return self._means.get(kind, GUESSES[kind])


class FairLine:
    """At most `parallel()` jobs work; of the others `queue` may wait, `queue_owner` of them one owner's.

    While the model is `loading()` a place stays kept for those who were told that there is one.
    """

    def __init__(
        self, parallel: Callable[[], int], queue: int, queue_owner: int, background: Collection[str] = (),
        loading: Callable[[], bool] = bool,
    ) -> None:
        self._parallel, self.queue, self.queue_owner, self._loading = parallel, queue, queue_owner, loading
        self._lock = threading.Lock()
        self._rounds, self._pace = Rounds(background), Pace()
        self._working: set[Place] = set()
        self._kept: list[tuple[float, str]] = []  # until when, and for whom
        self._outlook: dict[Job, Queued] | None = None  # of everybody who waits, until something changes
        self._closed = False

    @property
    def working(self) -> int:
        return len(self._working)

    @property
    def waiting(self) -> int:
        return len(self._rounds)

    def room(self, owner: str) -> None:
        """Keeps a place for a moment. Raises TooMany where there is none for this owner, Unavailable once it is closed."""
        with self._lock:
            self._check(owner)
            self._kept.append((time.monotonic() + KEPT_SECONDS, owner))

    def give_back(self, owner: str) -> None:
        """The place that was kept is not needed."""
        with self._lock:
            self._take(owner)

    def enter(self, place: Place) -> None:
        """Puts the place into the line, or to work at once. Raises what `room` raises; whoever came in calls `leave`."""
        with self._lock:
            self._take(place.owner)
            self._check(place.owner)
            self._rounds.add(place, {working.owner for working in self._working})
            self._call()

    def leave(self, place: Place, failed: bool = False) -> None:
        """The job has ended, or is given up in the line; a second time nothing happens. One that failed says nothing of how long
        jobs take."""
        with self._lock:
            if place in self._working:
                self._working.remove(place)
                if not failed:
                    self._pace.note(place.kind, time.monotonic() - place.began)
            elif not self._rounds.remove(place):
                return
            self._call()

    def outlook(self, place: Place) -> Queued | None:
        """The position of a place that waits, and what its wait is expected to take; None where its turn has come."""
        with self._lock:
            return self._ahead().get(place)

    def check_open(self) -> None:
        """Raises Unavailable once the line is closed."""
        if self._closed:
            raise Unavailable("The server is restarting. Please try again in a moment.", retry_after=5)

    def close(self) -> None:
        """Sends everybody who waits away."""
        with self._lock:
            self._closed = True
            while (place := self._rounds.next()) is not None:
                assert isinstance(place, Place)
                place.called.set()
            self._outlook = None

    def _call(self) -> None:
        """Lets those begin whose turn it is."""
        self._outlook = None
        most = self._parallel()
        while not self._closed and len(self._working) < most and (place := self._rounds.next()) is not None:
            assert isinstance(place, Place)
            place.began = time.monotonic()
            self._working.add(place)
            place.called.set()

    def _take(self, owner: str) -> None:
        """One place less is kept for that owner."""
        kept = next((kept for kept in self._kept if kept[1] == owner), None)
        if kept is not None:
            self._kept.remove(kept)

    def _check(self, owner: str) -> None:
        self.check_open()
        free = max(0, self._parallel() - len(self._working))
        kept = self._still_kept()
        if self._rounds.count(owner) + kept.count(owner) >= self.queue_owner + free:
            raise TooMany("{count} questions of yours are waiting already. Please wait for an answer.", count=self.queue_owner,
                          retry_after=self._expected(owner), code=FULL)
        if len(self._rounds) + len(kept) >= self.queue + free:
            raise TooMany("Too many answers are waiting. Please try again in a moment.", retry_after=self._expected(), code=FULL)

    def _still_kept(self) -> list[str]:
        """For whom a place is kept."""
        now = time.monotonic()
        if self._kept and self._kept[0][0] < now:
            over = now + KEPT_SECONDS if self._loading() else 0.0
            self._kept = [(max(until, over), owner) for until, owner in self._kept if over or until >= now]
        return [owner for _, owner in self._kept]

    def _expected(self, owner: str = "") -> int:
        """Whole seconds until the first job of that owner leaves the line; without one, until all that wait have begun and one
        more could."""
        ahead = self._ahead()
        own = [queued.seconds for job, queued in ahead.items() if job.owner == owner]
        mean = self._pace.of("answer") / self._parallel()
        seconds = min(own) if own else max((queued.seconds for queued in ahead.values()), default=0.0) + mean
        return max(1, math.ceil(seconds))

    def _ahead(self) -> dict[Job, Queued]:
        if self._outlook is None:
            self._outlook = self._look_ahead()
        return self._outlook

    def _look_ahead(self) -> dict[Job, Queued]:
        """What everybody who waits can expect if nobody else comes."""
        parallel = self._parallel()
        seconds = sum(self._pace.of(place.kind) for place in self._working) / max(1, len(self._working))
        told: dict[Job, Queued] = {}
        ahead = self._rounds.copy()
        while (place := ahead.next()) is not None:
            assert isinstance(place, Place)
            told[place] = Queued(len(told) + 1, round(seconds / parallel, 1))
            seconds += self._pace.of(place.kind)
        return told
