"""What may be done to a conversation and what is said when it may not; the same for every store, but without SQL."""

from __future__ import annotations

from collections.abc import Mapping

from webbot.errors import BadInput

MISSING = "This conversation is not here. It may have been deleted."
NO_MESSAGE = "This message is not here. It may have been deleted."
NO_FILE = "This file is not here. It may have been deleted."
NOT_SHARED = "Nothing can be read here. The link may have been taken back."
NOTHING = "There is nothing to share in this conversation yet."
BUSY = "An answer is being written in this conversation. Please wait for its end or stop it."
CHANGED = "The conversation was changed meanwhile. Please try again."
ENDED = "This answer has already ended."
NOT_LAST = "Only the last answer of the conversation can be gone on with."
NO_FEEDBACK = "Only an answer can be given a thumb up or down."

CHANGEABLE = {
    "title": str, "titled_by": str, "role": str, "pinned": bool, "speaks": bool, "markup": str, "model": str,
    "remembers_from": int, "cut_for": str,
}
ONE_OF = {"markup": ("markdown", "textile"), "titled_by": ("", "question", "model", "person")}
MARKS = frozenset({"remembers_from", "cut_for"})  # changes that move no conversation to the top
LARGEST = 2**31 - 1


def within(number: int) -> int:
    """A number from outside, cut to what every store holds: what lies beyond selects the same messages."""
    return max(0, min(number, LARGEST))


def check_changes(changes: Mapping[str, object]) -> None:
    """Raises BadInput for what a conversation cannot be set to."""
    for name, value in changes.items():
        fits = isinstance(value, CHANGEABLE.get(name, ())) and value in ONE_OF.get(name, (value,))
        if not fits or (isinstance(value, int) and not 0 <= value <= LARGEST):
            raise BadInput("{name} cannot be set to that value.", name=name)
