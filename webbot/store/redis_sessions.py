"""The data of sessions: opaque bytes that end at a wall-clock time, that of this machine or of the server, whichever is first."""

from __future__ import annotations

import contextlib
import struct
import time

from webbot.errors import Problem
from webbot.store import redis_keys as keys
from webbot.store.redis_keys import raw
from webbot.store.redis_scripts import DELETE_SESSION, WRITE_SESSION
from webbot.store.redis_talks import Talks

END = struct.Struct(">d")  # when it ends, in seconds since 1970; before the value


def read(talks: Talks, key: str) -> bytes | None:
    (kept,) = talks.server.ask(("GET", keys.session(key)))
    if kept is None:
        return None
    if ends_at(kept) <= time.time():  # also when the clock jumps back, it never comes again
        with contextlib.suppress(Problem):
            _delete(talks, key, kept)
        return None
    return kept[END.size:]


def ends_at(kept: bytes) -> float:
    return END.unpack_from(kept)[0]


def write(talks: Talks, key: str, value: bytes, seconds: float) -> None:
    """Also deletes some of the sessions that have ended."""
    put(talks, key, value, time.time() + seconds)


def put(talks: Talks, key: str, value: bytes, end: float) -> None:
    """`end`: seconds since 1970."""
    names = [keys.ABOUT, keys.HOLD, keys.SESSIONS, keys.session(key)]
    talks.write(
        WRITE_SESSION, names, talks.hold, raw(key), END.pack(end) + value, max(1, int(end * 1000)), int(time.time() * 1000),
        keys.session(""),
    )


def delete(talks: Talks, key: str) -> None:
    _delete(talks, key, b"")


def _delete(talks: Talks, key: str, only: bytes) -> None:
    """With `only`, the session is deleted only while it has that value."""
    names = [keys.ABOUT, keys.HOLD, keys.SESSIONS, keys.session(key)]
    talks.write(DELETE_SESSION, names, talks.hold, raw(key), only)
