"""Triton's kernels, and the same in torch. Importing this imports neither Triton nor a compiler.

`of(device, dtype)` gives the functions: `rms_norm`, `rope_write`, `gate`, `decode`, `prefill`; `plain` describes them. What is
not covered: processors, cards before compute capability 8.0 (for those Triton multiplies without tensor cores, and needs more
shared memory than there is), machines without a C compiler (Triton builds the small program that starts a kernel with it). There
torch's own operators do the same in more launches.
"""

from __future__ import annotations

import logging
import shutil
import sysconfig
from functools import cache
from types import ModuleType

import torch

from webbot.engines.compute.kernels import plain

LEAST_CAPABILITY = (8, 0)
DTYPES = (torch.bfloat16, torch.float16, torch.float32)
log = logging.getLogger(__name__)


def of(device: torch.device, dtype: torch.dtype = torch.float32) -> ModuleType:
    """The module with the fastest functions that compute numbers of this type there."""
    if not usable(device, dtype):
        return plain
    from webbot.engines.compute.kernels import launched

    return launched


def usable(device: torch.device, dtype: torch.dtype = torch.float32) -> bool:
    """Whether Triton's kernels run there. Tried once for each device; a failure is logged in one sentence."""
    if device.type != "cuda" or torch.version.hip or dtype not in DTYPES:
        return False
    return torch.cuda.get_device_capability(device) >= LEAST_CAPABILITY and _launches(device.index or torch.cuda.current_device())


@cache
def _launches(number: int) -> bool:
    if not any(shutil.which(name) for name in ("cc", "gcc", "clang", *(sysconfig.get_config_var("CC") or "").split()[:1])):
        log.warning("Triton's kernels are not used: they need a C compiler (gcc or clang)")
        return False
    try:
        from webbot.engines.compute.kernels import launched

        with torch.cuda.device(number):
            x = torch.ones(2, 16, device="cuda")
            right = bool((launched.gate(x, "relu") == 1).all())
    except Exception as error:
        log.warning("Triton's kernels are not used: %s: %s", type(error).__name__, str(error).partition("\n")[0])
        return False
    if not right:
        log.warning("Triton's kernels are not used: a first one computed something wrong")
    return right
