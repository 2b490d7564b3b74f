"""Who is there, as the rest of the doors see it: whose conversations, by what right, and whether that right still holds."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from flask import current_app, g

from webbot.errors import NotAllowed, Problem
from webbot.people.devices import Device
from webbot.people.keys import Key
from webbot.people.people import People
from webbot.people.person import Person, Rank

LOOK_SECONDS = 2.0  # between two looks at whether somebody may still be here


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """`owner` is whose conversations are seen, "" while a visitor has none yet. `by` is the right by which somebody came in: none
    was needed ("browser", "program"), the access code, a session or the proxy's header (both with a `person`), or an API key
    of the person. `session` is the key of the session in the store, "" where none was stored."""

    owner: str = ""
    person: Person | None = None
    by: Literal["nobody", "browser", "program", "code", "session", "proxy", "key"] = "nobody"
    device: Device | None = None
    key: Key | None = None
    session: str = ""

    @property
    def rank(self) -> Rank:
        """Where there are no persons, everybody who is in is an owner."""
        return self.person.rank if self.person is not None else "owner"


NOBODY = Presence()


def presence() -> Presence:
    """Who sends the running request."""
    return g.get("presence", NOBODY)


def require_owner() -> None:
    """Raises NotAllowed for whoever does not own this server."""
    if presence().rank != "owner":
        raise NotAllowed("Only an owner of this server may do that.")


def watch() -> Callable[[], bool]:
    """A question that can be asked while an answer streams: whether who sent the request has been signed out, removed, or had
    the key revoked meanwhile. It looks at the store every LOOK_SECONDS at most; while the store is away nobody is sent out."""
    there: Presence = presence()
    people: People | None = current_app.extensions.get("people")
    if people is None or (there.person is None and not there.session):
        return lambda: False
    looked, ended = time.monotonic(), False

    def has_ended() -> bool:
        nonlocal looked, ended
        if not ended and time.monotonic() - looked >= LOOK_SECONDS:
            looked = time.monotonic()
            with suppress(Problem):
                ended = not holds(there, people)
        return ended

    return has_ended


def holds(there: Presence, people: People) -> bool:
    """Whether that right still holds."""
    if there.person is not None and people.find(there.person.id) is None:
        return False
    if there.key is not None:
        return people.keys.by_id(there.key.id) is not None
    return not there.session or people.store.read_session(there.session) is not None
