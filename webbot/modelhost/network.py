"""Takes the network from a process. Linux only, and where the kernel lets this user do it; elsewhere the process keeps it."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

NEW_NETWORK, NEW_USER = 0x40000000, 0x10000000  # CLONE_NEWNET and CLONE_NEWUSER of sched.h


def leave() -> bool:
    """Puts this thread, and what it starts from now on, into a network without any interface; Unix sockets with a path go on.
    False where that is not allowed. Call it before any other thread runs.

    Root does it directly. Anybody else needs a user namespace for it; root takes none, because it would lose its rights over
    other people's files there.
    """
    user, group = os.geteuid(), os.getegid()
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (OSError, AttributeError):
        return False
    if unshare(NEW_NETWORK) == 0:
        return True
    if user == 0 or unshare(NEW_NETWORK | NEW_USER) != 0:
        return False
    try:  # its own name and group stay what they are
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1", encoding="ascii")
    except OSError:
        pass  # files are read by the rights that the process had all the same
    return True
