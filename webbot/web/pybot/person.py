"""Who is there, as Pybot's clients see it: what /api/userinfo tells, and by which id conversations and questions are theirs."""

from __future__ import annotations

import hashlib
from typing import Any

from webbot.web.access import claim
from webbot.web.presence import presence

VISITOR = "visitor"


def user() -> str:
    """The id of whoever asks: a person's, or where the server knows no persons one that is made of the owner's. The latter says
    nothing of the owner's own id."""
    person = presence().person
    if person is not None:
        return person.id
    return "u-" + hashlib.sha256(b"pybot " + claim().encode()).hexdigest()[:24]


def profile() -> dict[str, Any]:
    person = presence().person
    name, email = (person.name, person.email) if person is not None else (VISITOR, "")
    return {"userid": user(), "username": name, "email": email or None}
