"""Who there is: found, added, changed, removed. The parts that belong to a person are siblings of this file."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from webbot.errors import BadInput, Conflict, NotAllowed, NotFound
from webbot.people import entries, keys, library, passkeys
from webbot.people.devices import Device, Devices
from webbot.people.invitations import Invitation, Invitations
from webbot.people.keys import Key, Keys
from webbot.people.library import Library
from webbot.people.passkeys import Passkeys
from webbot.people.person import RANKS, Person, Rank, Via, name_of
from webbot.people.usage import Usage
from webbot.settings import Settings
from webbot.store.base import Entry, Store

KIND, BAR = "person", "barred"
GONE = "This person is not here. Somebody may have removed them."
LINK_GONE = "This link does not work any more: it was used, has ended, or was taken back. Please ask for a new one."
OWNED = (keys.KIND, passkeys.KIND, library.KIND, library.SHARED)  # goes with the person
CHANGEABLE = frozenset({"name", "rank", "email", "turns_a_minute", "tokens_a_day", "preferences"})
LARGEST = 2_000_000_000


class People:
    """Everybody whom the server knows."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings = store, settings
        self.devices = Devices(store)
        self.invitations = Invitations(store)
        self.keys = Keys(store)
        self.library = Library(store, settings.question_bytes)
        self.passkeys = Passkeys(store)
        self.usage = Usage(store, settings, self.find)

    def all(self) -> Sequence[Person]:
        """In the order in which they came."""
        return [_person(entry) for entry in self.store.entries(KIND)]

    def find(self, id: str) -> Person | None:
        entry = self.store.entry(KIND, id) if id else None
        return _person(entry) if entry is not None else None

    def person(self, id: str) -> Person:
        """Raises NotFound."""
        found = self.find(id)
        if found is None:
            raise NotFound(GONE)
        return found

    def has_owner(self) -> bool:
        return any(person.is_owner for person in self.all())

    # who comes

    def add(self, name: str, rank: Rank = "member") -> Person:
        """A new person of this server's own. Raises BadInput for what is no name, Conflict for one that another person has."""
        name = self._free_name(name)
        return self._made(Person(id=f"p-{secrets.token_urlsafe(16)}", name=name, rank=rank))

    def invite(self, name: str, rank: Rank, by: str) -> tuple[Invitation, str]:
        """An invitation and its token, which is told only now. Raises BadInput for what is no name, and Conflict for one that
        somebody has, or that another open invitation is for."""
        name = self._free_name(name)
        if any(each.name.casefold() == name.casefold() for each in self.invitations.all()):
            raise Conflict("There is an open invitation for that name already. Please take it back, or choose another name.")
        return self.invitations.invite(name, rank, by)

    def look(self, token: str) -> Invitation:
        """What the link with that token would do. Raises NotFound for one that was used, is too old, or never was, Conflict for
        the owner's link once there is an owner."""
        known = self.invitations.look(token)
        if known is None or (known.person and self.find(known.person) is None):
            raise NotFound(LINK_GONE)
        if known.first and self.has_owner():
            raise Conflict("This server has an owner already. Please ask for an invitation.")
        return known

    def accept(self, token: str, name: str = "") -> Person:
        """The person whom the link with that token signs in, made where it invites a new one; the link is used up then. Somebody
        new may choose another `name`. Raises what `look` raises, BadInput for what is no name, and Conflict for one that
        somebody has."""
        known = self.look(token)
        wanted = name if name.strip() else known.name
        if not known.person:
            self._free_name(wanted)
        if not self.invitations.take(token):
            raise NotFound(LINK_GONE)
        return self.person(known.person) if known.person else self.add(wanted, known.rank)

    def known(self, via: Via, subject: str, *, name: str = "", email: str = "") -> Person:
        """The person whom a proxy or a provider names, made where there is none yet. Raises NotAllowed for one who was removed
        or is not among `settings.admitted`."""
        id = id_of(via, subject)
        told = _proved(via, subject, email)
        rank: Rank = "owner" if _is_named(self.settings.owners, told) else "member"
        person = self.find(id)
        if person is None:
            if self.store.entry(BAR, id) is not None:
                raise NotAllowed("The owner of this server has removed you from it.")
            self._refuse_unadmitted(told, rank)
            made = Person(id=id, name=_shown(name or subject), rank=rank, via=via, subject=subject, email=email[:320])
            try:
                return self._made(made)
            except Conflict:  # another request of the same person came first
                return self.person(id)
        self._refuse_unadmitted(told, rank)
        if rank != person.rank or (email and email[:320] != person.email):
            return self._change(id, lambda found: replace(found, rank=rank, email=email[:320] or found.email))
        return person

    def _refuse_unadmitted(self, told: Collection[str], rank: Rank) -> None:
        if self.settings.admitted and rank != "owner" and not _is_named(self.settings.admitted, told):
            raise NotAllowed("You are not among those whom this server lets in. Please ask its owner.")

    # who changes

    def change(self, id: str, **changes: Any) -> Person:
        """Sets any of name, rank, email, turns_a_minute, tokens_a_day, preferences. Raises NotFound, BadInput, and Conflict for a
        name that another person has and for the rank of the last owner."""
        if "name" in changes:
            changes["name"] = self._free_name(changes["name"], id)
        if changes.get("rank", "member") not in RANKS or not changes.keys() <= CHANGEABLE:
            raise BadInput("A person is owner or member.", parameter="rank")
        for limit in ("turns_a_minute", "tokens_a_day"):
            if changes.get(limit) is not None and not 0 <= changes[limit] <= LARGEST:
                raise BadInput("A limit must be from 0 to {most}.", most=LARGEST, parameter=limit)
        if changes.get("rank") == "member":
            self._refuse_last_owner(id)
        return self._change(id, lambda found: replace(found, **changes))

    def prefer(self, id: str, **preferences: Any) -> Person:
        """Changes some of the person's preferences; None takes one back. Raises NotFound."""

        def preferring(person: Person) -> Person:
            kept = {**person.preferences, **preferences}
            return replace(person, preferences={name: value for name, value in kept.items() if value is not None})

        return self._change(id, preferring)

    def remove(self, id: str) -> None:
        """Removes a person: signs every device out and deletes keys and whatever else is theirs, but their conversations. Whom a
        proxy or a provider named stays out until `admit`. Raises NotFound, and Conflict for the last owner."""
        person = self.person(id)
        self._refuse_last_owner(id)
        if person.via != "invite":
            entries.put(self.store, Entry(kind=BAR, id=id, value={"name": person.name, "subject": person.subject}))
        self.store.delete_entry(KIND, id)
        self.devices.sign_out_all(id)
        self.invitations.forget(id)
        for kind in OWNED:
            for entry in self.store.entries(kind, id):
                self.store.delete_entry(kind, entry.id)

    def barred(self) -> Sequence[tuple[str, str]]:
        """(id, name) of those who were removed and stay out."""
        return [(entry.id, entry.value.get("name", "")) for entry in self.store.entries(BAR)]

    def admit(self, id: str) -> None:
        """Lets somebody in again who was removed. Raises NotFound."""
        if not self.store.delete_entry(BAR, id):
            raise NotFound(GONE)

    # inside

    def _change(self, id: str, changed: Callable[[Person], Person]) -> Person:
        """`changed` is asked anew when another change came first."""
        return _person(entries.change(self.store, lambda: _entry(changed(self.person(id)))))

    def _made(self, person: Person) -> Person:
        return _person(self.store.put_entry(_entry(person)))

    def _free_name(self, text: str, but: str = "") -> str:
        name = name_of(text)
        if any(person.name.casefold() == name.casefold() and person.id != but for person in self.all()):
            raise Conflict("There is somebody here with that name already. Please choose another one.", parameter="name")
        return name

    def _refuse_last_owner(self, id: str) -> None:
        if self.settings.mode == "invite" and [person.id for person in self.all() if person.is_owner] == [id]:
            raise Conflict("A server needs an owner: please make somebody else one first.")


