"""How much memory is free where a model computes, and how its end shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

CGROUPS = Path("/sys/fs/cgroup")
# How torch and oneDNN say that memory is full.
NO_MEMORY = ("can't allocate memory", "not enough memory", "bad_alloc", "out of memory")


def free_bytes(device: torch.device) -> int | None:
    """Bytes that can still be had on a device, None where nobody knows. What only speeds up the disk counts as free."""
    if device.type == "cuda":
        import torch

        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    return free_memory()


def free_memory() -> int | None:
    """Bytes of the machine's memory that can still be had, None where nobody knows."""
    return min([*_of_the_machine(), *_of_the_groups()], default=None)


def ran_out(error: BaseException) -> bool:
    """Whether memory is what was missing. torch's error for that on CUDA is a RuntimeError, too."""
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in NO_MEMORY)
    )


def _of_the_machine() -> list[int]:
    try:
        lines = (line.partition(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
        kilobytes = {name: int(value.split()[0]) for name, _, value in lines}
        return [(kilobytes["MemAvailable"] + kilobytes.get("SwapFree", 0)) * 1024]
    except (OSError, ValueError, KeyError, IndexError):
        return []


def _of_the_groups() -> list[int]:
    """What the control groups of this process leave to it: the limit of a container or a service."""
    try:
        own = Path("/proc/self/cgroup").read_text(encoding="utf-8").strip().rpartition("::")[2].lstrip("/")
    except OSError:
        return []
    folder = CGROUPS / own
    groups = [group for group in (folder, *folder.parents) if group == CGROUPS or CGROUPS in group.parents]
    return [left for left in map(_left_in, groups) if left is not None]


def _left_in(group: Path) -> int | None:
    try:
        most, used = (int((group / f"memory.{name}").read_text(encoding="ascii")) for name in ("max", "current"))
        parts = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):  # no limit is written as "max"
        return None
    return max(most - used + int(parts.get("inactive_file", 0)), 0)
