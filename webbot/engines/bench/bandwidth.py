"""How fast the memory of a device is, measured: what no engine can be faster than."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch.nn import functional

SIZES = {"cuda": 1 << 30, "cpu": 1 << 28}  # bytes: more than any cache holds
ROUNDS, REPEATS = 5, {"cuda": 20, "cpu": 2}
WIDTH = 4096  # numbers in a row of the matrix


def measure(device: torch.device, dtype: torch.dtype) -> dict[str, float]:
    """Bytes a second: "copy" of a large tensor (read and written), and "read" by a matrix times a vector. The best of several."""
    size = SIZES[device.type]
    matrix = torch.ones(size // dtype.itemsize // WIDTH, WIDTH, dtype=dtype, device=device)
    target, vector = torch.empty_like(matrix), torch.ones(1, WIDTH, dtype=dtype, device=device)
    with torch.inference_mode():
        return {
            "copy": 2 * size / _best(lambda: target.copy_(matrix), device),
            "read": size / _best(lambda: functional.linear(vector, matrix), device),
        }


def _best(act: Callable[[], object], device: torch.device) -> float:
    """Seconds of one time."""
    repeats, times = REPEATS[device.type], []
    act()
    for _ in range(ROUNDS):
        wait(device)
        began = time.perf_counter()
        for _ in range(repeats):
            act()
        wait(device)
        times.append((time.perf_counter() - began) / repeats)
    return min(times)


def wait(device: torch.device) -> None:
    """Until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
