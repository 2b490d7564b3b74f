"""What Open WebUI exports: a list of chats (or one), each with `chat.history.messages`, an object of messages with `parentId`,
and `chat.history.currentId`, the end of the branch that was shown. Old ones have `chat.messages`, a list.

Left out: the model's thoughts and its calls of tools, pictures and files (their names are kept).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from webbot.messages import Feedback
from webbot.transfer import elsewhere
from webbot.transfer.talk import Talk
from webbot.transfer.tree import Node
from webbot.transfer.values import Values, checked_text

HIDDEN = ('<details type="reasoning"', '<details type="tool_calls"', '<details type="code_interpreter"')
CLOSED = "</details>"


def fits(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    chat = value.get("chat", value)
    return isinstance(chat, dict) and (isinstance(chat.get("history"), dict) or "chat" in value)


def read(value: object) -> Talk:
    outer = Values(value)
    chat = outer.object("chat") if outer.has("chat") else outer
    history = chat.object("history")
    title = next((given.text("title") for given in (outer, chat) if given.has("title")), "")
    return elsewhere.talk(
        _nodes(history, chat), tip=history.text("currentId") if history.has("currentId") else "", title=title, role=_role(chat),
        pinned=outer.all.get("pinned") is True, created_at=outer.time("created_at") or chat.time("timestamp"),
        updated_at=outer.time("updated_at"),
    )


def _nodes(history: Values, chat: Values) -> Iterator[Node]:
    messages = history.object("messages")
    for name, message in messages.all.items():
        given = Values(message, messages.at(name[:60]))
        yield _node(given, name, given.text("parentId") if given.has("parentId") else "")
    if not messages.all:
        for place, message in enumerate(chat.items("messages")):
            yield _node(Values(message, f"messages[{place}]"), f"#{place}", f"#{place - 1}" if place else "")


def _node(given: Values, name: str, parent: str) -> Node:
    role = given.text("role", limit=100)
    text = shown(_content(given))
    text = "\n\n".join([*(elsewhere.picture(file) for file in _files(given)), *([text] if text.strip() else [])])
    node = Node(name, parent, role if role in ("user", "assistant") else "", text, given.time("timestamp"))
    error = given.all.get("error")
    if error:
        told = error.get("content") if isinstance(error, dict) else error
        node.status, node.error = "failed", checked_text(told, given.at("error"), 10_000) if isinstance(told, str) else ""
    elif role == "assistant" and given.all.get("done") is False:
        node.status = "stopped"
    node.feedback = _feedback(given)
    return node


def _content(given: Values) -> str:
    content = given.all.get("content")
    if not isinstance(content, list):
        return given.text("content") if content is not None else ""
    parts = [Values(part, f"{given.at('content')}[{place}]") for place, part in enumerate(content)]
    return "\n\n".join(part.text("text") if part.all.get("type") == "text" else elsewhere.picture() for part in parts)


def _files(given: Values) -> Iterator[str]:
    """The names of what was attached."""
    for place, file in enumerate(given.items("files")):
        about = Values(file, f"{given.at('files')}[{place}]")
        yield about.text("name", limit=1000) if isinstance(about.all.get("name"), str) else ""


def _feedback(given: Values) -> Feedback:
    annotation: Any = given.all.get("annotation")
    rating = annotation.get("rating") if isinstance(annotation, dict) else None
    if isinstance(rating, bool) or not isinstance(rating, int):
        return ""
    return "up" if rating > 0 else "down" if rating < 0 else ""


def _role(chat: Values) -> str:
    """The system prompt of the chat."""
    found = chat.all.get("system") or chat.object("params").all.get("system")
    return checked_text(found, chat.at("system")) if isinstance(found, str) else ""


def shown(text: str) -> str:
    """The text without what the page of Open WebUI folds away."""
    kept: list[str] = []
    place = 0
    while True:
        begin = min((found for mark in HIDDEN if (found := text.find(mark, place)) >= 0), default=-1)
        end = text.find(CLOSED, begin) if begin >= 0 else -1
        if end < 0:
            return ("".join(kept) + text[place:]).strip() if kept else text
        kept.append(text[place:begin])
        place = end + len(CLOSED)
