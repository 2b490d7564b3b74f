"""The format "webbot" as Markdown: the shown branch of a conversation, to be read, and to be taken in again.

A comment that no reader shows says where each message begins:

    <!-- webbot 1 -->
    # A dragon in the library

    ## You <!-- webbot user 2026-01-31T12:00:00Z -->

    What is a dragon?

    ## Answer <!-- webbot assistant 2026-01-31T12:00:01Z -->

Held are title, role, times to the second, speakers, texts, whether an answer was stopped or failed, and names of files; of a
round trip these come back, but the files. A line of a text that looks like such a comment gets a backslash before it; a block of
code that a text leaves open is closed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from webbot.errors import BadInput
from webbot.messages import Conversation, Message
from webbot.transfer.talk import MOST_MESSAGES, MOST_TITLE, Talk
from webbot.transfer.values import FORBIDDEN, checked_text, seconds_of

BEGIN = "<!-- webbot 1 -->"
CLOSED = "<!-- webbot closed -->"
NAMES = {"user": "You", "assistant": "Answer", "system": "Role", "tool": "Tool"}
HEADING = re.compile(
    r"^## [^\n]{0,40}<!-- webbot (role|user|assistant|system|tool|files)((?: [\w:.+-]{1,40}){0,2}) -->$", re.MULTILINE
)
GUARDED = re.compile(r"^(\\*)(?=## [^\n]{0,40}<!-- webbot |<!-- webbot )", re.MULTILINE)
UNGUARDED = re.compile(r"^\\(\\*)(?=## [^\n]{0,40}<!-- webbot |<!-- webbot )", re.MULTILINE)
FENCE = re.compile(r"^ {0,3}(`{3,}(?=[^`\n]*$)|~{3,})([^\n]*)$", re.MULTILINE)


# writing

def written(about: Conversation, messages: Iterable[Message], files: Iterable[str] = ()) -> Iterator[str]:
    """`messages` are those of one branch, `files` the names of files."""
    title = " ".join(about.title.split())
    yield f"{BEGIN}\n# {title}\n\n"
    if about.role:
        yield f"## Role <!-- webbot role -->\n\n{_guarded(about.role)}\n\n"
    names = [" ".join(name.split()) for name in files]
    if names:
        yield "## Files <!-- webbot files -->\n\n" + "".join(f"- {name}\n" for name in names) + "\n"
    for message in messages:
        status = f" {message.status}" if message.status in ("stopped", "failed") else ""
        yield f"## {NAMES[message.role]} <!-- webbot {message.role} {_date(message.created_at)}{status} -->\n\n"
        yield f"{_guarded(message.text)}\n\n"


def _guarded(text: str) -> str:
    guarded = GUARDED.sub(r"\\\1", text)
    fence = _open_fence(guarded)
    return f"{guarded}\n{fence}\n{CLOSED}" if fence else guarded


def _open_fence(text: str) -> str:
    """The fence that closes the block of code that is open at the end of the text, "" when none is."""
    fence = ""
    for match in FENCE.finditer(text):
        mark, rest = match[1], match[2]
        if not fence:
            fence = mark
        elif mark[0] == fence[0] and len(mark) >= len(fence) and not rest.strip():
            fence = ""
    return fence


def _date(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return "1970-01-01T00:00:00Z"


# reading

def fits(data: bytes) -> bool:
    return data.startswith(BEGIN.encode())


def read(data: bytes) -> Talk:
    """Raises BadInput and TooLong."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise BadInput("The file is no UTF-8: see byte {place}.", place=error.start) from None
    if text.startswith(f"{BEGIN}\r\n"):
        text = text.replace("\r\n", "\n")  # an editor of Windows wrote it
    if FORBIDDEN.search(text):
        raise BadInput("{place} holds a character that is no text.", place="The file")
    head, *parts = _split(text)
    title = next((line[2:].strip() for line in head[1].split("\n") if line.startswith("# ")), "")[:MOST_TITLE]
    found: dict[str, Any] = {"role": ""}
    messages: list[Message] = []
    for heading, said in parts:
        if heading[1] == "role":
            found["role"] = checked_text(said, "role")
        elif heading[1] != "files":
            messages.append(_message(heading, said, messages))
    if len(messages) > MOST_MESSAGES:
        raise BadInput("The file has more than {limit} messages.", limit=MOST_MESSAGES)
    times = [message.created_at for message in messages]
    about = Conversation(
        id="", owner="", title=title, titled_by="person" if title else "", role=found["role"],
        tip=messages[-1].id if messages else "", created_at=min(times, default=0.0), updated_at=max(times, default=0.0),
    )
    return Talk(about, tuple(messages))


def _split(text: str) -> list[Any]:
    """The text before the first heading, then each heading with what was written under it."""
    parts: list[Any] = []
    heading, start = None, 0
    for match in HEADING.finditer(text):
        parts.append((heading, _unguarded(text[start:match.start()])))
        heading, start = match, match.end()
    parts.append((heading, _unguarded(text[start:])))
    return parts


def _unguarded(text: str) -> str:
    text = text.removeprefix("\n\n").removesuffix("\n\n") if text.endswith("\n\n") else text.strip("\n")
    closing = f"\n{CLOSED}"
    if text.endswith(closing):
        text = text.removesuffix(closing).rpartition("\n")[0]
    return UNGUARDED.sub(r"\1", text)


def _message(heading: re.Match[str], said: str, before: list[Message]) -> Message:
    number = len(before) + 1
    date, _, status = heading[2].strip().partition(" ")
    return Message(
        role=heading[1], text=checked_text(said, f"message {number}"), id=str(number), number=number,  # type: ignore[arg-type]
        parent=before[-1].id if before else "", created_at=seconds_of(date),
        status=status if status in ("stopped", "failed") else "complete",  # type: ignore[arg-type]
    )
