"""What the formats of other programs have in common on their way here."""

from __future__ import annotations

from collections.abc import Iterable

from webbot.messages import Conversation
from webbot.transfer.talk import MOST_TITLE, Talk
from webbot.transfer.tree import Node, grown

TITLE_CHARACTERS = 60  # of a title that is made of the first question


def talk(
    nodes: Iterable[Node], *, tip: str = "", title: str = "", role: str = "", pinned: bool = False, created_at: float = 0.0,
    updated_at: float = 0.0,
) -> Talk:
    """Raises what `grown` raises."""
    messages, at = grown(nodes, tip)
    times = [message.created_at for message in messages if message.created_at]
    first = next((message.text for message in messages if message.role == "user"), "")
    title = " ".join(title.split())[:MOST_TITLE]
    about = Conversation(
        id="", owner="", title=title or _short(first), titled_by="person" if title else ("question" if first else ""), role=role,
        pinned=pinned, tip=at, created_at=created_at or min(times, default=0.0),
        updated_at=updated_at or max(times, default=created_at),
    )
    return Talk(about, messages)


def picture(name: str = "") -> str:
    """Stands in a text for a picture, or another thing that the file does not hold."""
    return f"[{' '.join(name.split())[:100]}]" if name else "[picture]"


def _short(text: str) -> str:
    line = " ".join(text[:1000].split())
    return line if len(line) <= TITLE_CHARACTERS else line[:TITLE_CHARACTERS].rsplit(" ", 1)[0] + " …"
