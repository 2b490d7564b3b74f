"""`python -m webbot people list|invite|link|rename|rank|remove|keys|revoke`: who uses the server, from a terminal.

Works on the store itself, beside a server that runs or without one: what is changed here holds at once, and whoever is removed or
signed out sees their open pages end within seconds. Links lead to where the server that runs is reached.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from webbot import banner, makers
from webbot.errors import Conflict, NotFound, SettingsError
from webbot.people import People, Person
from webbot.people.invitations import DAYS, DEVICE_SECONDS
from webbot.people.people import last_seen
from webbot.people.person import Rank
from webbot.services import opened_store
from webbot.settings import Settings
from webbot.store.base import Store

COMMAND = "./run_webbot.sh people"
NOBODY = f"Nobody is here yet. `{COMMAND} invite NAME --owner` makes a link for the owner."
PATIENCE_SECONDS = 3.0
PLACES = ("host", "port", "lan", "hosts")  # options that say where the server is
SHORTEST_ID = 6  # characters of an id that name a key


def run(given: argparse.Namespace, settings: Settings) -> int:
    """The exit status. Raises Problems."""
    reached = banner.kept(settings) if not any(getattr(given, f"setting_{name}") is not None for name in PLACES) else None
    mode = reached[0] if reached is not None else settings.mode
    settings = dataclasses.replace(settings, access=mode if mode in ("header", "oidc") else "invite")
    places = reached[1] if reached is not None else list(banner.addresses(settings))
    with _opened(settings, makes=given.action == "invite") as store:
        if store is None:
            print("[]" if given.action == "list" and given.json else NOBODY)
            return 0
        return getattr(Command(store, settings, places, mode), given.action)(given)


@contextlib.contextmanager
def _opened(settings: Settings, *, makes: bool) -> Iterator[Store | None]:
    """None where there is no store yet: looking makes none."""
    at = makers.store_address(settings)
    if at.path is not None and not at.path.is_file() and not makes:
        yield None
        return
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.closing(opened_store(settings, patience=PATIENCE_SECONDS)) as store:
        yield store


class Command:
    """The actions. Each gets the arguments and returns the exit status."""

    def __init__(self, store: Store, settings: Settings, places: Sequence[banner.Address], mode: str) -> None:
        self.store, self.people, self.places, self.mode = store, People(store, settings), places, mode

    # who is there

    def list(self, given: argparse.Namespace) -> int:
        rows = [self._row(person) for person in self.people.all()]
        if given.json:
            print(json.dumps(rows, indent=1, ensure_ascii=False))
            return 0
        if not rows:
            print(NOBODY)
        else:
            table = [["NAME", "RANK", "COMES BY", "LAST SEEN", "DEVICES", "KEYS", "PASSKEYS"]]
            table += [[row["name"], row["rank"], row["via"], _day(row["seen_at"]),
                       *(str(len(row[what])) for what in ("devices", "keys", "passkeys"))] for row in rows]
            _print_table(table)
        for invitation in self.people.invitations.all():
            print(f"invited: {invitation.name} ({invitation.rank}), the link works until {_moment(invitation.ends_at)}")
        for _, name in self.people.barred():
            print(f"removed, and not let in again: {name}")
        return 0

    def _row(self, person: Person) -> dict[str, Any]:
        devices, keys = self.people.devices.of(person.id), self.people.keys.of(person.id)
        passkeys = self.people.passkeys.of(person.id)
        return {
            "id": person.id, "name": person.name, "rank": person.rank, "via": person.via, "email": person.email,
            "created_at": person.created_at, "seen_at": last_seen(devices, keys),
            "devices": [{"id": device.id, "name": device.name, "seen_at": device.seen_at} for device in devices],
            "keys": [{"id": key.id, "name": key.name, "shown": key.shown, "scopes": key.scopes, "used_at": key.used_at,
                      "ends_at": key.ends_at} for key in keys],
            "passkeys": [{"id": passkey.id, "name": passkey.name, "site": passkey.site, "used_at": passkey.used_at}
                         for passkey in passkeys],
        }

    def _named(self, text: str) -> Person:
        """The person with that name or id. Raises NotFound, and Conflict where a proxy's people share a name."""
        found = [person for person in self.people.all() if text == person.id or text.casefold() == person.name.casefold()]
        if not found:
            raise NotFound(f"There is nobody here with the name {{name}}. `{COMMAND} list` shows who is here.", name=text)
        if len(found) > 1:
            raise Conflict("Several people are called {name}. Please give the id instead: {ids}.", name=text,
                           ids=", ".join(person.id for person in found))
        return found[0]

    # links

    def invite(self, given: argparse.Namespace) -> int:
        rank: Rank = "owner" if given.owner else "member"
        if any(person.name.casefold() == " ".join(given.name.split()).casefold() for person in self.people.all()):
            raise Conflict(f"{{name}} is here already. `{COMMAND} link NAME` makes a link for one more device.", name=given.name)
        _, token = self.people.invite(given.name, rank, "")
        print(f"This link lets {given.name} in as {rank}. It works once, for {DAYS} days.")
        return self._show(token)

    def link(self, given: argparse.Namespace) -> int:
        person = self._named(given.name)
        if person.via != "invite":
            raise Conflict("{name} comes in by the proxy or the provider, not by a link.", name=person.name)
        _, token = self.people.invitations.link(person.id)
        print(f"This link signs {person.name} in on one more device. It works once, for {DEVICE_SECONDS / 60:.0f} minutes.")
        return self._show(token)

    def _show(self, token: str) -> int:
        first, *others = self.places
        print(f"{first.url}/join/{token}")
        for place in others:
            print(f"{place.said}: {place.url}/join/{token}")
        banner.show_code(f"{banner.best(self.places).url}/join/{token}")
        if self.mode != "invite":
            print(f"The server runs with WEBBOT_ACCESS={self.mode}; links work with WEBBOT_ACCESS=invite.")
        return 0

    # changes

    def rename(self, given: argparse.Namespace) -> int:
        person = self.people.change(self._named(given.name).id, name=given.new)
        print(f"{given.name} is called {person.name} now.")
        return 0

    def rank(self, given: argparse.Namespace) -> int:
        person = self.people.change(self._named(given.name).id, rank=given.rank)
        print(f"{person.name} is {person.rank} now.")
        return 0

    def remove(self, given: argparse.Namespace) -> int:
        """As Services.part_with, without a chat: what is being written for the person finds no conversation and ends."""
        person = self._named(given.name)
        if not given.yes and not _is_sure(person, self.store.conversations(person.id, limit=1_000_000)):
            print("Nothing was removed.")
            return 1
        self.people.remove(person.id)
        count = 0
        for conversation in self.store.conversations(person.id, limit=1_000_000):
            with contextlib.suppress(NotFound):
                self.store.delete_conversation(person.id, conversation.id, at_once=True)
                count += 1
        print(f"{person.name} is removed, with {count} conversations and everything else of theirs.")
        return 0

    # keys

    def keys(self, given: argparse.Namespace) -> int:
        person = self._named(given.name)
        keys = self.people.keys.of(person.id)
        if not keys:
            print(f"{person.name} has no keys.")
            return 0
        _print_table([["KEY", "BEGINS WITH", "NAME", "FOR", "LAST USED", "UNTIL"]] + [
            [key.id[:12], key.shown, key.name, ",".join(key.scopes), _day(key.used_at), _day(key.ends_at or 0)] for key in keys])
        return 0

    def revoke(self, given: argparse.Namespace) -> int:
        person = self._named(given.name)
        wanted = given.key.lower()
        found = [key for key in self.people.keys.of(person.id) if (len(wanted) >= SHORTEST_ID and key.id.startswith(wanted))
                 or given.key == key.shown]
        if len(found) != 1:
            raise NotFound(f"{{name}} has no such key. `{COMMAND} keys NAME` shows what comes first in each line.",
                           name=person.name)
        self.people.keys.revoke(person.id, found[0].id)
        print(f"The key {found[0].name} of {person.name} is revoked.")
        return 0


def _is_sure(person: Person, conversations: Sequence[object]) -> bool:
    if not sys.stdin.isatty():
        raise SettingsError("This removes a person for good: add --yes.")
    print(f"{person.name} has {len(conversations)} conversations here. All of it is deleted for good.")
    return input(f"Type {person.name} to remove them: ").strip().casefold() == person.name.casefold()


def _print_table(table: Sequence[Sequence[str]]) -> None:
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(moment)) if moment else "-"


def _moment(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
