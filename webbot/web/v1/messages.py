"""The messages of a chat as programs send them: text by roles, calls of functions and their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Tag
from pydantic_core import PydanticCustomError

from webbot.errors import BadInput
from webbot.messages import Message, ToolCall
from webbot.web.v1.operations import Refused, Sent, one_of

MOST_MESSAGES = 16_384
NAME = r"^[a-zA-Z0-9_-]{1,64}$"
NOT_TEXT = "only parts of the type text are read here; there is no model for images, audio or files"


class TextPart(Sent):
    type: Literal["text"]
    text: str


class RefusalPart(Sent):
    type: Literal["refusal"]
    refusal: str


def _parts_of_text(value: Any) -> Any:
    """Says of the whole content that a part of it is no text, whatever else is wrong with that part."""
    if isinstance(value, list) and any(isinstance(part, Mapping) and part.get("type") not in (None, *TEXTUAL) for part in value):
        raise PydanticCustomError("unsupported_content", NOT_TEXT)
    return value


TEXTUAL = ("text", "refusal")
Parts = Annotated[list[TextPart], Field(min_length=1), BeforeValidator(_parts_of_text)]
AnswerParts = Annotated[list[TextPart | RefusalPart], Field(min_length=1), BeforeValidator(_parts_of_text)]


def _kind(value: Any) -> str:
    return "Parts" if isinstance(value, list) else "Text"


Content = Annotated[Annotated[str, Tag("Text")] | Annotated[Parts, Tag("Parts")], one_of(_kind)]
AnswerContent = Annotated[Annotated[str, Tag("Text")] | Annotated[AnswerParts, Tag("Parts")], one_of(_kind)]
Name = Annotated[str | None, Field(max_length=256, description="Accepted. Models of this server are not shown it.")]


class SystemMessage(Sent):
    role: Literal["system"]
    content: Content
    name: Name = None


class DeveloperMessage(Sent):
    """As a system message."""

    role: Literal["developer"]
    content: Content
    name: Name = None


class UserMessage(Sent):
    role: Literal["user"]
    content: Content
    name: Name = None


class CalledFunction(Sent):
    name: str = Field(pattern=NAME)
    arguments: str


class AskedCall(Sent):
    """A call that an answer asked for."""

    id: str = Field(min_length=1, max_length=256)
    type: Literal["function"]
    function: CalledFunction


class AssistantMessage(Sent):
    """An earlier answer: its text, its calls, or both."""

    role: Literal["assistant"]
    content: AnswerContent | None = None
    refusal: str | None = None
    name: Name = None
    tool_calls: Annotated[list[AskedCall], Field(min_length=1, max_length=128)] | None = None
    annotations: Annotated[list[Any], Field(max_length=0)] | None = None
    audio: Refused = None
    function_call: Refused = None


class ToolMessage(Sent):
    """What a function gave for the call `tool_call_id`."""

    role: Literal["tool"]
    content: Content
    tool_call_id: str = Field(min_length=1, max_length=256)
    name: Name = None


ROLES = {"system": "System", "developer": "Developer", "user": "User", "assistant": "Assistant", "tool": "Tool"}


def _role(value: Any) -> str | None:
    role = value.get("role") if isinstance(value, Mapping) else None
    return ROLES.get(role) if isinstance(role, str) else None


AnyMessage = Annotated[
    Annotated[SystemMessage, Tag("System")] | Annotated[DeveloperMessage, Tag("Developer")]
    | Annotated[UserMessage, Tag("User")] | Annotated[AssistantMessage, Tag("Assistant")] | Annotated[ToolMessage, Tag("Tool")],
    one_of(_role, "role", f"one of {', '.join(ROLES)} is needed (function is the old form of tool)"),
]


def conversation(sent: Sequence[AnyMessage]) -> list[Message]:
    """The messages as the model is given them: system and developer messages at the beginning become one.

    Raises BadInput, which names the message, for a result without its call and for a message without content.
    """
    messages: list[Message] = []
    calls: set[str] = set()
    for place, message in enumerate(sent):
        where = f"messages[{place}]"
        if isinstance(message, AssistantMessage):
            messages.append(_answer(message, where))
            calls.update(call.id for call in messages[-1].tool_calls)
        elif isinstance(message, ToolMessage):
            if message.tool_call_id not in calls:
                raise BadInput("No message before it asks for the call that this one answers.",
                               parameter=f"{where}.tool_call_id", code="invalid_value")
            messages.append(Message(role="tool", text=text_of(message.content), tool_call=message.tool_call_id))
        elif isinstance(message, UserMessage):
            messages.append(Message(role="user", text=text_of(message.content)))
        elif len(messages) == 1 and messages[0].role == "system":
            messages[0] = Message(role="system", text=f"{messages[0].text}\n\n{text_of(message.content)}")
        else:
            messages.append(Message(role="system", text=text_of(message.content)))
    if messages[-1].role == "assistant":
        raise BadInput("The last message is the assistant's: there is nothing to answer.",
                       parameter=f"messages[{len(sent) - 1}].role", code="invalid_value")
    return messages


def text_of(content: str | Sequence[TextPart | RefusalPart]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.text if isinstance(part, TextPart) else part.refusal for part in content)


def _answer(message: AssistantMessage, where: str) -> Message:
    calls = tuple(ToolCall(name=call.function.name, arguments=call.function.arguments, id=call.id)
                  for call in message.tool_calls or ())
    if message.content is None and message.refusal is None and not calls:
        raise BadInput("An assistant's message needs content or tool_calls.", parameter=f"{where}.content",
                       code="missing_required_parameter")
    text = text_of(message.content) if message.content is not None else message.refusal or ""
    return Message(role="assistant", text=text, tool_calls=calls)
