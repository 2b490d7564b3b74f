"""How much memory there is for models: a GPU's, else this machine's. Asks nvidia-smi and the kernel; imports no model library."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from webbot.engines.processor import processor
from webbot.settings import Settings
from webbot.surroundings import process_environment

MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")
SMI_SECONDS = 10.0
FRESH_SECONDS = 10.0
MIB = 1 << 20
GPU_WITH_BFLOAT16 = 8.0  # NVIDIA's compute capability from which bfloat16 is computed and not emulated


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes for all models together. `what` they are of; `limited` where the setting model_memory says the total."""

    total: int
    free: int
    what: Literal["GPU", "memory"]
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Gpu:
    """`capability` is NVIDIA's number of what it can compute."""

    total: int
    free: int
    capability: float


def room(settings: Settings) -> Room:
    """Figures that are at most some seconds old. The setting `model_memory` wins over the total."""
    gpu = graphics(settings)
    found = Room(gpu.total, gpu.free, "GPU") if gpu is not None else Room(*_machine(), "memory")
    if not settings.model_memory:
        return found
    allowed = int(settings.model_memory * 1e9)
    return Room(allowed, min(allowed, found.free), found.what, limited=True)


def bytes_a_number(settings: Settings) -> int:
    """How wide the language model's numbers are, by the same rule as when it is loaded (engines/llama/loading)."""
    if settings.precision != "auto":
        return 2 if settings.precision == "bfloat16" else 4
    gpu = graphics(settings)
    if gpu is not None:
        return 2 if gpu.capability >= GPU_WITH_BFLOAT16 else 4
    flags = processor().get("flags", set()) | processor().get("Features", set())
    return 2 if flags & {"avx512_bf16", "amx_bf16", "bf16"} else 4


# a GPU

_lock = threading.Lock()
_asked: tuple[float, Gpu | None] = (-FRESH_SECONDS, None)


def graphics(settings: Settings) -> Gpu | None:
    """The GPU that models compute on; None where they do not."""
    global _asked  # noqa: PLW0603 - nvidia-smi takes a part of a second, and pages ask often
    if settings.device == "cpu":
        return None
    with _lock:
        if time.monotonic() - _asked[0] >= FRESH_SECONDS:
            _asked = (time.monotonic(), _ask_smi())
        return _asked[1]


def _ask_smi() -> Gpu | None:
    environment = process_environment()
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    program = shutil.which("nvidia-smi", path=environment.get("PATH"))
    if program is None or not torch_has_cuda() or (visible is not None and not re.match(r"\d|GPU-", visible)):
        return None
    command = [program, "--query-gpu=memory.total,memory.free,compute_cap", "--format=csv,noheader,nounits"]
    if visible:
        command.append(f"--id={visible.split(',')[0]}")
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=SMI_SECONDS, check=True, env=environment).stdout
        total, free, capability = (float(part) for part in told.splitlines()[0].split(","))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
    return Gpu(int(total * MIB), int(free * MIB), capability)


def torch_has_cuda() -> bool:
    """As far as the version of the installed package tells: the processor's build says so."""
    try:
        return not importlib.metadata.version("torch").endswith("+cpu")
    except importlib.metadata.PackageNotFoundError:
        return False


# this machine


def _machine() -> tuple[int, int]:
    """All and free memory in bytes, within the limits of a container."""
    total, free = _kernel()
    for limit_file, used_file in (
        (CGROUP / "memory.max", CGROUP / "memory.current"),
        (CGROUP / "memory" / "memory.limit_in_bytes", CGROUP / "memory" / "memory.usage_in_bytes"),
    ):
        limit, used = _number(limit_file), _number(used_file)
        if limit is not None and limit < total:
            return limit, max(0, min(free, limit - (used or 0)))
    return total, free


def _kernel() -> tuple[int, int]:
    try:
        found = {name: int(size) * 1024 for name, size in re.findall(r"^(\w+):\s*(\d+) kB", MEMINFO.read_text(), re.MULTILINE)}
        return found["MemTotal"], found.get("MemAvailable", found["MemTotal"])
    except (OSError, KeyError, ValueError):
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return total, total


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # "max" means no limit
        return None
