"""Who may come in, and whose conversations a visitor sees.

Covered: foreign host names, requests from other sites' pages, the access code with a brake on guessing, a brake on how
fast one visitor may ask, the headers that every answer carries. Not covered: names and passwords of several users.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Collection
from urllib.parse import urlsplit

from flask import Flask, Response, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import SecurityError

from webbot.addresses import host_name, lan_addresses
from webbot.auth import same_code
from webbot.errors import NotAllowed, TooMany
from webbot.settings import Settings
from webbot.web.programs import ProgramDoor, program_door

PORT = re.compile(r":\d+$")  # the port of a host name; an IPv6 address ends with a bracket
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN = frozenset({"static", "access.enter", "operation.healthz", "sharing.read"})
WRONG_CODES_A_MINUTE = 10
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


class Unwelcome(NotAllowed):
    """No access code was given yet."""

    status = 401


class Brake:
    """At most `most` events of one key in `seconds`; monotonic time, so that a clock jump changes nothing."""

    def __init__(self, most: int, seconds: float = 60.0) -> None:
        self.most, self.seconds = most, seconds
        self._times: defaultdict[str, deque[float]] = defaultdict(deque)

    def full(self, key: str) -> bool:
        times, now = self._times[key], time.monotonic()
        while times and now - times[0] > self.seconds:
            times.popleft()
        if not times:
            del self._times[key]
        return len(times) >= self.most

    def admits(self, key: str) -> bool:
        """Whether one more event of `key` is allowed; it is noted then."""
        if self.full(key):
            return False
        self.note(key)
        return True

    def left(self, key: str) -> tuple[int, float]:
        """How many more events are allowed now, and the seconds until the oldest no longer counts."""
        times = self._times.get(key, ())
        wait = self.seconds - (time.monotonic() - times[0]) if times else 0.0
        return max(0, self.most - len(times)), max(0.0, wait)

    def note(self, key: str) -> None:
        self._times[key].append(time.monotonic())
        if len(self._times) > 10_000:  # strangers who came once
            for stale in [other for other in self._times if not self.full(other)][:5000]:
                self._times.pop(stale, None)


class Access:
    """Looks at every request before a door does, and at every answer after it."""

    def __init__(self, app: Flask, settings: Settings, code: str) -> None:
        self.settings, self.code = settings, code
        self.entered_mark = hashlib.sha256(b"entered " + code.encode()).hexdigest() if code else ""
        self.guesses = Brake(max(2, WRONG_CODES_A_MINUTE // settings.workers))  # each web process counts for itself
        self.changes = Brake(settings.rate_limit)
        self.calls = Brake(settings.program_rate_limit)
        self.hosts = frozenset(name.lower() for name in known_hosts(settings))
        app.before_request(self._check)
        app.after_request(self._finish)
        app.add_url_rule("/enter", "access.enter", self._enter, methods=["GET", "POST"])

    def _check(self) -> None:
        g.request_id = secrets.token_hex(8)
        check_host(self.hosts)
        check_origin()
        if request.endpoint in OPEN:
            return
        door = program_door()
        if door is not None:
            self._check_program(door)
            return
        if self.code and not self._is_in():
            raise Unwelcome("This server asks for its access code. It was printed when the server started.")
        g.owner = "home" if self.settings.owner == "home" else session.get("owner", "")
        if request.method not in SAFE:
            self._brake()
            claim()

    def _check_program(self, door: ProgramDoor) -> None:
        """A program needs no session: its key says who it is, and without an access code any key does.

        With a visitor's cookie it is that visitor.
        """
        if self.code and not door.checks and not self._is_in():
            needed = "A key is needed here: the access code of this server, as Authorization: Bearer."
            raise Unwelcome(needed, code="invalid_api_key")
        given = request.authorization
        key = given.token if given is not None and given.type == "bearer" and given.token else ""
        g.owner = "home" if self.settings.owner == "home" else session.get("owner") or program_owner(key)
        if request.method not in SAFE:
            caller = f"{g.owner} {request.remote_addr}"
            admitted = self.calls.admits(caller)
            g.calls_left = self.calls.left(caller)
            if not admitted:
                raise TooMany("Too many requests. Please wait a moment and try again.", code="rate_limit_exceeded",
                              retry_after=math.ceil(g.calls_left[1]))

    def _brake(self) -> None:
        key = session.get("owner") or request.remote_addr or ""
        if not self.changes.admits(key):
            raise TooMany("That was very fast. Please wait a moment and try again.", retry_after=10)

    def _is_in(self) -> bool:
        given = request.authorization
        if given is not None and given.type == "bearer" and given.token:
            return self._right(given.token)
        return hmac.compare_digest(str(session.get("entered", "")).encode(), self.entered_mark.encode())

    def _right(self, code: str) -> bool:
        """Whether this is the code; a wrong one counts as a guess. Raises TooMany when there were too many."""
        guesser = request.remote_addr or ""
        if self.guesses.full(guesser) or self.guesses.full("everybody"):
            raise TooMany("Too many wrong codes. Please wait a minute and try again.", retry_after=60)
        if same_code(code, self.code):
            return True
        self.guesses.note(guesser)
        return False

    def _enter(self) -> ResponseReturnValue:
        code = request.values.get("code", "")[:200]
        if not self.code or self._is_in():
            return redirect(url_for("pages.welcome"))
        if not code:
            return render_template("enter.html", trouble=None)
        if not self._right(code):
            trouble = "This is not the access code."
            return render_template("enter.html", trouble=trouble), 401
        session["entered"] = self.entered_mark
        session.permanent = True
        renew_session()
        return redirect(url_for("pages.welcome"))

    def _finish(self, response: Response) -> Response:
        if self.settings.hsts:
            public = request.environ.get("HTTP_HOST", "").split(":")[0] in self.settings.hosts
            response.headers["Strict-Transport-Security"] = "max-age=63072000" + ("; includeSubDomains" if public else "")
        if "calls_left" in g:
            left, wait = g.calls_left
            response.headers["X-RateLimit-Limit-Requests"] = str(self.calls.most)
            response.headers["X-RateLimit-Remaining-Requests"] = str(left)
            response.headers["X-RateLimit-Reset-Requests"] = f"{wait:.3f}s"
        return finish(response)


def program_owner(key: str) -> str:
    """The owner of what programs with this key store. The key itself is kept nowhere."""
    return "k-" + hashlib.sha256(b"program " + key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def claim() -> str:
    """The visitor's owner id; a visitor who has none yet gets one."""
    if not g.get("owner"):
        session["owner"] = g.owner = "s-" + secrets.token_urlsafe(16)
        session.permanent = True
    return g.owner


