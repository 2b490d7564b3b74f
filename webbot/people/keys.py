"""API keys: by which programs come in as the person who made them. A key is told once; the store has only its hash."""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from webbot.errors import BadInput, Conflict, NotFound
from webbot.people import entries
from webbot.people.person import name_of
from webbot.store.base import Entry, Store

KIND = "key"
PREFIX = "wb-"
SECRET = re.compile(r"wb-[A-Za-z0-9_-]{43}", re.ASCII)
SCOPES = ("chat", "speech", "conversations", "operation")
MOST = 50  # keys of one person
MOST_DAYS = 3650
USED_AFTER = 60.0  # seconds: a use is not written down each time
GONE = "This key is not here. It may have been revoked already."


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of the person with the id `person`. `shown` is its beginning, by which a person knows it again; `used_at` is 0 for
    one that was never used, `ends_at` None for one without an end."""

    id: str
    person: str
    name: str
    shown: str
    scopes: tuple[str, ...] = ()
    created_at: float = 0.0
    used_at: float = 0.0
    ends_at: float | None = None
    version: int = 0


class Keys:
    """All keys, by their person."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def make(self, person: str, name: str, scopes: Collection[str], days: int | None = None) -> tuple[Key, str]:
        """A new key and its secret, which is told only now. Raises BadInput, and Conflict for more than MOST."""
        if not scopes or not set(scopes) <= set(SCOPES):
            raise BadInput("Choose what the key is for.", parameter="scopes")
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise BadInput("A key lasts 1 to {most} days.", most=MOST_DAYS, parameter="days")
        if len(self.store.entries(KIND, person)) >= MOST:
            raise Conflict("You have {most} keys. Please revoke one first.", most=MOST)
        secret = PREFIX + secrets.token_urlsafe(32)
        ends_at = time.time() + days * 86400.0 if days is not None else None
        made = Key(id=_hashed(secret), person=person, name=name_of(name), shown=secret[:9], ends_at=ends_at,
                   scopes=tuple(scope for scope in SCOPES if scope in scopes))
        return _key(self.store.put_entry(entries.entry(KIND, made, owner=person, ends_at=ends_at))), secret

    def of(self, person: str) -> Sequence[Key]:
        return [_key(entry) for entry in self.store.entries(KIND, person)]

    def find(self, secret: str) -> Key | None:
        """The key with that secret; None for one that was revoked, has ended, or never was."""
        return self.by_id(_hashed(secret)) if SECRET.fullmatch(secret) else None

    def by_id(self, id: str) -> Key | None:
        entry = self.store.entry(KIND, id)
        return _key(entry) if entry is not None else None

    def used(self, key: Key) -> None:
        """Notes a use, now and then."""
        now = time.time()
        if now - key.used_at < USED_AFTER:
            return
        with suppress(Conflict):  # another request did, or it was revoked
            self.store.put_entry(entries.entry(KIND, replace(key, used_at=now), owner=key.person, ends_at=key.ends_at))

    def revoke(self, person: str, id: str) -> None:
        """Raises NotFound, also for a key of somebody else."""
        key = self.by_id(id)
        if key is None or key.person != person or not self.store.delete_entry(KIND, id):
            raise NotFound(GONE)


def _hashed(secret: str) -> str:
    return hashlib.sha256(b"key " + secret.encode()).hexdigest()


def _key(entry: Entry) -> Key:
    return entries.read(Key, entry)
