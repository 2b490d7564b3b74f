"""GET /oidc/start and /oidc/back, POST /oidc/out: signing in and out by an OpenID provider.

Covered: an answer that was begun in another browser (state, kept in the session), a new session at every sign-in, and that the
browser is sent nowhere but to the provider and to pages of this server. Nothing here is asked of the provider for whoever is
signed in already.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable

from flask import Blueprint, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from webbot.errors import BadInput, NotAllowed, Problem, TooMany, Unavailable
from webbot.services import Services
from webbot.web import forms
from webbot.web.brake import Brake
from webbot.web.chain import Chain
from webbot.web.oidc.provider import AWAY, ENDED, ODD, Odd, Provider
from webbot.web.problems import sentence_of, wants_json
from webbot.web.signing import sign_in, sign_out
from webbot.web.wanted import START, safe_path, wanted_path

BEGUN, TOKEN = "oidc_begun", "oidc_token"  # in the session
MOST_BEGUN = 5  # in one browser, at the same time
SECONDS = 900.0  # for signing in there
STARTS_A_MINUTE = 60  # of one address
LONGEST_CODE = 4096
CANCELLED = "You were not signed in: the service where people sign in says that this was stopped, or not allowed."
STOPPED = frozenset({"access_denied", "login_required", "interaction_required", "consent_required", "account_selection_required",
                     "user_cancelled", "user_cancelled_authorize"})

log = logging.getLogger(__name__)


class Oidc:
    """Nobody needs to be known for these."""

    def __init__(self, services: Services, chain: Chain) -> None:
        self.services, self.chain = services, chain
        self.provider = Provider(services.settings)
        self.starts = Brake(STARTS_A_MINUTE)
        self.blueprint = Blueprint("oidc", __name__, url_prefix="/oidc")
        self.blueprint.add_url_rule("/start", "start", self._shown(self.start))
        self.blueprint.add_url_rule("/back", "back", self._shown(self.back))
        self.blueprint.add_url_rule("/out", "out", self._shown(self.out), methods=["POST"])

    def start(self) -> ResponseReturnValue:
        """Sends the browser to the provider."""
        if not self.starts.admits(request.remote_addr or ""):
            raise TooMany("That was very fast. Please wait a moment and try again.", retry_after=60)
        begun = self.provider.begin(_address("oidc.back"))
        kept = {name: value for name, value in dataclasses.asdict(begun).items() if name != "address"}
        others = [one for one in session.get(BEGUN, []) if one["until"] > time.time()]
        to = wanted_path() if "next" in request.args else START
        session[BEGUN] = [*others[1 - MOST_BEGUN:], {**kept, "to": to, "until": time.time() + SECONDS}]
        return redirect(begun.address)

    def back(self) -> ResponseReturnValue:
        """The browser comes back with a code, or with what went wrong."""
        given = {name: request.args.get(name, "")[:LONGEST_CODE] for name in ("state", "code", "iss", "error")}
        begun = self._take(given["state"])
        if begun is None:
            if self.chain.signed_in() is not None:  # the page was loaded again
                return redirect(START, 303)
            raise BadInput(ENDED)
        if given["error"] or not given["code"]:
            raise self._refusal(given["error"])
        identity = self.provider.finish(given["code"], given["iss"], begun, _address("oidc.back"))
        person = self.services.people.known("oidc", identity.subject, name=identity.name, email=identity.email)
        sign_in(self.services, person)
        session[TOKEN] = identity.token
        return redirect(safe_path(begun["to"]), 303)

    def out(self) -> ResponseReturnValue:
        """Signs out here, then at the provider, where it can do that. The browser goes there by itself: a form may lead to
        no other site (Content-Security-Policy)."""
        forms.only("next")
        token = str(session.get(TOKEN, ""))
        sign_out(self.services)
        farewell = self.provider.farewell(token, _address("signing.enter"))
        if not farewell:
            return redirect(url_for("signing.enter", left=1), 303)
        page = make_response(render_template("enter.html", trouble=None, left=True, mode="oidc",
                                             provider=self.services.settings.oidc_name))
        page.headers["Refresh"] = f"0; url={farewell}"
        return page

    def _take(self, state: str) -> dict[str, str] | None:
        """The sign-in of this browser with that state, which ends with this."""
        all_begun = session.get(BEGUN, [])
        found = next((one for one in all_begun if state and one["state"] == state), None)
        if found is not None:
            session[BEGUN] = [one for one in all_begun if one is not found]
            if not session[BEGUN]:
                del session[BEGUN]
        return found if found is not None and found["until"] > time.time() else None

    def _refusal(self, error: str) -> Problem:
        log.info("a sign-in ended: the provider says %s", error[:100] or "nothing")
        if error in STOPPED:
            return NotAllowed(CANCELLED)
        return Unavailable(AWAY, retry_after=60) if error in ("server_error", "temporarily_unavailable") else Odd(ODD)

    def _shown(self, view: Callable[[], ResponseReturnValue]) -> Callable[[], ResponseReturnValue]:
        """`view`, whose problems are told on the page for signing in, so that another try is at hand."""

        def shown() -> ResponseReturnValue:
            try:
                return view()
            except Problem as problem:
                if wants_json():
                    raise
                return self._told(problem)

        return shown

    def _told(self, problem: Problem) -> ResponseReturnValue:
        page = render_template("enter.html", trouble=sentence_of(problem), mode="oidc", next=START,
                               provider=self.services.settings.oidc_name)
        headers = {"Retry-After": str(problem.retry_after)} if problem.retry_after else {}
        return page, problem.status, headers


def _address(endpoint: str) -> str:
    """The whole address of one of this server's pages; the request's host was checked."""
    return url_for(endpoint, _external=True)
