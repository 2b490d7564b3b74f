"""What the kernels ask of a device."""

from __future__ import annotations

from functools import cache

import torch

FEW = 16  # multiprocessors that the interpreter on a CPU is taken for


@cache
def processors(device: torch.device) -> int:
    """Multiprocessors."""
    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else FEW


def precision(dtype: torch.dtype) -> str:
    """Of tl.dot: float32 is not cut to the 10 bits of TF32, because its tokens are held against float32 elsewhere."""
    return "ieee" if dtype is torch.float32 else "tf32"
