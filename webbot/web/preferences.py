"""What a visitor chose of the page. A person's choices hold on every device; without persons the session keeps them."""

from __future__ import annotations

from flask import session

from webbot.people import People
from webbot.web.presence import presence

THEMES = ("auto", "light", "dark")


def preference(name: str, default: str = "") -> str:
    """One of language, theme, role (the key of one), speaks (on or off), speech_language. What was chosen before signing in
    holds until the person chooses."""
    person = presence().person
    kept = person.preferences if person is not None and name in person.preferences else session
    value = kept.get(name, default)
    return value if isinstance(value, str) else default


def prefer(people: People, **chosen: str) -> None:
    """Keeps what was chosen."""
    person = presence().person
    if person is None:
        session.update(chosen)
    elif chosen:
        people.prefer(person.id, **chosen)
