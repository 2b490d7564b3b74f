"""Who is there, as Pybot's clients see it: what /api/userinfo tells, and by which id conversations and questions are theirs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from flask import g

from webbot.web.access import claim

VISITOR = "visitor"


def user() -> str:
    """The id of whoever asks: a person's, or where the server knows no persons one that is made of the owner's. The latter says
    nothing of the owner's own id."""
    person = _person()
    if person is not None:
        return str(person.id)
    return "u-" + hashlib.sha256(b"pybot " + claim().encode()).hexdigest()[:24]


def profile() -> dict[str, Any]:
    person = _person()
    name, email = (person.name, person.email) if person is not None else (VISITOR, "")
    return {"userid": user(), "username": name, "email": email or None}


def left() -> Callable[[], bool]:
    """A question that can be asked after the request: whether whoever made it may not be here any more. It may look at the store,
    and raises Unavailable where that is away."""
    return lambda: False


def _person() -> Any:
    return getattr(g.get("presence"), "person", None)
