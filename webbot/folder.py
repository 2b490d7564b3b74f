"""The data folder belongs to one server at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from webbot.errors import SettingsError


def hold(data: Path) -> IO[str]:
    """Holds the folder until the returned file is closed: a second server would take this one's answers for interrupted ones.

    Raises SettingsError when another process holds it.
    """
    file = (data / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise SettingsError("Another webbot uses the folder {folder}. Set WEBBOT_DATA for a second one.", folder=data) from None
    return file


@contextmanager
def one_at_a_time(data: Path) -> Iterator[None]:
    """The web processes of one server wait for one another here, for what they must not do together."""
    with (data / "opening").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
