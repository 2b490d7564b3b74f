"""Counts and hashes of everything in a store, by which two stores, or a store and its backup, are compared.

The hash of a kind is the sum of the SHA-256 of its records, so that their order does not matter. It finds what was lost, doubled
or changed on the way; it is no signature.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from webbot.store.base import Kind, Record

KINDS: tuple[Kind, ...] = get_args(Kind)
ENDING: tuple[Kind, ...] = ("session", "entry", "counter")
WHOLE = 1 << 256


@dataclass(frozen=True, slots=True)
class Sum:
    """How many records of a kind there are, and their hash in 64 hexadecimal digits."""

    count: int
    hash: str


class Sums:
    """Adds up records. Sessions, entries and counters end while one copies, so that those which have ended are left out at the
    comparison."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(KINDS, 0)
        self._hashes = dict.fromkeys(KINDS, 0)
        self._ending: list[tuple[Kind, float, int]] = []

    @property
    def total(self) -> int:
        return sum(self._counts.values()) + len(self._ending)

    def add(self, record: Record) -> None:
        hashed = int.from_bytes(hashlib.sha256(canonical(record)).digest(), "big")
        ends_at = record.fields["ends_at"] if record.kind in ENDING else None
        if ends_at is not None:
            self._ending.append((record.kind, float(ends_at), hashed))
            return
        self._counts[record.kind] += 1
        self._hashes[record.kind] = (self._hashes[record.kind] + hashed) % WHOLE

    def passing(self, records: Iterable[Record]) -> Iterator[Record]:
        """The same records, added up as they pass."""
        for record in records:
            self.add(record)
            yield record

    def at(self, now: float) -> dict[Kind, Sum]:
        """The sums of all kinds; of what ends, those that last longer than `now` (seconds since 1970)."""
        counts, hashes = dict(self._counts), dict(self._hashes)
        for kind, ends_at, hashed in self._ending:
            if ends_at > now:
                counts[kind] += 1
                hashes[kind] = (hashes[kind] + hashed) % WHOLE
        return {kind: Sum(counts[kind], f"{hashes[kind]:064x}") for kind in KINDS}


def of(records: Iterable[Record]) -> Sums:
    sums = Sums()
    for record in records:
        sums.add(record)
    return sums


def differences(these: Sums, those: Sums) -> list[Kind]:
    """The kinds of which the two have not the same."""
    now = time.time()
    one, other = these.at(now), those.at(now)
    return [kind for kind in KINDS if one[kind] != other[kind]]


def canonical(record: Record) -> bytes:
    """The record as bytes, the same ones whatever store it is from."""
    return json.dumps([record.kind, record.id, _plain(record.fields)], ensure_ascii=False, sort_keys=True, separators=(",", ":"),
                      ).encode("utf-8", errors="surrogatepass")


def _plain(value: Any) -> Any:
    """JSON in which equal numbers are written alike; bytes by their hash."""
    if isinstance(value, bytes):
        return {"sha256": hashlib.sha256(value).hexdigest()}
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value
