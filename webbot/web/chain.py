"""Who sends a request: a chain of checks. Each says that it is none of its business (None), that this is its business and wrong
(it raises), or who is there.

Covered: browser sessions, the access code, API keys, what a proxy says. Not covered: how somebody signs in (signing, oidc), and
the signed tokens of Leonid's programs, which their door reads.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from flask import g, request, session

from webbot.auth import same_code
from webbot.errors import NotAllowed, TooMany
from webbot.people import People
from webbot.people.keys import PREFIX, Key
from webbot.settings import Settings
from webbot.web.brake import Brake
from webbot.web.presence import NOBODY, Presence
from webbot.web.programs import ProgramDoor, program_door
from webbot.web.proxy import Proxy
from webbot.web.sessions import forget, stored_key
from webbot.web.unwelcome import Unwelcome

WRONG_CODES_A_MINUTE = 10
OPERATION = frozenset({"operation.metrics", "operation.readyz", "operation.status"})  # what keys open beside programs' doors
Check = Callable[[], Presence | None]


class Chain:
    """The checks of a server's mode, in order."""

    def __init__(self, settings: Settings, people: People, code: str) -> None:
        self.settings, self.people, self.code = settings, people, code
        self.entered_mark = hashlib.sha256(b"entered " + code.encode()).hexdigest() if code else ""
        self.guesses = Brake(max(2, WRONG_CODES_A_MINUTE // settings.workers))  # each web process counts for itself
        self.proxy = Proxy(settings, people)
        self.checks: Sequence[Check] = _CHECKS[settings.mode](self)

    def identify(self) -> Presence:
        """Raises Unwelcome for a lie, NotAllowed for what is true and not enough."""
        for check in self.checks:
            found = check()
            if found is not None:
                return found
        return NOBODY

    # nobody is asked

    def browser(self) -> Presence:
        """A listed page elsewhere is a program: what its browser has for this server is not meant."""
        owner = "home" if self.settings.owner == "home" else "" if g.get("elsewhere") else session.get("owner", "")
        if program_door() is not None and not owner:
            return Presence(owner=program_owner(bearer()), by="program")
        return Presence(owner=owner, by="browser", session=stored_key())

    # the access code

    def entered(self) -> Presence | None:
        given = bearer()
        if given:
            if not self.right_code(given):
                return None
        elif not self.has_entered():
            return None
        return replace(self.browser(), by="code")

    def has_entered(self) -> bool:
        return hmac.compare_digest(str(session.get("entered", "")).encode(), self.entered_mark.encode())

    def right_code(self, code: str) -> bool:
        """Whether this is the code; a wrong one counts as a guess. Raises TooMany when there were too many."""
        self.refuse_guesser()
        if same_code(code, self.code):
            return True
        self.guesses.note(request.remote_addr or "")
        return False

    def refuse_guesser(self) -> None:
        """Raises TooMany for an address that has guessed wrong too often."""
        guesser = request.remote_addr or ""
        if self.guesses.full(guesser) or self.guesses.full("everybody"):
            raise TooMany("Too many wrong codes. Please wait a minute and try again.", retry_after=60)

    def guessed(self) -> None:
        """Counts what nobody can find by trying: a link, a key. What is right goes through all the same: nobody who shares
        an address with a guesser is locked out. Raises TooMany when there were too many."""
        self.refuse_guesser()
        self.guesses.note(request.remote_addr or "")

    # persons

    def api_key(self) -> Presence | None:
        given, door = bearer(), program_door()
        if not given or (door is not None and door.checks):
            return None
        if self.proxy.speaks() and not given.startswith(PREFIX):  # the provider's token, which some proxies pass on
            return None
        key = self.people.keys.find(given)
        person = self.people.find(key.person) if key is not None else None
        if key is None or person is None:
            self.guessed()
            raise Unwelcome("This key is not known here. It may have been revoked or have ended.", code="invalid_api_key")
        self._refuse_scope(key, door)
        self.people.keys.used(key)
        return Presence(owner=person.id, person=person, by="key", key=key)

    @staticmethod
    def _refuse_scope(key: Key, door: ProgramDoor | None) -> None:
        needed = door.scope_of(request.path) if door is not None else "operation" if request.endpoint in OPERATION else ""
        if needed not in key.scopes:
            raise NotAllowed("This key is not for that. Make one with the right scope in the settings.",
                             code="insufficient_permissions")

    def signed_in(self) -> Presence | None:
        """A session that names nobody who is here any more is forgotten."""
        id = session.get("person")
        if not id:
            return None
        person = self.people.find(str(id))
        device = self.people.devices.known(str(id), str(session.get("device", ""))) if person is not None else None
        if person is None or device is None:
            forget()
            return None
        self.people.devices.seen(device, request.user_agent.string)
        return Presence(owner=person.id, person=person, by="session", device=device, session=stored_key())

    def forwarded(self) -> Presence | None:
        person = self.proxy.person()
        if person is None:
            return None
        if session.get("person", person.id) != person.id:
            forget()  # another person's session comes with this one's name
        return Presence(owner=person.id, person=person, by="proxy")


_CHECKS: Mapping[str, Callable[[Chain], Sequence[Check]]] = {
    "open": lambda chain: (chain.browser,),
    "code": lambda chain: (chain.entered,),
    "invite": lambda chain: (chain.api_key, chain.signed_in),
    "oidc": lambda chain: (chain.api_key, chain.signed_in),
    "header": lambda chain: (chain.api_key, chain.forwarded),
}


def program_owner(key: str) -> str:
    """The owner of what programs with this key store. The key itself is kept nowhere."""
    return "k-" + hashlib.sha256(b"program " + key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def bearer() -> str:
    """The key that the request brings, "" without one."""
    given = request.authorization
    return given.token if given is not None and given.type == "bearer" and given.token else ""