def renew_session() -> None:
    """A new session id after entering, so that an id planted before is worthless."""
    from flask import current_app

    current_app.session_interface.regenerate(session)  # type: ignore[attr-defined]


def check_origin() -> None:
    """Refuses what another site's page sends. Browsers tell it in one of two headers; programs send neither."""
    site = request.headers.get("Sec-Fetch-Site")
    changes = request.method not in SAFE or request.path == "/session_out" or request.path.endswith("/events")
    if not changes:
        return
    if site in ("same-origin", "none"):
        return
    if site is not None:
        raise NotAllowed("This request came from another site's page and was refused.")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin)[:2] != (request.scheme, request.host):
        raise NotAllowed("This request came from another site's page and was refused.")


def check_host(names: Collection[str]) -> None:
    """Raises SecurityError for a host name that is not among `names`. Flask's own check reads no IPv6 addresses."""
    if PORT.sub("", request.host).lower() not in names:
        raise SecurityError


def known_hosts(settings: Settings) -> list[str]:
    """The host names that the server answers to; any other one may be a foreign name that was pointed here."""
    name = host_name()
    names = ["localhost", "127.0.0.1", "[::1]", *settings.hosts]
    if settings.protected:
        addresses = [f"[{address}]" if ":" in address else address for address in lan_addresses()]
        names += [*([name, f"{name}.local"] if name else []), *addresses]
        if settings.host not in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not listened on
            names.append(settings.host)
    return list(dict.fromkeys(names))


def finish(response: Response) -> Response:
    """The headers of every answer. What belongs to a visitor is stored nowhere on the way."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint == "static" and response.status_code == 200:
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if request.args.get("v") else "no-cache"
    else:
        response.headers["Cache-Control"] = "no-store"
    response.headers["X-Request-Id"] = g.get("request_id", "-")
    return response
