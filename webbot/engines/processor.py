"""The processor of this machine, as far as threads and number formats are chosen by it."""

from __future__ import annotations

import os
from pathlib import Path

from webbot.surroundings import process_environment


def thread_limit(wanted: int) -> int:
    """So many threads, but no more than OpenMP gives (OMP_THREAD_LIMIT): oneDNN shares its work among those it asked for, and
    what the missing ones should have computed is garbage."""
    limit = process_environment().get("OMP_THREAD_LIMIT", "")
    return min(wanted, int(limit)) if limit.isdecimal() and int(limit) else wanted


def physical_cores() -> int:
    """Processor cores that this process may use, counted once each whatever their hyper-threads."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = set()
    for number in allowed:
        siblings = Path(f"/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list")
        cores.add(siblings.read_text() if siblings.exists() else str(number))
    return thread_limit(max(1, len(cores)))


def processor() -> dict[str, set[str]]:
    """The flags of the processor by the name of their line in /proc/cpuinfo; empty where there is none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): set(value.split()) for name, _, value in pairs if name.strip() in ("flags", "Features")}
