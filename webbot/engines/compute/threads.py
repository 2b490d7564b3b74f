"""How many processor threads compute, chosen by measuring. No torch: whoever asks sets them and computes.

More threads pay only while there is enough to do between two points where they wait for each other. On a machine that does other
work as well, all threads wait for the one that lost its core, so of nearly equal numbers the smaller one is the better one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

GAIN = 1.3  # more threads have to be so many times quicker to be taken
SECONDS = 0.03  # of measuring with one number of threads
RUNS = 8
LEAST_RUNS = 2


def candidates(cores: int) -> list[int]:
    """1, 2, 4, ... and all physical cores."""
    counts = [1 << power for power in range(cores.bit_length()) if 1 << power < cores]
    return [*counts, cores]


def choose(took: Mapping[int, float], gain: float = GAIN) -> int:
    """Of seconds by threads. A larger number is taken where it is `gain` times quicker than the best smaller one."""
    best = min(took)
    for count in sorted(took):
        if took[count] * gain < took[best]:
            best = count
    return best


def measure(step: Callable[[], object], use: Callable[[int], None], counts: Sequence[int]) -> dict[int, float]:
    """The shortest `step` in seconds with each number of threads that `use` sets. The first run with a number starts its threads
    and does not count. It ends early where more threads have become slower."""
    took: dict[int, float] = {}
    for count in sorted(counts):
        use(count)
        step()
        took[count] = _shortest(step)
        if took[count] > GAIN * min(took.values()):
            break
    return took


def _shortest(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    best = float("inf")
    for run in range(RUNS):
        start = time.perf_counter()
        step()
        now = time.perf_counter()
        best = min(best, now - start)
        if run + 1 >= LEAST_RUNS and now - began > SECONDS:
            break
    return best
