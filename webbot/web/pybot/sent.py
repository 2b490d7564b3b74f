"""What a client sends over the socket, read strictly: a question, a cancel, or the wish to follow a conversation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

from webbot.errors import BadInput
from webbot.web.strict_json import read_object

LONGEST_ID = 100  # characters
TYPES = ("text", "cancel", "follow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """`id` is the client's own for its frame, "" without one. `titled`: the conversation is to be named after the answer."""

    type: Literal["text", "cancel", "follow"]
    conversation: str
    id: str = ""
    content: str = ""
    titled: bool = False


class BadFrame(BadInput):
    """A frame that cannot be taken; `conversation` and `id` are its own, as far as it has them."""

    def __init__(self, sentence: str, value: dict[str, Any], **values: Any) -> None:
        super().__init__(sentence, **values)
        self.conversation, self.id = _short(value.get("conversation")), _short(value.get("id"))


def read(text: str) -> Sent:
    """Raises BadFrame. Names that Pybot's frames have and a question does not need mean nothing here."""
    try:
        value = read_object(text.encode())
    except BadInput as problem:
        raise BadFrame(problem.sentence, {}, **problem.values) from None
    type = value.get("type", "text")
    if type not in TYPES:
        raise BadFrame("Frames of the type {type} are not known here.", value, type=repr(type)[:60])
    conversation = value.get("conversation")
    if not isinstance(conversation, str) or not 0 < len(conversation) <= LONGEST_ID:
        raise BadFrame("The frame must name its conversation.", value)
    id = value.get("id")
    if id is not None and (not isinstance(id, str) or len(id) > LONGEST_ID):
        raise BadFrame("The id of a frame is a text of at most {limit} characters.", value, limit=LONGEST_ID)
    content = value.get("content")
    if type == "text" and not isinstance(content, str):
        raise BadFrame("The content of a question is a text.", value)
    return Sent(type=cast(Any, type), conversation=conversation, id=id or "", content=content if isinstance(content, str) else "",
                titled=_titled(value))


def _titled(value: dict[str, Any]) -> bool:
    more = value.get("additional_kwargs")
    wish = more.get("require_summarization") if isinstance(more, dict) else more
    if (more is not None and not isinstance(more, dict)) or (wish is not None and not isinstance(wish, bool)):
        raise BadFrame("additional_kwargs is an object, and its require_summarization true or false.", value)
    return bool(wish)


def _short(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= LONGEST_ID else ""
