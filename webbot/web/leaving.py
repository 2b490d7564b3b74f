"""Whether the client of the running request is still there, for answers that are worth nothing without a reader."""

from __future__ import annotations

from collections.abc import Callable

from flask import request

from webbot.errors import Problem


class Left(Problem):
    """The client has gone; nobody reads what is answered. The number is the one that proxies log for this."""

    status = 499


def gone() -> Callable[[], bool]:
    """A question that can also be asked after the request, while its answer streams. Without a server: never gone."""
    return request.environ.get("webbot.gone", _stays)


def _stays() -> bool:
    return False
