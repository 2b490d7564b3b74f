"""What came in a form: read, checked, and refused with a sentence that names the field."""

from __future__ import annotations

import json
import re
from typing import Any

from flask import request

from webbot.errors import BadInput, TooLong

FORBIDDEN = re.compile("[\x00\ud800-\udfff]")
LANGUAGE = re.compile(r"[a-z]{2,3}")
LONGEST_NUMBER = 12
NUMBER_BYTES = 20  # of a field, with blanks


def only(*names: str) -> None:
    """Refuses fields that nobody reads: a mistyped name is better found than ignored."""
    for name in (*request.form, *request.files):
        if name not in names:
            raise BadInput("The field {name} is not known here.", name=repr(name[:40]))
    if request.content_length and request.mimetype not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        raise BadInput("A form is needed here, not {kind}.", kind=repr(request.mimetype[:60]))


def text(name: str, *, limit: int, default: str = "") -> str:
    """A text field. Raises BadInput for what is no text, TooLong over `limit` bytes."""
    value = request.form.get(name, default)
    if FORBIDDEN.search(value):
        raise BadInput("The field {name} holds a character that is no text.", name=name)
    if len(value.encode()) > limit:
        raise TooLong("The field {name} is longer than {limit} bytes.", name=name, limit=limit)
    return value.replace("\r\n", "\n")


def choice(name: str, *choices: str) -> str | None:
    """A field that takes one of a few words; None when it was not sent."""
    value = request.form.get(name)
    if value is not None and value not in choices:
        raise BadInput("The field {name} takes one of: {choices}.", name=name, choices=", ".join(choices))
    return value


def whole(name: str) -> int | None:
    """A whole number of the form; None for an empty field."""
    value = text(name, limit=NUMBER_BYTES).strip()
    if not value:
        return None
    if not (value.isascii() and value.isdigit()):
        raise BadInput("{name} must be a whole number.", name=name)
    return int(value)


def number(name: str) -> int | None:
    """A whole number of the query; None when there is none."""
    value = request.args.get(name)
    if value is None or value == "":
        return None
    if not value.isascii() or not value.isdigit() or len(value) > LONGEST_NUMBER:
        raise BadInput("{name} must be a whole number.", name=name)
    return int(value)


def spoken() -> dict[str, Any]:
    """What the page tells of a spoken question: {"language", "seconds", "took"}; anything else is refused."""
    sent = request.form.get("spoken", "")
    if not sent:
        return {}
    try:
        value = json.loads(sent[:1000])
    except (ValueError, RecursionError):
        raise BadInput("The field {name} is not what the page sends.", name="spoken") from None
    if not isinstance(value, dict) or not set(value) <= {"language", "seconds", "took"}:
        raise BadInput("The field {name} is not what the page sends.", name="spoken")
    language = value.get("language", "")
    times = {name: value[name] for name in ("seconds", "took") if name in value}
    if language and not (isinstance(language, str) and LANGUAGE.fullmatch(language)):
        raise BadInput("The field {name} is not what the page sends.", name="spoken")
    if any(isinstance(t, bool) or not isinstance(t, int | float) or not 0 <= t < 1e5 for t in times.values()):
        raise BadInput("The field {name} is not what the page sends.", name="spoken")
    return {"language": language, **times}


def version() -> int | None:
    """The version of what is changed that the form was made for; None when it does not say."""
    given = request.headers.get("If-Match", "").strip().strip('"') or request.form.get("version", "")
    if not given or given == "*":
        return None
    if not given.isascii() or not given.isdigit() or len(given) > LONGEST_NUMBER:
        raise BadInput("{name} must be a whole number.", name="version")
    return int(given)
