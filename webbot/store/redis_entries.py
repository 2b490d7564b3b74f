"""Entries and counters: small values beside the conversations, some of which end at a wall-clock time, that of this machine or of
the server, whichever is first.

An entry is kept as "VERSION WHO LENGTH:OWNER" and its JSON, so that a script knows whose it is; WHO is the call that wrote it.
What a call did is noted for a moment: one that is asked twice, because its answer was lost, is not done twice.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace

from webbot.errors import Conflict
from webbot.store import redis_keys as keys
from webbot.store.base import Entry
from webbot.store.redis_entry_scripts import ADD_UP, DELETE_ENTRY, ENTRIES_OF, PUT_ENTRY
from webbot.store.redis_keys import raw, text
from webbot.store.redis_talks import Talks
from webbot.store.redis_values import packed, portions, unpacked
from webbot.store.rules import OTHERWISE, check_entry, check_name, counted

NEVER = 2**53  # ms since 1970, for what has no end


def find(talks: Talks, kind: str, id: str) -> Entry | None:
    (kept,) = talks.server.ask(("HGET", keys.entries(kind), raw(id)))
    return next(iter(_lasting([kept], time.time())), None)


def all_of(talks: Talks, kind: str, owner: str | None) -> list[Entry]:
    """Oldest first."""
    if owner is None:
        (found,) = talks.server.ask(("HVALS", keys.entries(kind)))
    else:
        found = talks.server.run(ENTRIES_OF, [keys.entries(kind), keys.owned(kind, owner)])
    return sorted(_lasting(found, time.time()), key=lambda entry: (entry.created_at, raw(entry.id)))


def put(talks: Talks, entry: Entry) -> Entry:
    """Also deletes some of the entries that have ended."""
    entry = check_entry(entry)
    now = time.time()
    if entry.version == 0:
        was, new = b"", replace(entry, version=1, created_at=now)
    else:
        (found,) = talks.server.ask(("HGET", keys.entries(entry.kind), raw(entry.id)))
        known = next(iter(_lasting([found], now)), None)
        if known is None or known.version != entry.version:
            raise Conflict(OTHERWISE)
        was, new = found, replace(known, value=entry.value, ends_at=entry.ends_at, version=known.version + 1)
    if not _put(talks, new, was):
        raise Conflict(OTHERWISE)
    return new


def put_as_it_is(talks: Talks, entry: Entry) -> None:
    """One from another store."""
    _put(talks, entry, b"")


def _put(talks: Talks, entry: Entry, was: bytes) -> bool:
    """Whether it was written: not when there is another than `was`."""
    owner = raw(entry.owner)
    head = b"%d %s %d:%s" % (entry.version, secrets.token_urlsafe(12).encode(), len(owner), owner)
    names = [keys.ABOUT, keys.HOLD, keys.entries(entry.kind), keys.owned(entry.kind, entry.owner), keys.KINDS, keys.ENDING]
    return talks.write(
        PUT_ENTRY, names, talks.hold, raw(entry.id), was, head + packed(asdict(entry)), _ms(entry.ends_at), _ms(time.time()),
        raw(entry.kind), keys.name(entry.kind, entry.id), keys.PREFIX,
    ) == 1


def delete(talks: Talks, kind: str, id: str) -> bool:
    done = keys.done(secrets.token_urlsafe(12))
    names = [keys.ABOUT, keys.HOLD, keys.entries(kind), keys.ENDING, keys.KINDS, done]
    return talks.write(
        DELETE_ENTRY, names, talks.hold, raw(id), _ms(time.time()), raw(kind), keys.name(kind, id), keys.PREFIX,
    ) == 1


def add_up(talks: Talks, key: str, amount: int, ends_at: float) -> int:
    """Also deletes some of the counters that have ended."""
    check_name(key)
    return _add_up(talks, key, counted(amount), ends_at)


def put_counter(talks: Talks, key: str, value: int, ends_at: float) -> None:
    """One from another store."""
    _add_up(talks, key, value, ends_at)


def _add_up(talks: Talks, key: str, amount: int, ends_at: float) -> int:
    done = keys.done(secrets.token_urlsafe(12))
    names = [keys.ABOUT, keys.HOLD, keys.COUNTERS, keys.counter(key), done]
    return int(talks.write(
        ADD_UP, names, talks.hold, raw(key), amount, repr(float(ends_at)), _ms(ends_at), _ms(time.time()), keys.counter(""),
    ))


def whole(talks: Talks) -> list[Entry]:
    """All entries of all kinds that have not ended, by kind and id."""
    now, found = time.time(), list[Entry]()
    (kinds,) = talks.server.ask(("SMEMBERS", keys.KINDS))
    for kind in sorted(kinds):
        (ids,) = talks.server.ask(("HKEYS", keys.entries(text(kind))))
        for portion in portions(sorted(ids)):
            (kept,) = talks.server.ask(("HMGET", keys.entries(text(kind)), *portion))
            found += _lasting(kept, now)
    return found


def all_counters(talks: Talks) -> list[tuple[str, int, float]]:
    """Key, value and end of the counters that have not ended, by key."""
    now, found = time.time(), list[tuple[str, int, float]]()
    (names,) = talks.server.ask(("ZRANGE", keys.COUNTERS, 0, -1))
    for portion in portions(sorted(names)):
        kept = talks.server.ask(*(("HMGET", keys.counter(text(name)), "value", "ends_at") for name in portion))
        found += [
            (text(name), int(value), float(end)) for name, (value, end) in zip(portion, kept, strict=True)
            if end is not None and float(end) > now
        ]
    return found


def read(kept: bytes) -> Entry:
    """From what is kept. Raises ValueError, KeyError and TypeError for what is no entry."""
    head, _, rest = kept.partition(b":")
    return Entry(**unpacked(rest[int(head.rsplit(b" ", 1)[1]):]))


def _lasting(found: Iterable[bytes | None], now: float) -> Sequence[Entry]:
    entries = [read(kept) for kept in found if kept is not None]
    return [entry for entry in entries if entry.ends_at is None or entry.ends_at > now]


def _ms(at: float | None) -> int:
    """Seconds since 1970 as ms."""
    return NEVER if at is None else int(max(1.0, min(at * 1000, NEVER - 1)))
