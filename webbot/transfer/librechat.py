"""What LibreChat exports as JSON: one conversation with `messages`, either flat with `parentMessageId`, or each with its
`children` (`recursive`; also as `messagesTree`). Without `branches` only the one that was shown.

Left out: the model's thoughts, calls of tools, pictures and files (their names are kept).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from webbot.errors import TooLong
from webbot.messages import Feedback
from webbot.transfer import elsewhere
from webbot.transfer.talk import MOST_MESSAGES, Talk
from webbot.transfer.tree import Node
from webbot.transfer.values import Values

NO_PARENT = "00000000-0000-0000-0000-000000000000"
RATINGS: dict[object, Feedback] = {"thumbsUp": "up", "thumbsDown": "down"}


def fits(value: object) -> bool:
    return isinstance(value, dict) and "conversationId" in value and ("messages" in value or "messagesTree" in value)


def read(value: object) -> Talk:
    given = Values(value)
    options = given.object("options")
    role = options.text("promptPrefix") if isinstance(options.all.get("promptPrefix"), str) else ""
    title = given.text("title") if given.has("title") else ""
    return elsewhere.talk(_nodes(given), title=title, role=role)


def _nodes(given: Values) -> Iterator[Node]:
    name = "messagesTree" if given.has("messagesTree") else "messages"
    waiting: list[tuple[Any, str, str | None]] = []
    for place, message in reversed(list(enumerate(given.items(name)))):
        waiting.append((message, f"{name}[{place}]", None))
    count = 0
    while waiting:
        value, place, parent = waiting.pop()
        count += 1
        if count > MOST_MESSAGES:
            raise TooLong("The file has more than {limit} messages.", limit=MOST_MESSAGES)
        given = Values(value, place)
        node = _node(given, parent)
        yield node
        for number, child in reversed(list(enumerate(given.items("children")))):
            waiting.append((child, f"message {node.id[:60]!r}.children[{number}]", node.id))


def _node(given: Values, parent: str | None) -> Node:
    if parent is None:
        named = given.text("parentMessageId", limit=200) if given.has("parentMessageId") else ""
        parent = "" if named == NO_PARENT else named
    by_person = given.all.get("isCreatedByUser")
    if not isinstance(by_person, bool):
        by_person = given.all.get("sender") == "User"
    text = _text(given)
    node = Node(given.text("messageId", limit=200), parent, "user" if by_person else "assistant", text, given.time("createdAt"))
    if given.all.get("error") is True:
        node.status, node.error = "failed", text[:10_000]
    elif given.all.get("unfinished") is True:
        node.status = "stopped"
    feedback = given.all.get("feedback")
    rating = feedback.get("rating") if isinstance(feedback, dict) else None
    node.feedback = RATINGS.get(rating, "") if isinstance(rating, str) else ""
    return node


def _text(given: Values) -> str:
    """`content`, a list of parts, has the place of `text` where there is one."""
    parts = [_part(part, f"{given.at('content')}[{place}]") for place, part in enumerate(given.items("content"))]
    text = "\n\n".join(filter(None, parts)) or (given.text("text") if given.has("text") else "")
    return "\n\n".join(filter(None, [*(elsewhere.picture(file) for file in _files(given)), text]))


def _part(part: Any, place: str) -> str:
    if not isinstance(part, dict):
        return ""
    given = Values(part, place)
    kind = given.all.get("type")
    if kind in ("text", "error"):
        text = given.all.get(kind) or given.all.get("text")
        return given.object(kind).text("value") if isinstance(text, dict) else (given.text("text") if given.has("text") else "")
    return elsewhere.picture() if kind in ("image_file", "image_url") else ""


def _files(given: Values) -> Iterator[str]:
    for place, file in enumerate(given.items("files")):
        about = Values(file, f"{given.at('files')}[{place}]")
        yield about.text("filename", limit=1000) if isinstance(about.all.get("filename"), str) else ""
