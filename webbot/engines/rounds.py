"""Who is next among those that wait: round robin between owners. No threads, no clock, no bounds.

While an owner waits, each other owner begins one answer at most. With one answer at a time this counts the one that was in work
when the owner came. Inside this bound what is quick goes before what is long, and background work after everything else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

MOST_PASSED = 64  # after so many quick ones of others, who come and come, a long one has its turn


@dataclass(eq=False, slots=True, kw_only=True)
class Job:
    """What waits for its turn. `spoken` is a question that somebody said and waits for, `quick` has a short prompt."""

    owner: str
    spoken: bool = False
    quick: bool = False

    @property
    def first(self) -> bool:
        """Whether it goes before the long ones."""
        return self.spoken or self.quick


class Rounds:
    """The jobs that wait. What owners in `background` ask is begun when nobody else waits."""

    def __init__(self, background: Collection[str] = (), most_passed: int = MOST_PASSED) -> None:
        self.background, self.most_passed = frozenset(background), most_passed
        # By owner, in the order in which they began to wait: by coming, or by having been served before.
        self._lines: dict[str, deque[Job]] = {}
        self._passed: dict[str, set[str]] = {}  # by an owner that waits: those that were served since then
        self._found: dict[str, frozenset[str]] = {}  # those that were in work when it came

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def count(self, owner: str) -> int:
        """How many jobs of that owner wait."""
        return len(self._lines.get(owner, ()))

    def add(self, job: Job, working: Collection[str] = ()) -> None:
        """A job comes; `working` are the owners of what is in work. In the line of one owner what was spoken goes first."""
        if job.owner not in self._lines:
            self._begin(job.owner, deque(), frozenset(working) - {job.owner})
        line = self._lines[job.owner]
        place = next((at for at, other in enumerate(line) if not other.spoken), len(line)) if job.spoken else len(line)
        line.insert(place, job)

    def remove(self, job: Job) -> bool:
        """A job leaves before its turn; False when it is not here."""
        line = self._lines.get(job.owner, ())
        if job not in line:
            return False
        assert isinstance(line, deque)
        line.remove(job)
        if not line:
            self._end(job.owner)
        return True

    def next(self) -> Job | None:
        """Takes out the job whose turn it is; None when none waits."""
        if not self._lines:
            return None
        owner = self._chosen()
        line = self._lines[owner]
        job = line.popleft()
        self._end(owner)
        for other, passed in self._passed.items():
            if other not in self.background:
                passed.add(owner)
        if line:
            self._begin(owner, line, frozenset())
        return job

    def copy(self) -> Rounds:
        """The same line, to look ahead in it."""
        other = Rounds(self.background, self.most_passed)
        other._lines = {owner: deque(line) for owner, line in self._lines.items()}
        other._passed = {owner: set(passed) for owner, passed in self._passed.items()}
        other._found = dict(self._found)
        return other

    def _begin(self, owner: str, line: deque[Job], working: frozenset[str]) -> None:
        """The owner waits from now on."""
        self._lines[owner], self._passed[owner], self._found[owner] = line, set(), working

    def _end(self, owner: str) -> None:
        del self._lines[owner], self._passed[owner], self._found[owner]

    def _chosen(self) -> str:
        """The owner whose turn it is.

        One that was served since another began to wait has to wait for that one. The one that has waited longest never has to,
        so there is always somebody left. One that was in work when another came lets that one go first where it can.
        """
        waiting = [owner for owner in self._lines if owner not in self.background]
        if not waiting:
            return next(iter(self._lines))
        if len(self._passed[waiting[0]]) >= self.most_passed:
            return waiting[0]
        served = set().union(*(self._passed[owner] for owner in waiting))
        free = [owner for owner in waiting if owner not in served]
        found = set().union(*(self._found[owner] for owner in waiting))
        best = [owner for owner in free if owner not in found] or free
        return next((owner for owner in best if self._lines[owner][0].first), best[0])
