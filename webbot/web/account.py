"""The settings of whoever is there: how the page is, and of a person also keys, devices, and the end of the account.

Covered: another person's key or device is as unknown as one that never was; a secret stands in one answer and nowhere else.
Not covered: signing in and out (signing), passkeys (passkeys), files of conversations (transfers).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from flask import Blueprint, g, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

from webbot.errors import BadInput, NotFound, Problem
from webbot.people import Person
from webbot.people.devices import Device
from webbot.people.keys import SCOPES, Key
from webbot.services import Services
from webbot.web import forms, reachable
from webbot.web.browsers import browser_name
from webbot.web.drawn import drawn
from webbot.web.languages import LANGUAGES, language_name
from webbot.web.list_views import deleted
from webbot.web.preferences import THEMES, prefer, preference
from webbot.web.presence import NOBODY, presence
from webbot.web.problems import sentence_of, wants_json
from webbot.web.sessions import forget
from webbot.web.times import since, until
from webbot.web.views import View, Views

NAME_BYTES, ROLE_BYTES = 1000, 300
LONG_NAME_BYTES = 20_000  # a name that is too long gets its own sentence
# What people speak to Whisper; it knows more of them, which it finds from the sound.
SPOKEN = (
    "en", "zh", "ar", "bg", "ca", "cs", "da", "de", "el", "es", "fa", "fi", "fr", "he", "hi", "hr", "hu", "id", "it", "ja", "ko",
    "nl", "no", "pl", "pt", "ro", "ru", "sk", "sr", "sv", "th", "tr", "uk", "ur", "vi",
)
NOTHING = "There is nothing here."


class Account:
    """GET and POST /preferences, and the acts below it: name, keys, keys/<id>/revoke, devices/link,
    devices/sign_out (all others), devices/<id>/sign_out, delete."""

    def __init__(self, services: Services, views: Views) -> None:
        self.services, self.settings, self.people = services, services.settings, services.people
        self.views, self.roles = views, views.roles
        self.blueprint = Blueprint("account", __name__, url_prefix="/preferences")
        self.blueprint.add_url_rule("", "preferences", self.preferences, methods=["GET", "POST"])
        for path, act, section in (
            ("/keys", self.make_key, "keys"), ("/keys/<id>/revoke", self.revoke_key, "keys"),
            ("/devices/link", self.link_device, "devices"), ("/devices/sign_out", self.sign_out_others, "devices"),
            ("/devices/<id>/sign_out", self.sign_out_device, "devices"), ("/delete", self.delete, "delete"),
            ("/name", self.rename, "name"),
        ):
            view = self._told_in(section, act)
            self.blueprint.add_url_rule(path, act.__name__, view, methods=["POST"])

    def _told_in(self, section: str, act: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
        """Without script a refusal is the page with the sentence where the form stands, and what was typed in its fields."""

        def view(**named: str) -> ResponseReturnValue:
            self._person()
            try:
                return act(**named)
            except NotFound:
                raise  # nothing of this person's: there is no form for it
            except Problem as problem:
                if wants_json():
                    raise
                return self.page(trouble=sentence_of(problem), where=section, typed=request.form, status=problem.status)

        return view

    # the page

    def preferences(self) -> ResponseReturnValue:
        if request.method == "GET":
            return self.page()
        forms.only("language", "theme", "role", "speaks", "speech_language")
        chosen = {}
        for name, choices in (
            ("language", ("", *LANGUAGES)), ("theme", THEMES), ("speaks", ("on", "off")), ("speech_language", ("", *SPOKEN)),
        ):
            value = forms.choice(name, *choices)
            if value is not None:
                chosen[name] = value
        if "role" in request.form:
            chosen["role"] = self._role(forms.text("role", limit=ROLE_BYTES))
        prefer(self.people, **chosen)
        return self._done("")

    def _role(self, key: str) -> str:
        if key:
            self.roles.find(g.owner, key)
        return key

    def page(
        self, *, trouble: str = "", where: str = "transfer", typed: Mapping[str, str] | None = None, status: int = 200,
        **once: Any,
    ) -> ResponseReturnValue:
        """`trouble` is a sentence for the section `where`; `once` is what is shown only now: made, or link."""
        person = presence().person
        spoken = sorted(((code, language_name(code)) for code in SPOKEN), key=lambda pair: pair[1].casefold())
        return render_template(
            "preferences.html", current=None, models=self.views.models.shown(), limits=self.views.limits(), deleted=deleted(),
            trouble=trouble, where=where, typed=typed if typed is not None else {}, spoken=spoken,
            role_choices=self.roles.choices(g.owner),
            chosen={name: preference(name) for name in ("language", "role", "speaks", "speech_language")},
            account=self._account(person) if person is not None else None, person=person, **once, **self.views.lists.asked(),
        ), status

    def _account(self, person: Person) -> View:
        """What the page shows of a person. `devices` is None where a proxy says who is there."""
        devices = [_device(device) for device in self.people.devices.of(person.id)] if self._has_devices() else None
        usage = self.people.usage
        turns, tokens = usage.limits(person)
        return {
            "name": person.name, "email": person.email, "rank": person.rank, "passkeys": self.settings.mode == "invite",
            "keys": [_key(key) for key in self.people.keys.of(person.id)], "scopes": _scopes(person),
            "devices": devices, "links": self.settings.mode == "invite", "turns": turns, "tokens": tokens,
            "used": usage.tokens_today(person.id) if tokens else 0,
        }

    # keys

    def make_key(self) -> ResponseReturnValue:
        forms.only("name", "scopes", "days")
        person = self._person()
        scopes = request.form.getlist("scopes")
        if not set(scopes) <= set(_scopes(person)):
            raise BadInput("Choose what the key is for.", parameter="scopes")
        key, secret = self.people.keys.make(person.id, forms.text("name", limit=NAME_BYTES), scopes, forms.whole("days"))
        if wants_json():
            return jsonify(id=key.id, name=key.name, scopes=key.scopes, ends_at=key.ends_at, secret=secret), 201
        made = {"secret": secret, "name": key.name, "scopes": key.scopes, "authority": self._authority(person)}
        return self.page(made=made, status=201)

    def _authority(self, person: Person) -> View | None:
        """Where the certificate is by which a program trusts this server: `link` fetches it, `file` is its path for an owner who
        sits at the server. None where that certificate is not of this server's own making."""
        if self.settings.certificate or self.settings.mode == "header":
            return None
        at_the_server = person.is_owner and reachable.is_loopback(reachable.host())
        file = str((self.settings.certs / "ca.pem").resolve()) if at_the_server else ""
        return {"link": "" if file else reachable.certificate_link(self.settings), "file": shlex.quote(file) if file else ""}

    def revoke_key(self, id: str) -> ResponseReturnValue:
        forms.only()
        self.people.keys.revoke(self._person().id, id)
        return self._done("#keys")

    # devices

    def link_device(self) -> ResponseReturnValue:
        """A link by which one more device of this person signs in."""
        forms.only()
        person = self._person()
        if self.settings.mode != "invite":
            raise NotFound(NOTHING)
        invitation, token = self.people.invitations.link(person.id)
        link, *others = reachable.links(self.settings, f"join/{token}")
        if wants_json():
            return jsonify(link=link, others=others, ends_at=invitation.ends_at), 201
        shown = {"address": link, "others": others, "drawn": drawn(link), "ends": until(invitation.ends_at)}
        return self.page(link=shown, status=201)

    def sign_out_device(self, id: str) -> ResponseReturnValue:
        forms.only()
        person = self._with_devices()
        here = presence().device
        self.people.devices.sign_out(person.id, id)
        if here is not None and here.id == id:
            forget()
            return jsonify(url="/enter") if wants_json() else redirect("/enter", 303)
        return self._done("#devices")

    def sign_out_others(self) -> ResponseReturnValue:
        forms.only()
        person, here = self._with_devices(), presence().device
        self.people.devices.sign_out_all(person.id, but=here.id if here is not None else "")
        return self._done("#devices")

    # the account

    def rename(self) -> ResponseReturnValue:
        """What others see. Whoever comes in through a proxy or a provider is still known by what that says."""
        forms.only("name")
        self.people.change(self._person().id, name=forms.text("name", limit=LONG_NAME_BYTES))
        return self._done("#leave")

    def delete(self) -> ResponseReturnValue:
        """The person goes, with all that is theirs. Whoever comes in through a proxy or a provider may come anew."""
        forms.only("name")
        person = self._person()
        if " ".join(forms.text("name", limit=NAME_BYTES).split()) != person.name:
            raise BadInput("Please type your name as it stands here, so that nothing is deleted by mistake.", parameter="name")
        self.services.part_with(person.id)
        with suppress(NotFound):
            self.people.admit(person.id)
        forget()
        g.owner, g.presence = "", NOBODY
        return jsonify(url="/") if wants_json() else render_template("parted.html")

    # inside

    def _person(self) -> Person:
        """Raises NotFound where nobody is known by name."""
        person = presence().person
        if person is None:
            raise NotFound(NOTHING)
        return person

    def _has_devices(self) -> bool:
        return self.settings.mode in ("invite", "oidc")

    def _with_devices(self) -> Person:
        if not self._has_devices():
            raise NotFound(NOTHING)
        return self._person()

    @staticmethod
    def _done(section: str) -> ResponseReturnValue:
        return jsonify(url="/preferences") if wants_json() else redirect(f"/preferences{section}", 303)


def _scopes(person: Person) -> list[str]:
    """What a key of that person may be for."""
    return [scope for scope in SCOPES if scope != "operation" or person.is_owner]


def _device(device: Device) -> View:
    here = presence().device
    return {
        "id": device.id, "name": browser_name(device.name), "seen": since(device.seen_at),
        "here": here is not None and here.id == device.id,
    }


def _key(key: Key) -> View:
    return {
        "id": key.id, "name": key.name, "shown": key.shown, "scopes": key.scopes, "used": since(key.used_at),
        "ends": until(key.ends_at),
    }
