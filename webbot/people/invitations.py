"""Links that sign somebody in once: the owner's first one, an invitation for a new person, one for another device.

The store knows only the hash of a link's token, so that a stolen database opens no door.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from webbot.errors import NotFound
from webbot.people import entries
from webbot.people.person import Rank, name_of
from webbot.store.base import Entry, Store

KIND = "invitation"
DAYS = 7
DEVICE_SECONDS = 3600.0
TOKEN = re.compile(r"[A-Za-z0-9_-]{22,64}", re.ASCII)
GONE = "This invitation is not here. It may have been used, or taken back."


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """A link that was not used yet. It is for a new person with that `name` and `rank`, or for one more device of `person`;
    the owner's `first` one works only while there is no owner. `by` is who made it."""

    id: str
    name: str = ""
    rank: Rank = "member"
    person: str = ""
    first: bool = False
    by: str = ""
    created_at: float = 0.0
    ends_at: float = 0.0
    version: int = 0


class Invitations:
    """All links that are open."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def invite(self, name: str, rank: Rank, by: str) -> tuple[Invitation, str]:
        """An invitation and its token, which is told only now. Raises BadInput for what is no name."""
        return self._make(Invitation(id="", name=name_of(name), rank=rank, by=by), DAYS * 86400.0)

    def link(self, person: str, seconds: float = DEVICE_SECONDS) -> tuple[Invitation, str]:
        """A link for one more device of that person."""
        return self._make(Invitation(id="", person=person, by=person), seconds)

    def owner_link(self, name: str = "Owner") -> str:
        """The token by which the first owner signs in; it works while there is no owner, and until the next one is made."""
        for entry in self.store.entries(KIND):
            if _invitation(entry).first:
                self.store.delete_entry(KIND, entry.id)
        return self._make(Invitation(id="", name=name, rank="owner", first=True), DAYS * 86400.0)[1]

    def all(self) -> Sequence[Invitation]:
        """Those for new people that are open, oldest first."""
        open_ones = map(_invitation, self.store.entries(KIND))
        return [invitation for invitation in open_ones if not invitation.person and not invitation.first]

    def look(self, token: str) -> Invitation | None:
        """What that link would do; None where it works no more."""
        entry = self.store.entry(KIND, _hashed(token)) if TOKEN.fullmatch(token) else None
        return _invitation(entry) if entry is not None else None

    def take(self, token: str) -> bool:
        """Uses the link up; False where somebody else has, or it never was."""
        return bool(TOKEN.fullmatch(token)) and self.store.delete_entry(KIND, _hashed(token))

    def take_back(self, id: str) -> None:
        """One that is for a new person. Raises NotFound, also for another link."""
        if not any(invitation.id == id for invitation in self.all()) or not self.store.delete_entry(KIND, id):
            raise NotFound(GONE)

    def forget(self, person: str) -> None:
        """Takes back the links for devices of that person."""
        for entry in self.store.entries(KIND, person):
            self.store.delete_entry(KIND, entry.id)

    def _make(self, wanted: Invitation, seconds: float) -> tuple[Invitation, str]:
        token, ends_at = secrets.token_urlsafe(24), time.time() + seconds
        made = replace(wanted, id=_hashed(token), ends_at=ends_at)
        return _invitation(self.store.put_entry(entries.entry(KIND, made, owner=made.person, ends_at=ends_at))), token


def _hashed(token: str) -> str:
    return hashlib.sha256(b"link " + token.encode()).hexdigest()


def _invitation(entry: Entry) -> Invitation:
    return entries.read(Invitation, entry)
