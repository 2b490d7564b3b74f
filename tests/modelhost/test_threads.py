"""Computing that leaves no threads behind."""

import os
import subprocess
import sys
import threading

import pytest

from webbot.modelhost import apart

COUNTED = """
import time, psutil, torch
from webbot.modelhost import apart
process = psutil.Process()
torch.set_num_threads(4)
def compute():
    torch.mm(torch.ones(512, 512), torch.ones(512, 512))
    return process.num_threads()
before = process.num_threads()
during = apart(compute)
until = time.monotonic() + 20
while process.num_threads() > before and time.monotonic() < until:
    time.sleep(0.01)
after = process.num_threads()
print(during - before, after - before, compute() - before)
"""


def test_what_it_gives_and_what_it_raises():
    assert apart(lambda: threading.current_thread() is threading.main_thread()) is False
    with pytest.raises(ZeroDivisionError):
        apart(lambda: 1 // 0)


def test_no_helper_of_openmp_is_left_behind():
    """Of any that stays the thread that computes answers has to wait for its own helpers asleep."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "MKL_"))}
    counted = subprocess.run([sys.executable, "-c", COUNTED], capture_output=True, text=True, timeout=120, check=True,
                             env=environment)
    during, after, in_place = map(int, counted.stdout.split())
    assert (during, after, in_place) == (4, 0, 3), "it and three helpers; none of them; those that stay where it is not apart"
