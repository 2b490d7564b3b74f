"""What a model's process measures of itself."""

import json
import subprocess
import sys

from webbot.engines.compute.figures import STEP_BOUNDS, Figures, Spread


def test_a_spread_counts_a_value_in_the_part_that_ends_at_or_above_it():
    spread = Spread((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 7.0):
        spread.add(seconds)
    assert spread.taken() == {"sum": 7.65, "counts": [2, 1, 1]}


def test_steps_and_answers_are_counted():
    figures = Figures()
    figures.step(0.003, read=100)
    figures.step(0.004, read=20, written=3, drafted=4, accepted=2)
    figures.answer(prompt=120, found=80, submitted=10.0, began=10.5, first=10.6, ended=12.0)
    taken = figures.taken()
    assert (taken["read"], taken["written"], taken["drafted"], taken["accepted"]) == (120, 3, 4, 2)
    assert (taken["asked"], taken["found"], taken["failures"]) == (120, 80, 0)
    assert sum(taken["steps"]["counts"]) == 2 and taken["steps"]["counts"][STEP_BOUNDS.index(0.005)] == 2
    assert [taken[name]["sum"] for name in ("queue", "prefill", "first", "decode")] == [0.5, 0.1, 0.6, 1.4]


def test_an_answer_that_never_began_has_no_times():
    figures = Figures()
    figures.answer(prompt=5, found=0, submitted=1.0, failed=True)
    taken = figures.taken()
    assert taken["failures"] == 1
    assert not any(sum(taken[name]["counts"]) for name in ("queue", "prefill", "first", "decode"))


def test_the_rate_is_that_of_the_last_seconds():
    now = 100.0
    figures = Figures(clock=lambda: now)
    figures.step(0.01, written=10)
    assert figures.taken()["rate"] == 0  # this second is not over
    now = 101.5
    figures.step(0.01, written=40)
    now = 102.0
    assert figures.taken()["rate"] == 10
    now = 106.0
    assert figures.taken()["rate"] == 8
    now = 110.0
    assert figures.taken()["rate"] == 0


def test_what_stands_now_is_looked_at_when_it_is_taken_and_the_whole_stays_small():
    running = 1
    figures = Figures(lambda: {"running": running, "pages": {"used": 4, "kept": 3, "free": 9, "size": 16, "bytes": 1 << 20},
                               "gpu": {"allocated": 1 << 36, "reserved": 1 << 36}})
    running = 7
    figures.written = 10**12
    assert figures.taken()["running"] == 7
    assert len(json.dumps(figures.taken())) < 1000


def test_the_figures_need_no_torch():
    code = "import sys, webbot.engines.compute.figures; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
