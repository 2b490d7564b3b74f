"""Triton's kernels compute what torch computes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from webbot.engines.compute import kernels
from webbot.engines.compute.kernels import plain

CHECKS = Path(__file__).with_name("kernels_checked.py")


@pytest.mark.slow
def test_they_compute_what_torch_computes():
    """In a process of its own, because Triton decides at its import whether it interprets."""
    pytest.importorskip("triton")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if not torch.cuda.is_available():
        environment["TRITON_INTERPRET"] = "1"
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", str(CHECKS)],
        cwd=CHECKS.parents[3], env=environment, capture_output=True, text=True, check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " passed" in ran.stdout and "skipped" not in ran.stdout


def test_a_processor_uses_torch():
    assert not kernels.usable(torch.device("cpu"), torch.float32)
    assert kernels.of(torch.device("cpu"), torch.float32) is plain
