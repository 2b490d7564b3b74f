"""An answer as plain text that goes out as it grows, in chunks, to programs that read it whole or word by word."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from flask import Response

from webbot import metrics
from webbot.errors import Problem
from webbot.web.leaving import Left, gone

HEADERS = {"X-Accel-Buffering": "no"}
log = logging.getLogger(__name__)


def plain_text(pieces: Iterator[str | None]) -> Response:
    """Sends the pieces, and closes them when the client leaves.

    `pieces` must yield None at least every 0.5 s while nothing else comes. A Problem before the first word is raised. A later
    one cuts the connection without the body's end: the status has gone out, and half an answer must not look like a whole one.
    """
    left = gone()
    first = _first(pieces, left)
    return Response(_rest(first, pieces, left), content_type="text/plain; charset=utf-8", headers=HEADERS)


def _first(pieces: Iterator[str | None], left: Callable[[], bool]) -> str:
    """The first word; "" for an answer without any."""
    try:
        for piece in pieces:
            if piece:
                return piece
            if left():
                raise Left("The client has left.")
    except BaseException:
        _close(pieces)
        raise
    return ""


def _rest(first: str, pieces: Iterator[str | None], left: Callable[[], bool]) -> Iterator[bytes]:
    metrics.streams.inc()
    try:
        if first:
            yield first.encode()
        for piece in pieces:
            if piece:
                yield piece.encode()
            elif left():
                return
    except Problem as problem:
        log.info("an answer was cut: %s", problem)
        raise ConnectionAbortedError("an answer ended in its middle") from None
    finally:
        _close(pieces)
        metrics.streams.dec()


def _close(pieces: Iterator[str | None]) -> None:
    pieces.close()  # type: ignore[attr-defined] # a generator: this frees the model
