"""The request by which a WebSocket is asked for: what is refused before anything is opened.

Covered: another site's page, which a browser would let use a visitor's cookie; what is no WebSocket, or one of another version.
Not covered: who the visitor is, which was found out before.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any

from flask import Response, request

from webbot.connection import Connection, HandedOver
from webbot.errors import BadInput, NotAllowed, Unavailable
from webbot.web.origins import FOREIGN, OWN, is_own
from webbot.web.sessions import COOKIE

VERSION = "13"
KEPT = ("Set-Cookie", "X-Request-Id", "Strict-Transport-Security")  # headers of the answer that opens a socket
NEEDED = "A WebSocket is spoken here: send Upgrade: websocket and Sec-WebSocket-Version: 13."


def is_upgrade() -> bool:
    asked = {word.strip().lower() for word in request.headers.get("Connection", "").split(",")}
    return (
        request.method == "GET" and request.environ.get("SERVER_PROTOCOL") == "HTTP/1.1" and "upgrade" in asked
        and request.headers.get("Upgrade", "").strip().lower() == "websocket"
        and request.headers.get("Sec-WebSocket-Version", "").strip() == VERSION
    )


def check_origin() -> None:
    """Raises NotAllowed for what another site's page has opened. Stricter than for other requests: browsers always say where a
    socket is opened, so whatever comes with a visitor's session alone must say so, whatever else it says."""
    origin = request.headers.get("Origin")
    if request.headers.get("Sec-Fetch-Site") not in OWN or (origin is not None and not is_own(origin)):
        raise NotAllowed(FOREIGN)
    if origin is None and COOKIE in request.cookies and request.authorization is None:
        raise NotAllowed("A socket with a visitor's session must say from which page it comes (Origin).")


def key() -> str:
    """The client's key. Raises BadInput for what is none, and for a request with a body."""
    given = request.headers.get("Sec-WebSocket-Key", "").strip()
    try:
        size = len(base64.b64decode(given, validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if size != 16:
        raise BadInput("Sec-WebSocket-Key is not 16 bytes in base64.")
    if request.content_length:
        raise BadInput("A request for a WebSocket has no body.")
    return given


class Opened(Response):
    """The answer to a request whose connection goes on as a socket. `run` speaks it, with the headers that open it."""

    def __init__(self, run: Callable[[Connection, list[tuple[str, str]]], None]) -> None:
        super().__init__(status=101)
        self.run = run
        if not isinstance(request.environ.get("gunicorn.socket"), Connection):
            raise Unavailable("This server cannot open WebSockets.")

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        connection: Connection = environ["gunicorn.socket"]
        kept = [(name, value) for name, value in self.headers.items() if name in KEPT]
        run = self.run
        return HandedOver(connection, lambda: run(connection, kept))
