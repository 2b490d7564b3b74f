"""From which page a request comes.

Covered: what another site's page sends is refused where it changes something, opens a stream or a socket, or is no visit of the
page itself. Browsers tell it in Sec-Fetch-Site, or in Origin; programs send neither. Pages that the settings list may call /v1
with a key, never with what a browser has for this server (CORS). Not covered: a link to /session_out in a browser from before
2023, which says nothing of where it stands when that page hides itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Response, request

from webbot.errors import NotAllowed

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CHANGING = frozenset({"/session_out"})  # changes something also as GET
OWN = (None, "same-origin", "none")  # none: typed into the address bar, or a bookmark
FOREIGN = "This request came from another site's page and was refused."
LISTED_AT = "/v1/"
METHODS = "GET, POST, DELETE"
HEADER_NAMES = re.compile(r"[A-Za-z0-9-]+(, ?[A-Za-z0-9-]+)*", re.ASCII)
PREFLIGHT_SECONDS = "600"
TOLD = "Retry-After, X-Request-Id, X-RateLimit-Limit-Requests, X-RateLimit-Remaining-Requests, X-RateLimit-Reset-Requests"


def check_origin() -> None:
    """Raises NotAllowed for what another site's page sends."""
    site = request.headers.get("Sec-Fetch-Site")
    if _changes():
        if site not in OWN:
            raise NotAllowed(FOREIGN)
        if site is None and not _from_here():
            raise NotAllowed(FOREIGN)
    elif site not in OWN and request.headers.get("Sec-Fetch-Mode") != "navigate":
        raise NotAllowed(FOREIGN)  # a picture, a script, a search that is timed: a link to a page of ours is none of these


def is_own(origin: str) -> bool:
    """Whether that is this server's origin. Where a proxy does the HTTPS, pages are https and requests are not."""
    return origin.lower() in {f"{scheme}://{request.host}".lower() for scheme in (request.scheme, "https")}


def _changes() -> bool:
    return (
        request.method not in SAFE or request.path in CHANGING or request.path.endswith("/events")
        or "Upgrade" in request.headers or (request.path == "/enter" and "code" in request.args and not _is_visit())
    )


def _is_visit() -> bool:
    """Whether a browser shows the answer as a page of its own, as with the link that the access code comes by."""
    return request.headers.get("Sec-Fetch-Dest", "document") == "document"


def _from_here() -> bool:
    """What a browser without Sec-Fetch-Site says; True for a program, which says nothing."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return is_own(origin)
    came_from = request.headers.get("Referer")
    if request.method in SAFE and came_from:
        try:
            scheme, host = urlsplit(came_from)[:2]
        except ValueError:
            return False
        return is_own(f"{scheme}://{host}")
    return True


class Listed:
    """The origins of pages elsewhere that may call /v1."""

    def __init__(self, origins: Sequence[str]) -> None:
        self.origins = frozenset(origin.lower().rstrip("/") for origin in origins) - {"null"}

    def origin(self) -> str:
        """That of the page which sends the running request, if it is listed and calls /v1; else ""."""
        given = request.headers.get("Origin", "")
        listed = given.lower() in self.origins and request.path.startswith(LISTED_AT) and not is_own(given)
        return given if listed else ""

    def preflight(self) -> Response | None:
        """The answer to the question of a browser whether a listed page may send its request; None for any other request."""
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        names = request.headers.get("Access-Control-Request-Headers", "")
        response = Response(status=204)
        response.headers["Access-Control-Allow-Methods"] = METHODS
        if HEADER_NAMES.fullmatch(names):
            response.headers["Access-Control-Allow-Headers"] = names
        response.headers["Access-Control-Max-Age"] = PREFLIGHT_SECONDS
        return response

    def finish(self, response: Response, origin: str) -> None:
        """What lets the listed page read the answer. Its cookies are not meant: they are never asked for."""
        if self.origins and request.path.startswith(LISTED_AT):
            response.vary.add("Origin")
        if origin:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = TOLD
