"""An answer that goes out in pieces, each as soon as it is there, to a client that may leave at any time."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from flask import Response

from webbot import metrics
from webbot.errors import Problem
from webbot.web.leaving import Left, gone

HEADERS = {"X-Accel-Buffering": "no"}
LEFT_SECONDS = 0.2  # how often a client is looked for while pieces come without a pause
Item = TypeVar("Item")
log = logging.getLogger(__name__)


def send(pieces: Iterator[bytes | None], content_type: str) -> Response:
    """Sends the pieces, and closes them when the client leaves.

    `pieces` must yield None at least every 0.5 s while nothing else comes. A Problem before the first piece is raised. A later
    one cuts the connection without the body's end: the status has gone out, and half an answer must not look like a whole one.
    """
    left = gone()
    first = first_of(pieces, left)
    response = Response(_rest(first, pieces, left), content_type=content_type, headers=HEADERS)
    response.call_on_close(lambda: close(pieces))  # also where the client has left before the first piece
    return response


def first_of(items: Iterator[Item], left: Callable[[], bool], seconds: float = math.inf) -> Item | None:
    """The first item that is one; None where none comes, or none for `seconds`. Raises Left where the client has gone by then,
    and what the items raise; they are closed then."""
    until = time.monotonic() + seconds
    try:
        for item in items:
            if item is not None or time.monotonic() > until:
                return item
            if left():
                raise Left("The client has left.")
    except BaseException:
        close(items)
        raise
    return None


def close(items: Iterator[Any]) -> None:
    """Ends a generator that may not have ended: this frees what makes its items."""
    end = getattr(items, "close", None)
    if end is not None:
        end()


def _rest(first: bytes | None, pieces: Iterator[bytes | None], left: Callable[[], bool]) -> Iterator[bytes]:
    metrics.streams.inc()
    try:
        if first is not None:
            yield first
        looked = time.monotonic()
        for piece in pieces:
            if piece is None or time.monotonic() - looked > LEFT_SECONDS:
                if left():
                    return
                looked = time.monotonic()
            if piece is not None:
                yield piece
    except Problem as problem:
        log.info("an answer was cut: %s", problem)
        raise ConnectionAbortedError("an answer ended in its middle") from None
    finally:
        close(pieces)
        metrics.streams.dec()
