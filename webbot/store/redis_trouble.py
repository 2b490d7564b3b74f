"""What the errors of a Redis server mean for a person."""

from __future__ import annotations

import re

from redis.exceptions import AuthenticationError, ConnectionError, TimeoutError

from webbot.errors import DiskFull, Problem, Unavailable

AWAY = "The Redis server that keeps the conversations does not answer. Please try again in a moment."
LOADING = "The Redis server that keeps the conversations is still reading its data. Please try again in a moment."
CROWDED = "Too many requests wait for the Redis server that keeps the conversations. Please try again in a moment."
FULL = ("The Redis server that keeps the conversations has no memory left, so nothing new can be saved. Please delete old "
        "conversations or raise its maxmemory.")
NO_DISK = ("The Redis server that keeps the conversations cannot write to its disk, so nothing can be saved or deleted. Please "
           "free some space there; its log says more.")
REPLICA = ("The Redis server that keeps the conversations is a replica, which nothing can be written to. Please name the main "
           "server in the setting store.")
REFUSED = "The Redis server that keeps the conversations refuses the user or the password of the setting store."
FORBIDDEN = ("The Redis server that keeps the conversations does not let this user do what is needed: all commands on keys "
             "that begin with webbot: and EVAL, EVALSHA, INFO, TIME, SCAN.")
STRANGER = ("The certificate of the Redis server that keeps the conversations is not trusted. Please name the file of its "
            "authority at the end of the setting store: ?ssl_ca_certs=PATH.")
CLUSTER = "The store cannot be a Redis cluster. Please name a single server, or one with replicas."
FOREIGN = "The Redis server that keeps the conversations does not understand what it is asked: {reason}."

MEANINGS: dict[str, tuple[type[Problem], str, int | None]] = {
    "OOM": (DiskFull, FULL, None),
    "MISCONF": (DiskFull, NO_DISK, None),
    "READONLY": (Unavailable, REPLICA, None),
    "NOPERM": (Unavailable, FORBIDDEN, None),
    "NOAUTH": (Unavailable, REFUSED, None),
    "WRONGPASS": (Unavailable, REFUSED, None),
    "LOADING": (Unavailable, LOADING, 5),
    "MASTERDOWN": (Unavailable, AWAY, 5),
    "BUSY": (Unavailable, AWAY, 2),
    "CROSSSLOT": (Unavailable, CLUSTER, None),
    "MOVED": (Unavailable, CLUSTER, None),
    "CERTIFICATE_VERIFY_FAILED": (Unavailable, STRANGER, None),
    "CLUSTERDOWN": (Unavailable, CLUSTER, None),
}
# The codes of errors, also where an older server wraps them in what it says of a script.
CODE = re.compile(rf"(?:^|\W)({'|'.join(MEANINGS)})\b")


def code(error: BaseException) -> str:
    """The word that an error of the server begins with, "" for one that has none of the known ones."""
    known = getattr(error, "status_code", None)
    found = CODE.search(f"{known or ''} {error}")
    return found.group(1) if found else ""


def meaning(error: BaseException) -> Problem:
    """What a person is told; never what was sent, nor a password."""
    known = code(error)
    if known in MEANINGS:
        kind, sentence, retry_after = MEANINGS[known]
        return kind(sentence, retry_after=retry_after)
    if isinstance(error, AuthenticationError):
        return Unavailable(REFUSED)
    if isinstance(error, OSError | ConnectionError | TimeoutError):
        return Unavailable(AWAY, retry_after=2)
    return Unavailable(FOREIGN, reason=str(error)[:200].strip(" ."))
