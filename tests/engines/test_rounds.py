"""Who is next: round robin between owners, quick before long, background last. Pure arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webbot.engines.rounds import Job, Rounds

OWNERS = "ABCDEF"
ARRIVALS = st.builds(Job, owner=st.sampled_from(OWNERS), spoken=st.booleans(), quick=st.booleans())
STEPS = st.lists(ARRIVALS | st.just("end") | st.just("leave"), max_size=80)


class Machine:
    """Works on so many jobs at once; notes what everybody who waits is passed by, and asserts what they were promised."""

    def __init__(self, parallel, background=()):
        self.parallel, self.rounds, self.background = parallel, Rounds(background), set(background)
        self.working, self.waiting, self.served = [], [], []
        self.passed = {}  # by an owner that waits: the owners that went to work since then

    def come(self, job):
        if not self.rounds.count(job.owner):
            self.passed[job.owner] = [] if self.parallel > 1 else [each.owner for each in self.working if each.owner != job.owner]
        self.rounds.add(job, {each.owner for each in self.working})
        self.waiting.append(job)
        self.call()

    def end(self):
        if self.working:
            self.working.pop(0)
        self.call()

    def leave(self):
        if self.waiting:
            job = self.waiting.pop(len(self.waiting) // 2)
            assert self.rounds.remove(job) and not self.rounds.remove(job)
            if not self.rounds.count(job.owner):
                del self.passed[job.owner]

    def call(self):
        while len(self.working) < self.parallel and (job := self.rounds.next()) is not None:
            self.waiting.remove(job)
            self.working.append(job)
            self.served.append(job)
            self.look(job)
        assert len(self.working) == self.parallel or not self.waiting, "nobody waits while there is room"
        assert len(self.rounds) == len(self.waiting)

    def look(self, job):
        del self.passed[job.owner]
        if self.rounds.count(job.owner):
            self.passed[job.owner] = []
        own = [other for other in self.waiting if other.owner == job.owner]
        assert job.spoken or not any(other.spoken for other in own), "in one owner's line what was spoken goes first"
        if job.owner in self.background:
            assert all(other.owner in self.background for other in self.waiting)
            return
        for owner, passed in self.passed.items():
            if owner != job.owner and owner not in self.background:
                passed.append(job.owner)
                assert passed.count(job.owner) <= 1, f"{owner} waits for two of {job.owner}"


@given(st.integers(1, 4), STEPS)
def test_whoever_waits_is_passed_once_by_each_other_at_most(parallel, steps):
    machine = Machine(parallel)
    for step in steps:
        if isinstance(step, Job):
            machine.come(step)
        else:
            getattr(machine, step)()
    came = [step for step in steps if isinstance(step, Job)]
    while machine.waiting:
        machine.end()
    assert len(set(map(id, machine.served))) == len(machine.served) <= len(came)
    assert not len(machine.rounds) and machine.rounds.next() is None


@given(STEPS)
def test_background_work_never_goes_before_anybody(steps):
    machine = Machine(1, background="EF")
    for step in steps:
        if isinstance(step, Job):
            machine.come(step)
        else:
            getattr(machine, step)()


@given(st.lists(ARRIVALS, max_size=30))
def test_looking_ahead_changes_nothing_and_is_right(jobs):
    rounds = Rounds()
    for job in jobs:
        rounds.add(job, "A")

    def all_of(line):
        found = []
        while (job := line.next()) is not None:
            found.append(job)
        return found

    assert all_of(rounds.copy()) == all_of(rounds.copy()) == all_of(rounds)


def order(jobs, working=()):
    rounds = Rounds(background={"titles"})
    for job in jobs:
        rounds.add(job, working)
    found = []
    while (job := rounds.next()) is not None:
        found.append(job)
    return "".join(job.owner[0] for job in found)


def long(owner):
    return Job(owner=owner)


def spoken(owner):
    return Job(owner=owner, spoken=True)


def short(owner):
    return Job(owner=owner, quick=True)


@pytest.mark.parametrize(("jobs", "expected"), [
    ([long("A"), long("A"), long("A"), long("B"), long("C"), long("B")], "ABCABA"),
    ([long("A"), long("B"), spoken("C"), short("D")], "CDAB"),
    ([long("A"), spoken("B"), spoken("B"), spoken("B")], "BABB"),
    ([long("A"), spoken("B"), long("A"), spoken("B")], "BABA"),
    ([long("titles"), long("titles"), long("B"), long("A"), long("A")], "BAAtt"),
])
def test_the_order_of_a_line(jobs, expected):
    assert order(jobs) == expected


def test_one_whose_answer_is_in_work_lets_go_first_who_came_meanwhile():
    """Whoever comes while A is answered waits for this one answer of A, and not for a second."""
    rounds = Rounds()
    for job in (long("A"), long("A")):
        rounds.add(job)
    assert rounds.next().owner == "A"
    rounds.add(long("B"), {"A"})
    assert [rounds.next().owner for _ in range(2)] == ["B", "A"]


def test_a_long_one_is_not_passed_for_ever():
    rounds = Rounds(most_passed=5)
    late = long("late")
    rounds.add(late)
    for number in range(5):
        rounds.add(spoken(f"new {number}"))
        assert rounds.next().owner == f"new {number}"
    rounds.add(spoken("one more"))
    assert rounds.next() is late
