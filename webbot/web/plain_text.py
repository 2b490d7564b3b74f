"""An answer as plain text that goes out as it grows, in chunks, to programs that read it whole or word by word."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Response

from webbot.web.sending import close, send


def plain_text(pieces: Iterator[str | None]) -> Response:
    """Sends the pieces as `send` does; pieces without a character count as nothing."""
    return send(_encoded(pieces), "text/plain; charset=utf-8")


def _encoded(pieces: Iterator[str | None]) -> Iterator[bytes | None]:
    try:
        for piece in pieces:
            yield piece.encode() if piece else None
    finally:
        close(pieces)
