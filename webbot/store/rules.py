"""What is the same in every store: what may be done to a conversation, what is said when it may not be, how ids are made, and
which texts and numbers can be held."""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Mapping
from typing import Any

from webbot.errors import BadInput
from webbot.store.base import Entry

MISSING = "This conversation is not here. It may have been deleted."
NO_MESSAGE = "This message is not here. It may have been deleted."
NO_FILE = "This file is not here. It may have been deleted."
NOT_SHARED = "Nothing can be read here. The link may have been taken back."
NOTHING = "There is nothing to share in this conversation yet."
BUSY = "An answer is being written in this conversation. Please wait for its end or stop it."
OTHERWISE = "This was changed elsewhere meanwhile. Please look at it and try again."
CHANGED = "The conversation was changed meanwhile. Please try again."
ENDED = "This answer has already ended."
NOT_LAST = "Only the last answer of the conversation can be gone on with."
NO_NAME = "This name cannot be kept: it is too long or has signs that no text has."
NO_VALUE = "This value cannot be kept."
NO_FEEDBACK = "Only an answer can be given a thumb up or down."

CHANGEABLE = {
    "title": str, "titled_by": str, "role": str, "pinned": bool, "speaks": bool, "markup": str, "model": str,
    "remembers_from": int, "cut_for": str,
}
ONE_OF = {"markup": ("markdown", "textile"), "titled_by": ("", "question", "model", "person")}
MARKS = frozenset({"remembers_from", "cut_for"})  # changes that move no conversation to the top
LARGEST = 2**31 - 1  # the largest number that every store holds
LONGEST_NAME = 1000  # bytes of UTF-8: two of them fit into an index of every store


def new_id() -> str:
    """128 random bits."""
    return secrets.token_urlsafe(16)


def storable(text: str) -> str:
    """Text that people and models wrote: what no database can hold (lone surrogates, NUL) becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")


def within(number: int) -> int:
    """A number from outside, cut to what every store holds: what lies beyond selects the same messages."""
    return max(0, min(number, LARGEST))


def check_changes(changes: Mapping[str, object]) -> None:
    """Raises BadInput for what a conversation cannot be set to."""
    for name, value in changes.items():
        fits = isinstance(value, CHANGEABLE.get(name, ())) and value in ONE_OF.get(name, (value,))
        if not fits or (isinstance(value, int) and not 0 <= value <= LARGEST):
            raise BadInput("{name} cannot be set to that value.", name=name)


def moves(changes: Mapping[str, object]) -> bool:
    """Whether these changes make the conversation the owner's last changed one."""
    return not (changes.keys() <= MARKS or changes.get("titled_by") == "model")


def marks(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the changes that the newest answer shown keeps, too."""
    return {name: value for name, value in changes.items() if name in MARKS}


def check_name(name: str) -> None:
    """Raises BadInput for what cannot name an entry or a counter in every store: it would not come back as it was."""
    try:
        fits = len(name.encode()) <= LONGEST_NAME and "\0" not in name
    except UnicodeEncodeError:
        fits = False
    if not fits:
        raise BadInput(NO_NAME)


def check_entry(entry: Entry) -> Entry:
    """The entry with the value that it is kept with. Raises BadInput for names or a value that not every store can keep."""
    for name in (entry.kind, entry.id, entry.owner):
        check_name(name)
    try:
        value = json.loads(json.dumps(dict(entry.value), allow_nan=False))
    except (ValueError, RecursionError):
        raise BadInput(NO_VALUE) from None
    return dataclasses.replace(entry, value=value)


def counted(amount: int) -> int:
    """What is added to a counter, cut so that no sum of a counter's time is more than every store holds."""
    return max(-LARGEST, min(amount, LARGEST))
