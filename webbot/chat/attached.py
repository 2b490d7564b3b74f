"""What attaching and pinning may cost: how many files, how large, under which name; how much of the window can be pinned.

It changes nothing: whoever asks stores what is found here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from webbot import documents
from webbot.chat.sight import Sight, budget_of
from webbot.engines.base import Engine, EngineState
from webbot.errors import Conflict, TooLong
from webbot.messages import Conversation, File

MOST_FILES = 20  # a conversation
NAME_CHARACTERS = 200
HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn")  # kinds of characters that a name does not keep
JOINERS = "\u200c\u200d"  # of Persian words and of pictures made of several
MEGABYTE = 1024 * 1024


def read(name: str, data: bytes, there: Sequence[File], most_megabytes: int) -> tuple[File, str]:
    """The file as it is kept in a conversation that has the files `there`, and its text.

    Raises Conflict when it has MOST_FILES of them, TooLong for more than `most_megabytes` or too long a text, Unusable for an
    empty file and for a kind that is not read. A PDF takes seconds; other greenlets go on meanwhile.
    """
    if len(there) >= MOST_FILES:
        raise Conflict("A conversation holds {limit} files. Please remove one first.", limit=MOST_FILES)
    if len(data) > most_megabytes * MEGABYTE:
        raise TooLong("The file is larger than {limit} MB.", limit=most_megabytes)
    name = name_of(name)
    document = documents.read(name, data)
    name = _unlike(name, {file.name for file in there})
    return File(name=name, media_type=document.media_type, size=len(data), tokens=None if document.text else 0), document.text


def name_of(name: str) -> str:
    """The last part of what may be a path, without control characters and marks that turn the direction of writing."""
    last = name.replace("\\", "/").rstrip("/ ").rpartition("/")[2]
    shown = "".join(" " if character.isspace() else character for character in last if _is_shown(character))
    shown = " ".join(shown.split())
    if not shown.strip(". "):
        return "file"
    stem, dot, ending = shown.rpartition(".")
    if len(shown) > NAME_CHARACTERS and stem and len(ending) < NAME_CHARACTERS // 4:
        return stem[: NAME_CHARACTERS - len(ending) - 1] + dot + ending
    return shown[:NAME_CHARACTERS]


def _is_shown(character: str) -> bool:
    return character.isspace() or character in JOINERS or unicodedata.category(character) not in HIDDEN


def _unlike(name: str, there: set[str]) -> str:
    """The name, with a number where it is taken."""
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    number, found = 1, name
    while found in there:
        number += 1
        mark = f" ({number})"
        found = stem[: NAME_CHARACTERS - len(mark) - len(dot + ending)] + mark + dot + ending
    return found


def check_pin(sight: Sight, about: Conversation, message: str, engine: Engine, state: EngineState) -> None:
    """Raises TooLong when the turn of that message cannot be pinned beside those that are, with both figures. While no model is
    ready nobody can count, and nothing is refused: of what does not fit, the window keeps the newest."""
    if state.status != "ready":
        return
    limit = budget_of(state).held_limit(budget_of(state).role(sight.role_tokens(about.role, engine, state)))
    count = sum(turn.cost for turn in sight.pinned_with(about, message, engine, state))
    if count > limit:
        raise TooLong("With this message the pinned ones would take {count} tokens; {limit} can be pinned with this model.",
                      count=count, limit=limit)
