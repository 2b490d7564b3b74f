"""Whether the client of the running request is still there, for answers that are worth nothing without a reader."""

from __future__ import annotations

from collections.abc import Callable

from flask import request

from webbot.errors import Problem
from webbot.web.presence import watch
from webbot.web.unwelcome import Unwelcome


class Left(Problem):
    """The client has gone; nobody reads what is answered. The number is the one that proxies log for this."""

    status = 499


class Ended(Unwelcome):
    """The client is there and may not be any more: what it has got by now must not look like a whole answer."""


def gone() -> Callable[[], bool]:
    """A question that can also be asked after the request, while its answer streams: whether the client has left. It raises
    Ended for one that was signed out or removed, or whose key was revoked, meanwhile. Without a server: never gone."""
    left: Callable[[], bool] = request.environ.get("webbot.gone", _stays)
    ended = watch()

    def is_gone() -> bool:
        if left():
            return True
        if ended():
            raise Ended("You were signed out, or the key was revoked, while this was being answered.", code="invalid_api_key")
        return False

    return is_gone


def _stays() -> bool:
    return False
