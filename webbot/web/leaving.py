"""Whether the client of the running request is still there, for answers that are worth nothing without a reader."""

from __future__ import annotations

from collections.abc import Callable

from flask import request

from webbot.errors import Problem
from webbot.web.presence import watch


class Left(Problem):
    """The client has gone; nobody reads what is answered. The number is the one that proxies log for this."""

    status = 499


def gone() -> Callable[[], bool]:
    """A question that can also be asked after the request, while its answer streams: whether the client has left, or may not be
    here any more. Without a server: never gone."""
    left: Callable[[], bool] = request.environ.get("webbot.gone", _stays)
    ended = watch()
    return lambda: left() or ended()


def _stays() -> bool:
    return False
