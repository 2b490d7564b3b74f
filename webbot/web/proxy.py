"""The person whom a proxy in front of this server names.

Covered: whose headers are believed, and that nothing else is answered on the ports that are for the proxy; what the browser's
address is behind it. Not covered: how people sign in there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from flask import Flask, Response, g, request, session

from webbot.errors import BadInput
from webbot.forwarding import PROOF_HEADER, Proof, Way, companions, email_address, host_told, scheme_told, trust, user_name
from webbot.people import People, Person
from webbot.people.person import name_of
from webbot.settings import Settings
from webbot.web.presence import NOBODY
from webbot.web.unwelcome import Unwelcome

WAY, PROOF = "webbot.way", "webbot.proof"  # in the environment of a request; no header can have these names
ALWAYS = frozenset({"static", "operation.healthz", "pybot.healthz"})
WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

log = logging.getLogger(__name__)


class Arriving:
    """`app` for what comes in by another way than HTTPS."""

    def __init__(self, app: WSGI, way: Way) -> None:
        self.app, self.way = app, way

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ[WAY] = self.way
        return self.app(environ, start_response)


class Forwarding:
    """`app` with what is proved of a request, and the host and scheme that the browser used where that is proved."""

    def __init__(self, app: WSGI, settings: Settings) -> None:
        self.app, self.trust = app, trust(settings)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        secret = environ.pop(_key(PROOF_HEADER), "")  # nobody needs it after this
        proof = self.trust.proof(environ.get(WAY, ""), environ.get("REMOTE_ADDR", ""), secret.encode("latin-1", "replace"))
        environ[PROOF] = proof
        if proof:
            environ["wsgi.url_scheme"] = scheme_told(environ.get("HTTP_X_FORWARDED_PROTO", ""))
            host = host_told(environ.get("HTTP_X_FORWARDED_HOST", ""))
            if host:
                environ["HTTP_HOST"] = host
        elif environ.get(WAY):
            environ["wsgi.url_scheme"] = "https"
        return self.app(environ, start_response)


class Proxy:
    """Believes the proxy's headers only with its secret, over its socket, or from its address."""

    def __init__(self, settings: Settings, people: People) -> None:
        self.settings, self.people = settings, people
        self.active = settings.mode == "header"
        shown, email = companions(settings.user_id_header)
        self.user_key, self.name_key, self.email_key = _key(settings.user_id_header), _key(shown), _key(email)

    def install(self, app: Flask) -> None:
        """Nothing where no proxy is asked who somebody is."""
        if self.active:
            app.wsgi_app = Forwarding(app.wsgi_app, self.settings)  # type: ignore[method-assign]
            app.after_request(_bind)

    def refuse_unproved(self) -> None:
        """Raises Unwelcome for whoever comes in by a way that is the proxy's without being it."""
        if request.environ.get(WAY) and not _proof() and request.endpoint not in ALWAYS:
            log.warning("a request from %s on the proxy's port was refused: nothing proves that it came from the proxy",
                        request.remote_addr)
            raise Unwelcome(UNPROVED)

    def speaks(self) -> bool:
        """Whether the proxy has named a user: what else it sends of the user, such as a token, is not for this server."""
        return self.active and bool(_proof() and request.environ.get(self.user_key))

    def person(self) -> Person | None:
        """None where no proxy speaks. Raises Unwelcome for whoever only says to be one, and where the proxy names nobody;
        BadInput for a name that is none; NotAllowed for who may not come in."""
        told, proof = request.environ.get(self.user_key, ""), _proof()
        if not proof:
            if told:
                log.warning("the name %r from %s was not believed: nothing proves that it came from the proxy", told[:130],
                            request.remote_addr)
                raise Unwelcome(UNPROVED)
            return None
        if not told:
            raise Unwelcome("The proxy in front of this server has not said who you are. Please sign in there.")
        subject = user_name(told)
        email = email_address(request.environ.get(self.email_key, ""))
        return self.people.known("header", subject, name=_shown(request.environ.get(self.name_key, "")) or subject, email=email)


UNPROVED = "Nothing proves that this request came from the proxy. Please open this server's address at the proxy."


def _proof() -> Proof:
    return request.environ.get(PROOF, "")


def _key(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_") if header else ""


def _shown(text: str) -> str:
    """A header's bytes are read as UTF-8; "" for what is no name."""
    with suppress(UnicodeError, BadInput):
        return name_of(text.encode("latin-1").decode("utf-8"))
    return ""


def _bind(response: Response) -> Response:
    """What a browser's session holds is that person's: another one's name with it ends it."""
    there = g.get("presence", NOBODY)
    if there.by == "proxy" and session and session.get("person") != there.person.id:
        session["person"] = there.person.id
    return response
