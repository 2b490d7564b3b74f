"""Passkeys at the doors: their challenges wait in the session, and what the browser answers comes as a form with JSON in it.

Covered: a challenge is for this browser and once only; guessing is slowed down; whoever adds or removes one is signed in. Not
covered: the answers themselves (people/passkeys.py). A passkey belongs to a host name: a page that was opened by an address
has none, and says by which name it would.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, jsonify, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from webbot import values
from webbot.addresses import host_name
from webbot.errors import BadInput, Conflict, NotAllowed, NotFound, TooMany
from webbot.people import Person
from webbot.people.passkeys import UNKNOWN, Challenge, Passkey, Site
from webbot.services import Services
from webbot.settings import Settings
from webbot.web import forms, reachable
from webbot.web.brake import Brake
from webbot.web.chain import Chain
from webbot.web.presence import presence
from webbot.web.problems import wants_json
from webbot.web.signing import sign_in
from webbot.web.times import day
from webbot.web.wanted import wanted_path

LONGEST_ANSWER = 16_384  # bytes
CHALLENGES_A_MINUTE = 30  # of one address, for whom nobody knows yet
SESSION = "passkey"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPasskey:
    """A row of the list; `used` is the day of the last use, "" for a passkey that was never used."""

    id: str
    name: str
    site: str
    used: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the pages show: the passkeys, whether they work under this address, and a link under which they do ("" for none)."""

    passkeys: Sequence[ShownPasskey]
    possible: bool
    elsewhere: str


class PasskeyDoor:
    """POST /passkey/options and /passkey/signin, for whom nobody knows yet; POST /passkey/new, /passkey/register and
    /passkey/<id>/remove for whom somebody does. `signing` is the blueprint that is open to everybody."""

    def __init__(self, services: Services, chain: Chain, signing: Blueprint) -> None:
        self.services, self.chain, self.settings = services, chain, services.settings
        self.passkeys = services.people.passkeys
        self.asked = Brake(CHALLENGES_A_MINUTE)
        signing.add_url_rule("/passkey/options", "passkey_options", self.options, methods=["POST"])
        signing.add_url_rule("/passkey/signin", "passkey_signin", self.signin, methods=["POST"])
        self.blueprint = Blueprint("passkeys", __name__)
        self.blueprint.add_url_rule("/passkey/new", "new", self.new, methods=["POST"])
        self.blueprint.add_url_rule("/passkey/register", "register", self.register, methods=["POST"])
        self.blueprint.add_url_rule("/passkey/<id>/remove", "remove", self.remove, methods=["POST"])
        self.blueprint.app_context_processor(lambda: {"passkeys_of": self.shown})

    def shown(self, person: Person | None) -> Shown:
        """For the pages: those of that person, none for nobody."""
        passkeys = [_row(passkey) for passkey in self.passkeys.of(person.id)] if person is not None else []
        return Shown(passkeys=passkeys, possible=bool(_name()), elsewhere=elsewhere(self.settings))

    # signing in

    def options(self) -> ResponseReturnValue:
        forms.only()
        self._refuse_other_modes()
        if not self.asked.admits(request.remote_addr or ""):
            raise TooMany("That was very fast. Please wait a moment and try again.", retry_after=10)
        options, challenge = self.passkeys.begin_signing_in(self._site())
        return self._asking(options, challenge)

    def signin(self) -> ResponseReturnValue:
        forms.only("credential", "next")
        self._refuse_other_modes()
        try:
            passkey = self.passkeys.sign_in(self._site(), self._challenge(), _answer())
            person = self.services.people.find(passkey.person)
            if person is None:
                raise NotAllowed(UNKNOWN)
        except NotAllowed:
            self.chain.guessed()
            raise
        sign_in(self.services, person)
        return jsonify(url=wanted_path())

    # a person's own

    def new(self) -> ResponseReturnValue:
        forms.only()
        options, challenge = self.passkeys.begin_registration(self._person(), self._site())
        return self._asking(options, challenge)

    def register(self) -> ResponseReturnValue:
        forms.only("credential", "name")
        name = forms.text("name", limit=1000).strip() or gettext("Passkey")
        made = self.passkeys.register(self._person(), self._site(), self._challenge(), _answer(), name)
        return jsonify(id=made.id, name=made.name), 201

    def remove(self, id: str) -> ResponseReturnValue:
        forms.only()
        self.passkeys.remove(self._person().id, id)
        return jsonify(url="/preferences") if wants_json() else redirect("/preferences#passkeys", 303)

    # what is needed for each

    def _refuse_other_modes(self) -> None:
        """Elsewhere the proxy or the provider says who is there, or nobody needs to."""
        if self.settings.mode != "invite":
            raise NotFound("There is nothing here.")

    def _person(self) -> Person:
        self._refuse_other_modes()
        there = presence()
        if there.person is None or there.by != "session":
            raise NotAllowed("Please sign in for that.")
        return there.person

    def _site(self) -> Site:
        name = _name()
        if not name:
            raise Conflict("Passkeys belong to a host name, and this page was opened by an address. Open it as {address}.",
                           address=elsewhere(self.settings) or "https://localhost/")
        return Site(name=name, origin=f"{request.scheme}://{request.host}")

    @staticmethod
    def _asking(options: dict[str, Any], challenge: Challenge) -> ResponseReturnValue:
        session[SESSION] = values.pack(challenge)
        return jsonify(options)

    @staticmethod
    def _challenge() -> Challenge | None:
        """The one that waits in this session; it waits no longer."""
        try:
            return values.unpack(Challenge, session.pop(SESSION, None))
        except ValueError:
            return None


def elsewhere(settings: Settings) -> str:
    """A link to this server by a name, for a page that was opened by an address; "" where it has no name."""
    if _name():
        return ""
    own = host_name()
    named = next((host for host in settings.hosts if not reachable.is_address(host)), "")
    name = named or (f"{own}.local" if own and settings.reached else "localhost" if not settings.reached else "")
    port = request.host.rsplit(":", 1)[1] if request.host.rsplit("]", 1)[-1].count(":") else ""
    return f"https://{name}{':' + port if port else ''}/" if name else ""


def _name() -> str:
    """The host name by which the page was opened; "" for an address, which WebAuthn does not take."""
    return "" if reachable.is_address(reachable.host()) else reachable.host()


def _row(passkey: Passkey) -> ShownPasskey:
    used = day(passkey.used_at) if passkey.used_at else ""
    return ShownPasskey(id=passkey.id, name=passkey.name, site=passkey.site, used=used)


def _answer() -> Any:
    try:
        return json.loads(forms.text("credential", limit=LONGEST_ANSWER))
    except (ValueError, RecursionError):
        raise BadInput("What the browser sent is no passkey.", parameter="credential") from None
