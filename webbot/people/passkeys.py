"""Passkeys (WebAuthn): by which a person signs in on a device where they are not yet, without a link and without a name.

Covered: a challenge works once, for a short while, for one purpose, at one site; the browser's origin and the site's name; the
signature; a counter that goes backwards (a copied authenticator); a key of another person. Not covered: who made the
authenticator (attestation), and where the challenge waits meanwhile (web/passkeys.py keeps it in the session).
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from webbot.errors import BadInput, Conflict, NotAllowed, NotFound
from webbot.people import entries
from webbot.people.person import Person, name_of
from webbot.store.base import Entry, Store

KIND = "passkey"
MOST = 20  # passkeys of one person
SECONDS = 300.0  # between the question and the answer: a person looks for the telephone
TRANSPORTS = ("ble", "cable", "hybrid", "internal", "nfc", "smart-card", "usb")
GONE = "This passkey is not here. It may have been removed already."
STALE = "That took too long, or was tried twice. Please try again."
REFUSED = "This passkey was not accepted here. Please try again, or use your link."
UNKNOWN = "This passkey is not known here. It may have been removed."
Purpose = Literal["register", "signin"]
Checked = TypeVar("Checked")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a passkey is for: the host name (WebAuthn's RP id), and the origin of the page, https://HOST:PORT."""

    name: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What an authenticator has to sign, base64url; for `person`, where one is known. `until` is in seconds since 1970."""

    text: str
    purpose: Purpose
    site: str
    person: str = ""
    until: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """A passkey of the person with the id `person`; it works at the host name `site`. `credential` and `public_key` are
    base64url, `counter` is what the authenticator last counted (0 where it does not count), `used_at` 0 for one never used."""

    id: str
    person: str
    name: str
    site: str
    credential: str
    public_key: str
    counter: int = 0
    transports: tuple[str, ...] = ()
    created_at: float = 0.0
    used_at: float = 0.0
    version: int = 0


class Passkeys:
    """All passkeys, by their person."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def of(self, person: str) -> Sequence[Passkey]:
        return [_passkey(entry) for entry in self.store.entries(KIND, person)]

    def remove(self, person: str, id: str) -> None:
        """Raises NotFound, also for a passkey of somebody else."""
        entry = self.store.entry(KIND, id)
        if entry is None or entry.owner != person or not self.store.delete_entry(KIND, id):
            raise NotFound(GONE)

    # a new one

    def begin_registration(self, person: Person, site: Site) -> tuple[dict[str, Any], Challenge]:
        """The options of navigator.credentials.create(), and what the answer has to fit. Raises Conflict for more than MOST."""
        import webauthn
        from webauthn.helpers.structs import (
            AuthenticatorSelectionCriteria,
            PublicKeyCredentialDescriptor,
            ResidentKeyRequirement,
            UserVerificationRequirement,
        )

        known = self.of(person.id)
        self._refuse_more(known)
        options = webauthn.generate_registration_options(
            rp_id=site.name, rp_name="webbot", user_id=person.id.encode(), user_name=person.name,
            user_display_name=person.name, timeout=int(SECONDS * 1000),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, require_resident_key=True,
                user_verification=UserVerificationRequirement.PREFERRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=webauthn.base64url_to_bytes(passkey.credential))
                                 for passkey in known if passkey.site == site.name],
        )
        return json.loads(webauthn.options_to_json(options)), _challenge(options.challenge, "register", site, person.id)

    def register(self, person: Person, site: Site, challenge: Challenge | None, answer: Any, name: str) -> Passkey:
        """`answer` is the new credential as JSON has it. Raises NotAllowed for one that does not fit the challenge, BadInput for
        what is no name, Conflict for one too many and for a passkey that is here already."""
        import webauthn

        name = name_of(name)
        self._take(challenge, "register", site, person.id)
        assert challenge is not None
        found = _checked(lambda: webauthn.verify_registration_response(
            credential=answer, expected_challenge=webauthn.base64url_to_bytes(challenge.text), expected_rp_id=site.name,
            expected_origin=site.origin,
        ))
        self._refuse_more(self.of(person.id))
        told = answer.get("response", {}).get("transports") or ()
        made = Passkey(
            id=_hashed(found.credential_id), person=person.id, name=name, site=site.name,
            credential=_text(found.credential_id), public_key=_text(found.credential_public_key), counter=found.sign_count,
            transports=tuple(way for way in TRANSPORTS if way in told) if isinstance(told, list) else (),
        )
        return _passkey(self.store.put_entry(entries.entry(KIND, made, owner=person.id)))

    @staticmethod
    def _refuse_more(known: Sequence[Passkey]) -> None:
        if len(known) >= MOST:
            raise Conflict("You have {most} passkeys. Please remove one first.", most=MOST)

    # signing in

    def begin_signing_in(self, site: Site) -> tuple[dict[str, Any], Challenge]:
        """The options of navigator.credentials.get(): whoever has a passkey of this site may choose it; nobody is named."""
        import webauthn
        from webauthn.helpers.structs import UserVerificationRequirement

        options = webauthn.generate_authentication_options(
            rp_id=site.name, timeout=int(SECONDS * 1000), user_verification=UserVerificationRequirement.PREFERRED,
        )
        return json.loads(webauthn.options_to_json(options)), _challenge(options.challenge, "signin", site)

    def sign_in(self, site: Site, challenge: Challenge | None, answer: Any) -> Passkey:
        """The passkey that signed the challenge, at this site, just now. Raises NotAllowed for everything else."""
        import webauthn

        self._take(challenge, "signin", site)
        assert challenge is not None
        passkey = self._named(answer)
        if passkey is None or passkey.site != site.name:
            raise NotAllowed(UNKNOWN)
        found = _checked(lambda: webauthn.verify_authentication_response(
            credential=answer, expected_challenge=webauthn.base64url_to_bytes(challenge.text), expected_rp_id=site.name,
            expected_origin=site.origin, credential_public_key=webauthn.base64url_to_bytes(passkey.public_key),
            credential_current_sign_count=passkey.counter,
        ))
        if not _is_of(answer, passkey.person):
            raise NotAllowed(REFUSED)
        used = replace(passkey, counter=found.new_sign_count, used_at=time.time())
        with suppress(Conflict):  # used twice at the same moment, or removed just now
            return _passkey(self.store.put_entry(entries.entry(KIND, used, owner=passkey.person)))
        raise NotAllowed(REFUSED)

    def _named(self, answer: Any) -> Passkey | None:
        id = answer.get("id") if isinstance(answer, dict) else None
        if not isinstance(id, str) or len(id) > 2000:
            raise BadInput("What the browser sent is no passkey.", parameter="credential")
        entry = self.store.entry(KIND, _checked(lambda: _hashed(_bytes(id))))
        return _passkey(entry) if entry is not None else None

    # challenges

    def _take(self, challenge: Challenge | None, purpose: Purpose, site: Site, person: str = "") -> None:
        """Uses the challenge up. Raises NotAllowed for none, an old one, one for something else, and one that was used."""
        if (challenge is None or (challenge.purpose, challenge.site, challenge.person) != (purpose, site.name, person)
                or time.time() > challenge.until):
            raise NotAllowed(STALE)
        if self.store.add_up("challenge " + _hashed(challenge.text.encode()), 1, challenge.until + SECONDS) != 1:
            raise NotAllowed(STALE)


def _checked(check: Callable[[], Checked]) -> Checked:
    """What the package makes of an answer. Its parts can be anything: whatever it stumbles over is a passkey that is none."""
    try:
        return check()
    except Exception as error:
        log.info("a passkey was refused: %s", repr(str(error)[:200]))
        raise NotAllowed(REFUSED) from None


def _is_of(answer: Any, person: str) -> bool:
    """Whether the authenticator names that person, or nobody."""
    handle = answer["response"].get("userHandle")
    return not handle or (isinstance(handle, str) and _checked(lambda: _bytes(handle)) == person.encode())


def _challenge(bytes_: bytes, purpose: Purpose, site: Site, person: str = "") -> Challenge:
    return Challenge(text=_text(bytes_), purpose=purpose, site=site.name, person=person, until=time.time() + SECONDS)


def _text(data: bytes) -> str:
    from webauthn.helpers import bytes_to_base64url

    return bytes_to_base64url(data)


def _bytes(text: str) -> bytes:
    from webauthn import base64url_to_bytes

    return base64url_to_bytes(text)


def _hashed(data: bytes) -> str:
    return hashlib.sha256(b"passkey " + data).hexdigest()


def _passkey(entry: Entry) -> Passkey:
    return entries.read(Passkey, entry)
