"""Signing in and out: the access code, links that work once, and what a browser's session says after that."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from webbot.people import Person
from webbot.services import Services
from webbot.web.chain import Chain
from webbot.web.sessions import regenerate, stored_key


class Signing:
    """GET and POST /enter, /join/<token>. Nobody needs to be known for these."""

    def __init__(self, services: Services, chain: Chain) -> None:
        self.services, self.people, self.chain = services, services.people, chain
        self.blueprint = Blueprint("signing", __name__)
        self.blueprint.add_url_rule("/enter", "enter", self.enter, methods=["GET", "POST"])
        self.blueprint.add_url_rule("/join/<token>", "join", self.join, methods=["GET", "POST"])

    def enter(self) -> ResponseReturnValue:
        """The access code, or what this server asks for instead."""
        if self.services.settings.mode != "code":
            return render_template("enter.html", trouble=None)
        code = request.values.get("code", "")[:200]
        if self.chain.has_entered():
            return redirect(url_for("pages.welcome"))
        if not code:
            return render_template("enter.html", trouble=None)
        if not self.chain.right_code(code):
            return render_template("enter.html", trouble="This is not the access code."), 401
        session["entered"] = self.chain.entered_mark
        session.permanent = True
        regenerate()
        return redirect(url_for("pages.welcome"))

    def join(self, token: str) -> ResponseReturnValue:
        """A link that signs in once. Looking at it uses nothing up: programs that show what is behind a link do that."""
        if request.method == "GET":
            return render_template("join.html", invitation=self.people.invitations.look(token))
        sign_in(self.services, self.people.accept(token))
        return redirect(url_for("pages.welcome"), 303)


def sign_in(services: Services, person: Person) -> None:
    """This browser is that person's from now on: a new session, bound to the person, and a device that can be signed out. What
    the browser had before is the person's now."""
    before = str(session.get("owner", ""))
    session.clear()
    regenerate()
    device = services.people.devices.add(person.id, stored_key(fresh=True), request.user_agent.string)
    session.update(person=person.id, device=device.id)
    session.permanent = True
    if before.startswith("s-"):
        services.store.hand_over(before, person.id)


