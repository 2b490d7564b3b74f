"""Random schedules: ten thousand in all, on a device that only remembers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engines.compute.simulated import Run

GROUPS, EXAMPLES, TOGETHER = 4, 50, 50


@pytest.mark.slow
@pytest.mark.parametrize("group", range(GROUPS))
def test_each_answer_becomes_what_it_must_and_all_pages_come_back(group):
    """Drawing each choice of a schedule by itself would take ten times as long: hypothesis draws the seeds of many schedules.
    One that fails names its seed, and `Run(seed).do()` repeats it."""

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(first=st.integers(0, 2**40))
    def schedules(first):
        for seed in range(first, first + TOGETHER):
            try:
                Run(seed).do()
            except AssertionError as error:
                error.add_note(f"seed {seed}")
                raise

    schedules()


def test_the_schedules_meet_what_they_are_there_for():
    met = dict.fromkeys(("preempted", "evicted", "found", "accepted", "refused", "late", "trouble"), 0)
    for seed in range(100):
        run = Run(seed)
        run.do()
        met["preempted"] += run.scheduler.preempted
        met["evicted"] += run.pages.evicted
        met["found"] += run.pages.found
        for name in ("accepted", "refused", "late", "trouble"):
            met[name] += getattr(run, name)
    assert all(count > 5 for count in met.values()), met
