"""Whether a Redis server is one that conversations can be kept in, and the first look into it.

Another program's keys in the same database are not touched: ours all begin with webbot:.
"""

from __future__ import annotations

import logging
import re

from webbot.errors import SettingsError, Unavailable
from webbot.store import redis_filling as filling
from webbot.store import redis_keys as keys
from webbot.store.redis_address import RedisAddress
from webbot.store.redis_server import Server
from webbot.store.redis_talks import COPIED
from webbot.store.redis_trouble import CLUSTER, REPLICA

VERSION = 1  # of how it is kept
OLDEST = (6, 2)

TOO_OLD = "The Redis server is version {found}; this needs 6.2 or newer."
NO_AOF = ("The Redis server keeps no log of its changes, so that a restart would lose conversations. Please set `appendonly yes` "
          "there (redis-cli CONFIG SET appendonly yes, then CONFIG REWRITE), or end the setting store with ?aof=no if that is "
          "no harm.")
EVICTS = ("The Redis server deletes data when its memory is full (maxmemory-policy {policy}), which would delete conversations. "
          "Please set `maxmemory-policy noeviction` there.")
NEWER = "The database was written by a newer webbot (format {found}, this one reads up to {known}). Please update webbot."
OURS = {b"schema", b"changes", b"filling", b"checked"}  # the fields of keys.ABOUT
FOREIGN = "The key webbot:about of this Redis database belongs to another program. Please choose another database number."

log = logging.getLogger(__name__)


def prepare(server: Server, address: RedisAddress) -> None:
    """Raises SettingsError for what must be changed first, Unavailable when it is enough to wait."""
    try:
        if fault := _fault(server, address):
            raise fault
        _mark(server)
    except Unavailable as problem:
        if problem.retry_after is not None:
            raise
        raise SettingsError(str(problem)) from problem


def check_settings(server: Server, address: RedisAddress) -> None:
    """Raises Unavailable when the server no longer is what `prepare` found."""
    if fault := _fault(server, address):
        raise Unavailable(str(fault))


def _fault(server: Server, address: RedisAddress) -> SettingsError | None:
    (told,) = server.ask(("INFO",))
    info = dict(line.partition(":")[::2] for line in told.decode("utf-8", "replace").splitlines() if ":" in line)
    found = info.get("redis_version", "")
    version = tuple(int(part) for part in re.findall(r"\d+", found)[:2])
    if version < OLDEST:
        return SettingsError(TOO_OLD, found=found or "?")
    if info.get("cluster_enabled") == "1":
        return SettingsError(CLUSTER)
    if info.get("role") == "slave":
        return SettingsError(REPLICA)
    if address.wants_aof and info.get("aof_enabled") != "1":
        return SettingsError(NO_AOF)
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        return SettingsError(EVICTS, policy=info["maxmemory_policy"])
    return None


def _mark(server: Server) -> None:
    """Writes the version of a new store; of one that is there, checks that this webbot can read it, and empties it when somebody
    was killed while filling it."""
    (kind,) = server.ask(("TYPE", keys.ABOUT))
    if kind == b"none":
        server.ask(("HSETNX", keys.ABOUT, "schema", VERSION))
    elif kind != b"hash":
        raise SettingsError(FOREIGN)
    (found, unfinished), hold = server.ask(("HMGET", keys.ABOUT, "schema", "filling"), ("GET", keys.HOLD))
    if found is None and _was_emptied(server):
        log.warning("this Redis database was emptied while webbot ran: what is there now was written afterwards")
        server.ask(("HSETNX", keys.ABOUT, "schema", VERSION))
        found = b"%d" % VERSION
    if found is None or not found.isdigit():
        raise SettingsError(FOREIGN)
    if int(found) > VERSION:
        raise SettingsError(NEWER, found=int(found), known=VERSION)
    if unfinished is not None:
        if hold == unfinished:
            raise Unavailable(COPIED, retry_after=5)
        log.warning("what a killed process left of a copy is deleted")
        filling.empty(server, unfinished.decode())


def _was_emptied(server: Server) -> bool:
    """Whether a webbot wrote on without the version of the store: somebody deleted it while that ran."""
    (fields,) = server.ask(("HKEYS", keys.ABOUT))
    return bool(fields) and OURS.issuperset(fields)
