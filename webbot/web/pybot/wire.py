"""How things look to Pybot's clients: JSON values with Pybot's names. What is not there is left out of frames and messages."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import Any, Literal

from webbot.errors import Problem
from webbot.messages import Conversation, Feedback, File, Message

FrameType = Literal["text", "stream/start", "stream/text", "stream/end", "info", "error"]
Wire = dict[str, Any]
THUMBS: dict[Feedback, str] = {"up": "thumbup", "down": "thumbdown"}
MODEL = "ai"  # who a frame of the model is from


def time_of(seconds: float) -> str:
    """Seconds since 1970 in ISO 8601, as pydantic writes them: 2024-01-31T12:00:00.500000Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def conversation(about: Conversation, user: str) -> Wire:
    """`last_message_at` is when the conversation last changed, by which the list is ordered."""
    return {
        "id": about.id, "title": about.title, "owner": user, "pinned": about.pinned, "created_at": time_of(about.created_at),
        "last_message_at": time_of(about.updated_at),
    }


def message(about: Message, conversation: str, user: str) -> Wire:
    """A stored message. One that did not come to its end says so in additional_kwargs."""
    trouble = {"status": about.status, "error": about.error} if about.status in ("stopped", "failed") else None
    return {name: value for name, value in {
        "parent_id": about.parent or None, "id": about.id, "conversation": conversation,
        "from": {"user": user, "assistant": MODEL}.get(about.role, about.role), "content": about.text, "type": "text",
        "feedback": THUMBS.get(about.feedback), "additional_kwargs": trouble,
    }.items() if value is not None}


def file(about: File) -> Wire:
    """`path` is an id, and no path: it means nothing to a file system."""
    return {"id": about.id, "filename": about.name, "path": about.id, "size": about.size}


def frame(
    type: FrameType, conversation: str | None, content: Any = None, *, id: str = "", parent: str | None = None,
    sender: str = MODEL, more: Wire | None = None,
) -> str:
    """A frame as it is sent. `content` is a text; of an info it is an object. `more` are the additional_kwargs."""
    return json.dumps({name: value for name, value in {
        "parent_id": parent or None, "id": id or secrets.token_hex(16), "conversation": conversation, "from": sender,
        "content": content, "type": type, "additional_kwargs": more or None,
    }.items() if value is not None}, ensure_ascii=False)


def info(conversation: str, type: str, payload: Any = None) -> str:
    content = {"type": type} if payload is None else {"type": type, "payload": payload}
    return frame("info", conversation, content)


def error(conversation: str | None, problem: Problem, *, id: str = "", parent: str | None = None) -> str:
    """`parent` is the id of the client's frame that was refused, `id` that of an answer that failed."""
    more = {"status": problem.status, "code": problem.code or None, "retry_after": problem.retry_after}
    told = {name: value for name, value in more.items() if value is not None}
    return frame("error", conversation, str(problem), id=id, parent=parent, more=told)