def id_of(via: str, subject: str) -> str:
    """The id of a person whom a proxy or a provider names: the same one on every machine."""
    return "p-" + hashlib.sha256(f"{via} {subject}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def last_seen(devices: Iterable[Device], keys: Iterable[Key]) -> float:
    """When a person with these was here, or a program of theirs; 0 for never."""
    return max((*(device.seen_at for device in devices), *(key.used_at for key in keys)), default=0.0)


def _proved(via: Via, subject: str, email: str) -> Collection[str]:
    """What the settings may call somebody, in lower case: never what people choose themselves. A proxy vouches for its one
    header, others may pass it unseen; a provider for its subject and for an address that it has verified, which is what `email`
    is."""
    address = subject if via == "header" else email
    names = {subject if via == "header" else subject.split(" ", 1)[-1], address}
    if "@" in address:
        names.add(address[address.rindex("@"):])
    return {name.casefold() for name in names if name}


def _is_named(names: Sequence[str], told: Collection[str]) -> bool:
    return any(wanted.casefold() in told for wanted in names)


def _shown(name: str) -> str:
    try:
        return name_of(name)
    except BadInput:
        return "?"


def _person(entry: Entry) -> Person:
    return entries.read(Person, entry)


def _entry(person: Person) -> Entry:
    return entries.entry(KIND, person)
