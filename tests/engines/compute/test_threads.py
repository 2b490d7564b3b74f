"""How many threads are chosen from given times."""

import pytest

from webbot.engines.compute import threads
from webbot.engines.processor import physical_cores, thread_limit


@pytest.mark.parametrize(("cores", "counts"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])])
def test_numbers_that_are_tried(cores, counts):
    assert threads.candidates(cores) == counts


@pytest.mark.parametrize(("took", "chosen"), [
    ({1: 1.0}, 1),
    ({1: 1.0, 2: 0.8}, 1),  # not much quicker: the smaller number
    ({1: 1.0, 2: 0.75}, 2),
    ({1: 1.0, 2: 0.6, 4: 0.55}, 2),
    ({1: 1.0, 2: 0.9, 4: 0.5, 8: 0.45}, 4),
    ({4: 0.3, 2: 0.5, 1: 1.0}, 4),  # whatever their order
    ({1: 0.1, 2: 0.4, 4: 0.09}, 1),
])
def test_the_choice(took, chosen):
    assert threads.choose(took) == chosen


def test_each_number_is_used_and_measured():
    used, steps = [], []
    took = threads.measure(lambda: steps.append(used[-1]), used.append, [2, 1])
    assert used[0] == 1 and 1 in took
    assert steps.count(1) >= 1 + threads.LEAST_RUNS, "the first step only starts the threads"


@pytest.mark.parametrize(("limit", "most"), [("1", 1), ("2", 2), ("99", 4), ("", 4), ("0", 4), ("many", 4)])
def test_openmp_s_own_limit_holds_for_all_of_them(monkeypatch, limit, most):
    """oneDNN computes garbage where it gets fewer threads than torch was told."""
    monkeypatch.setenv("OMP_THREAD_LIMIT", limit)
    assert thread_limit(4) == most
    assert limit != "1" or physical_cores() == 1
