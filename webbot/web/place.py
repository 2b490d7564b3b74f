"""How much of a conversation a tab has, as the id of an event: with it any web process goes on where another one was cut.

`ANSWER.BLOCKS.SENTENCES`: of the answer with that id, which grows, so many finished blocks and so many sentences.
`ANSWER.CHARACTERS`: that answer with its end, when it had so many characters. `0`: nothing was asked yet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from webbot.messages import Message

NOTHING = "0"
FORM = re.compile(r"(?P<answer>[A-Za-z0-9_-]{2,64})\.(?P<first>[0-9]{1,9})(?:\.(?P<second>[0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class Place:
    """`answer` is "" where nothing was asked yet; `ended` is None while the answer grows."""

    answer: str = ""
    blocks: int = 0
    sentences: int = 0
    ended: int | None = None

    def __str__(self) -> str:
        if not self.answer:
            return NOTHING
        if self.ended is not None:
            return f"{self.answer}.{self.ended}"
        return f"{self.answer}.{self.blocks}.{self.sentences}"


def end_of(answer: Message) -> Place:
    """The place of a tab that has this answer, which has ended."""
    return Place(answer.id, ended=len(answer.text))


def read_place(text: str) -> Place | None:
    """The place that an id names; None for whatever is none."""
    if text == NOTHING:
        return Place()
    found = FORM.fullmatch(text)
    if found is None:
        return None
    first, second = int(found["first"]), found["second"]
    return Place(found["answer"], ended=first) if second is None else Place(found["answer"], first, int(second))
