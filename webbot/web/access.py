"""Who may come in, and whose conversations a visitor sees.

Covered: foreign host names, a brake on how fast one visitor may ask, the headers that every answer carries. Who is there, `chain`
says, and from which page a request comes, `origins`.
"""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Collection

from flask import Flask, Response, g, request, session
from werkzeug.exceptions import SecurityError

from webbot.addresses import in_url, lan_addresses, lan_names
from webbot.errors import TooMany
from webbot.settings import Settings
from webbot.web.brake import Brake
from webbot.web.chain import Chain, Unwelcome, bearer
from webbot.web.origins import SAFE, Listed, check_origin
from webbot.web.presence import NOBODY, require_owner
from webbot.web.programs import program_door

WHOLE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)", re.ASCII)  # an address that names scheme and host
PORT = re.compile(r":\d+$")  # the port of a host name; an IPv6 address ends with a bracket
OPEN = frozenset({"static", "operation.healthz", "pybot.healthz", "sharing.read"})
SIGNING = frozenset({"signing", "oidc"})  # blueprints by which somebody becomes known
# What changes something for everybody; where there are persons, only owners may. The blueprint "owner" checks by itself.
OWNERS_ONLY = frozenset({
    "models.use", "models.pull", "models.cancel", "models.unload", "models.remove", "operation.load", "operation.metrics",
})
WHO = {  # what somebody is told whom nobody knows
    "code": "This server asks for its access code. It was printed when the server started.",
    "invite": "This server is for people who were invited. Please open your link, or sign in with a passkey.",
    "oidc": "Please sign in.",
    "header": "Nobody has said who you are. Please sign in at the proxy in front of this server.",
}
KEY_NEEDED = "A page elsewhere needs a key (Authorization: Bearer ...)."
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob:", "media-src 'self' blob:",
        "connect-src 'self'", "font-src 'self'", "manifest-src 'self'", "worker-src 'self'", "form-action 'self'",
        "frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer a form's Origin is null, like that of a foreign page
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}


class Access:
    """Looks at every request before a door does, and at every answer after it."""

    def __init__(self, app: Flask, settings: Settings, chain: Chain) -> None:
        self.settings, self.chain = settings, chain
        self.changes = Brake(settings.rate_limit)
        self.calls = Brake(settings.program_rate_limit)
        self.hosts = frozenset(name.lower() for name in known_hosts(settings))
        self.listed = Listed(settings.v1_origins)
        app.before_request(self._check)
        app.after_request(self._finish)

    def _check(self) -> Response | None:
        g.request_id = secrets.token_hex(8)
        self.chain.proxy.refuse_unproved()
        check_host(self.hosts)
        g.elsewhere = self.listed.origin()
        if not g.elsewhere:
            check_origin()
        elif preflight := self.listed.preflight():
            return preflight
        elif not bearer():
            raise Unwelcome(KEY_NEEDED, code="invalid_api_key")
        self._identify()
        return None

    def _identify(self) -> None:
        if request.endpoint in OPEN or request.blueprint in SIGNING:
            return
        door = program_door()
        if door is not None and door.checks:
            g.owner = ""
            self._count_call()
            return
        there = g.presence = self.chain.identify()
        g.owner = there.owner
        if g.elsewhere and there.by not in ("key", "code", "program"):
            raise Unwelcome(KEY_NEEDED, code="invalid_api_key")
        if there.by == "nobody":
            raise Unwelcome(WHO[self.settings.mode], code="invalid_api_key" if door is not None else "")
        if self.settings.has_people and request.endpoint in OWNERS_ONLY:
            require_owner()
        if door is not None:
            self._count_call()
        elif request.method not in SAFE:
            self._brake()
            claim()

    def _count_call(self) -> None:
        """A program needs no session: its key says who it is."""
        if request.method in SAFE:
            return
        caller = g.owner if g.get("presence", NOBODY).person is not None else f"{g.owner} {request.remote_addr}"
        admitted = self.calls.admits(caller)
        g.calls_left = self.calls.left(caller)
        if not admitted:
            raise TooMany("Too many requests. Please wait a moment and try again.", code="rate_limit_exceeded",
                          retry_after=math.ceil(g.calls_left[1]))

    def _brake(self) -> None:
        key = g.owner or request.remote_addr or ""
        if not self.changes.admits(key):
            raise TooMany("That was very fast. Please wait a moment and try again.", retry_after=10)

    def _finish(self, response: Response) -> Response:
        if self.settings.hsts:
            public = request.environ.get("HTTP_HOST", "").split(":")[0] in self.settings.hosts
            response.headers["Strict-Transport-Security"] = "max-age=63072000" + ("; includeSubDomains" if public else "")
        if "calls_left" in g:
            left, wait = g.calls_left
            response.headers["X-RateLimit-Limit-Requests"] = str(self.calls.most)
            response.headers["X-RateLimit-Remaining-Requests"] = str(left)
            response.headers["X-RateLimit-Reset-Requests"] = f"{wait:.3f}s"
        self.listed.finish(response, g.get("elsewhere", ""))
        return finish(response)


def claim() -> str:
    """The visitor's owner id; a visitor who has none yet gets one."""
    if not g.get("owner"):
        session["owner"] = g.owner = "s-" + secrets.token_urlsafe(16)
        session.permanent = True
    return g.owner


def check_host(names: Collection[str]) -> None:
    """Raises SecurityError for a host name that is not among `names`, or another one than that of the address (a request may name
    it whole). Flask's own check reads no IPv6 addresses."""
    if PORT.sub("", request.host).lower() not in names:
        raise SecurityError
    whole = WHOLE.match(request.environ.get("RAW_URI", "/"))
    if whole is not None and whole[1].lower() != request.host.lower():
        raise SecurityError


def known_hosts(settings: Settings) -> list[str]:
    """The host names that the server answers to; any other one may be a foreign name that was pointed here."""
    names = ["localhost", "127.0.0.1", "[::1]", *settings.hosts]
    if not settings.private:
        names += [*lan_names(), *map(in_url, lan_addresses())]
        if settings.host not in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not listened on
            names.append(settings.host)
    return list(dict.fromkeys(names))


def finish(response: Response) -> Response:
    """The headers of every answer. What belongs to a visitor is stored nowhere on the way."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static" or response.status_code >= 400:
        response.headers["Cache-Control"] = "no-store"
    response.headers["X-Request-Id"] = g.get("request_id", "-")
    return response
