"""Signing in and out: the access code, links that work once, and what a browser's session says after that.

Covered: a link or a code that is guessed (a brake), a session's id that somebody else knew before (a new one at every sign-in),
where a person is sent after it (pages of this server only). Not covered: passkeys (passkeys), a provider (oidc), who may come
in (chain).
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from typing import Any

from flask import Blueprint, abort, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from webbot.errors import Conflict, NotFound, Problem
from webbot.people import Person
from webbot.people.invitations import Invitation
from webbot.people.person import name_of
from webbot.services import Services
from webbot.web import forms
from webbot.web.chain import Chain
from webbot.web.presence import presence
from webbot.web.problems import sentence_of, wants_json
from webbot.web.sessions import forget, regenerate, stored_key
from webbot.web.wanted import START, wanted_path

LINK = re.compile(r"(?:\S*/join/)?([A-Za-z0-9_-]{22,64})/?", re.ASCII)  # as it was copied: with its address, or the token alone
LONGEST_LINK = 2000  # bytes
NAME_BYTES = 20_000  # a name that is too long gets its own sentence; this is for what is no name at all
NO_LINK = "This is no link of an invitation. Please copy all of it."


class Signing:
    """GET and POST /enter, /join/<token>; POST /leave. Nobody needs to be known for these."""

    def __init__(self, services: Services, chain: Chain) -> None:
        self.services, self.people, self.chain = services, services.people, chain
        self.settings = services.settings
        self.blueprint = Blueprint("signing", __name__)
        self.blueprint.add_url_rule("/enter", "enter", self.enter, methods=["GET", "POST"])
        self.blueprint.add_url_rule("/join/<token>", "join", self.join, methods=["GET", "POST"])
        self.blueprint.add_url_rule("/leave", "leave", self.leave, methods=["POST"])
        self.blueprint.app_context_processor(self._every_page)

    def _every_page(self) -> dict[str, Any]:
        return {"mode": self.settings.mode, "wanted": wanted_path, "provider": self.settings.oidc_name, "whose": whose,
                "has_owner": self._has_owner}

    def _has_owner(self) -> bool:
        """While the store is away nobody is told that there is none."""
        with suppress(Problem):
            return self.people.has_owner()
        return True

    # coming in

    def enter(self) -> ResponseReturnValue:
        """What this server asks for: the access code, or who is there."""
        if self.settings.mode == "code":
            return self._enter_by_code()
        if self.settings.mode == "open" or (self.settings.has_people and self._is_in()):
            return redirect(wanted_path(), 303)
        if request.method == "GET" or self.settings.mode != "invite":
            return render_template("enter.html", trouble=None)
        return self._enter_by_link()

    def _is_in(self) -> bool:
        """Somebody who is known needs no page for signing in; in the mode header only a proxy knows."""
        if self.settings.mode == "header":
            return self.chain.identify().person is not None
        return self.chain.signed_in() is not None

    def _enter_by_code(self) -> ResponseReturnValue:
        code = request.values.get("code", "")[:200]
        if self.chain.has_entered():
            return redirect(wanted_path())
        if not code:
            return render_template("enter.html", trouble=None)
        if not self.chain.right_code(code):
            return render_template("enter.html", trouble="This is not the access code."), 401
        session["entered"] = self.chain.entered_mark
        session.permanent = True
        regenerate()
        return redirect(wanted_path())

    def _enter_by_link(self) -> ResponseReturnValue:
        """A link that was pasted, with its address or without."""
        forms.only("link", "next")
        found = LINK.fullmatch(forms.text("link", limit=LONGEST_LINK).strip())
        try:
            if found is None:
                raise NotFound(NO_LINK)
            self._accept(found[1])
        except Problem as problem:
            if wants_json() or problem.status == 429:
                raise
            return render_template("enter.html", trouble=sentence_of(problem)), problem.status
        return redirect(wanted_path(), 303)

    def join(self, token: str) -> ResponseReturnValue:
        """A link that signs in once. Looking at it uses nothing up: programs that show what is behind a link do that."""
        if self.settings.mode != "invite":
            abort(404)
        try:
            if request.method == "POST":
                forms.only("name", "next")
                self._accept(token, forms.text("name", limit=NAME_BYTES) if "name" in request.form else None)
                return redirect(wanted_path(), 303)
            return self._link_page(self._look(token))
        except Problem as problem:
            if wants_json() or problem.status == 429:
                raise
            again = None
            if not isinstance(problem, NotFound):
                with suppress(NotFound, Conflict):
                    again = self._look(token)
            return self._link_page(again, problem)

    def _link_page(self, invitation: Invitation | None, problem: Problem | None = None) -> ResponseReturnValue:
        """What a link does, to whom is signed in here (`here`) and to strangers. A used link that is opened again in the browser
        that it signed in is no trouble."""
        there = self.chain.signed_in()
        here = there.person if there is not None else None
        other = self.people.find(invitation.person) if invitation is not None and invitation.person else None
        status = problem.status if problem is not None and (invitation is not None or here is None) else 200
        return render_template("join.html", invitation=invitation, here=here, other=other,
                               trouble=sentence_of(problem) if problem is not None else None), status

    def _look(self, token: str) -> Invitation:
        """What a link would do; one that does nothing counts as a guess."""
        try:
            return self.people.look(token)
        except NotFound:
            self.chain.guessed()
            raise

    def _accept(self, token: str, name: str | None = None) -> None:
        """A `name` that was asked for must be one: nobody silently gets another."""
        invitation = self._look(token)
        if name is not None:
            name_of(name)
        person = self.people.accept(token, name or "")
        sign_in(self.services, person)
        if invitation.first:
            self.services.store.hand_over("home", person.id)
            self.people.library.hand_over("home", person.id)

    # going

    def leave(self) -> ResponseReturnValue:
        """Signs this browser out. What was asked from it for an answer is ended by whoever looks (presence.watch)."""
        forms.only("next")
        if self.settings.mode == "oidc" and not wants_json():
            return redirect(url_for("oidc.out"), 307)
        sign_out(self.services)
        if wants_json():
            return jsonify(url="/enter")
        if self.settings.mode == "header":
            return render_template("enter.html", trouble=None, left=True)
        return redirect(url_for("signing.enter", left=1) if self.settings.protected else START, 303)


def whose() -> str:
    """What tells one person's drafts in a browser from another's; "" where there are no persons."""
    person = presence().person
    return hashlib.sha256(b"drafts " + person.id.encode()).hexdigest()[:32] if person is not None else ""


def sign_in(services: Services, person: Person) -> None:
    """This browser is that person's from now on: a new session, bound to the person, and a device that can be signed out. What
    the browser had before is the person's now, unless it was another person's."""
    before = str(session.get("owner", ""))
    kept = {name: session[name] for name in ("language", "theme") if name in session}
    _forget_device(services, str(session.get("person", "")))
    session.clear()
    regenerate()
    device = services.people.devices.add(person.id, stored_key(fresh=True), request.user_agent.string)
    session.update(kept, person=person.id, device=device.id)
    session.permanent = True
    if before.startswith("s-"):
        services.store.hand_over(before, person.id)
        services.people.library.hand_over(before, person.id)


def sign_out(services: Services) -> None:
    """This browser is nobody's any more. Where there are no persons, it only has to enter again: its conversations stay."""
    if not services.settings.has_people:
        session.pop("entered", None)
        return
    _forget_device(services, str(session.get("person", "")))
    forget()


def _forget_device(services: Services, person: str) -> None:
    try:
        services.people.devices.sign_out(person, str(session.get("device", "")))
    except NotFound:  # it was signed out elsewhere
        return
