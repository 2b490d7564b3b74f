"""The browsers in which a person is signed in. Each has a session; signing a device out deletes it, whatever the browser does."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from webbot.errors import Conflict, NotFound
from webbot.people import entries
from webbot.store.base import Entry, Store

KIND = "device"
SEEN_AFTER = 600.0  # seconds: a visit is not written down each time
KNOWN_SECONDS, MOST_KNOWN = 60.0, 10_000
GONE = "This device is not here. It may have been signed out already."


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A browser of the person with the id `person`. `session` is the key of its session in the store."""

    id: str
    person: str
    session: str
    name: str = ""
    created_at: float = 0.0
    seen_at: float = 0.0
    version: int = 0


class Devices:
    """All devices, by their person."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._known: dict[str, tuple[float, Device]] = {}

    def add(self, person: str, session: str, name: str) -> Device:
        """`session` is the key of the session in the store, `name` what the browser says of itself."""
        made = Device(id=secrets.token_urlsafe(12), person=person, session=session, name=name[:200], seen_at=time.time())
        return _device(self.store.put_entry(entries.entry(KIND, made, owner=person)))

    def of(self, person: str) -> Sequence[Device]:
        """Those that are signed in, the last seen one first; one whose session has ended leaves."""
        found = []
        for device in map(_device, self.store.entries(KIND, person)):
            if self.store.read_session(device.session) is None:
                self.store.delete_entry(KIND, device.id)
            else:
                found.append(device)
        return sorted(found, key=lambda device: -device.seen_at)

    def find(self, person: str, id: str) -> Device | None:
        """The device, if it is that person's."""
        entry = self.store.entry(KIND, id)
        return _device(entry) if entry is not None and entry.owner == person else None

    def known(self, person: str, id: str) -> Device | None:
        """As `find`, for whoever has just read the device's session, which signing out deletes first: what was read less than
        KNOWN_SECONDS ago is not read again."""
        now = time.monotonic()
        read_at, device = self._known.get(id, (0.0, None))
        if device is None or device.person != person or now - read_at > KNOWN_SECONDS:
            device = self.find(person, id)
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known.pop(id, None)
            if device is not None:
                self._known[id] = (now, device)
        return device

    def seen(self, device: Device, name: str) -> None:
        """Notes a visit, now and then."""
        if time.time() - device.seen_at < SEEN_AFTER:
            return
        self._known.pop(device.id, None)
        seen = replace(device, name=name[:200], seen_at=time.time())
        with suppress(Conflict):  # another request did, or it was signed out
            self.store.put_entry(entries.entry(KIND, seen, owner=device.person))

    def sign_out(self, person: str, id: str) -> None:
        """Raises NotFound, also for a device of somebody else."""
        device = self.find(person, id)
        if device is None:
            raise NotFound(GONE)
        self.store.delete_session(device.session)
        self.store.delete_entry(KIND, id)

    def sign_out_all(self, person: str, but: str = "") -> int:
        """Signs out every device but that one; returns how many."""
        others = [_device(entry) for entry in self.store.entries(KIND, person) if entry.id != but]
        for device in others:
            self.store.delete_session(device.session)
            self.store.delete_entry(KIND, device.id)
        return len(others)


def _device(entry: Entry) -> Device:
    return entries.read(Device, entry)
