"""What a program sends to /v1/responses, and how it is read as a turn of ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, Tag
from pydantic_core import PydanticCustomError

from webbot.chat.responding import Said, joined
from webbot.errors import BadInput
from webbot.messages import Message
from webbot.web.v1.messages import MOST_MESSAGES, NAME
from webbot.web.v1.operations import Sent, one_of
from webbot.web.v1.sampling import MOST_TOKENS

PARTS = ("input_text", "output_text", "text")
NO_TEXT = "only parts of text are read here; there is no model for images, audio or files"
NO_MESSAGE = "only items of the type message are read here"
Nothing = Annotated[list[Any], Field(max_length=0)]


class Part(Sent):
    """A piece of text. What an answer was returned with may be sent back with it."""

    type: Literal["input_text", "output_text", "text"]
    text: str
    annotations: Nothing | None = None
    logprobs: Nothing | None = None


def _of_text(value: Any) -> Any:
    if isinstance(value, Mapping) and value.get("type") not in (None, *PARTS):
        raise PydanticCustomError("unsupported_content", NO_TEXT)
    return value


Parts = Annotated[list[Annotated[Part, BeforeValidator(_of_text)]], Field(min_length=1)]
Content = Annotated[
    Annotated[str, Tag("Text")] | Annotated[Parts, Tag("Parts")],
    one_of(lambda value: "Parts" if isinstance(value, list) else "Text"),
]


class InputMessage(Sent):
    """A message; `id`, `status` and `phase` are those of an answer that is sent back, and change nothing."""

    type: Literal["message"] | None = None
    role: Literal["user", "assistant", "system", "developer"]
    content: Content
    id: str | None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None
    phase: Literal["commentary", "final_answer"] | None = None


def _message(value: Any) -> Any:
    if isinstance(value, Mapping) and value.get("type") not in (None, "message"):
        raise PydanticCustomError("unsupported_item", NO_MESSAGE)
    return value


Items = Annotated[list[Annotated[InputMessage, BeforeValidator(_message)]], Field(min_length=1, max_length=MOST_MESSAGES)]
Input = Annotated[
    Annotated[str, Field(min_length=1), Tag("Text")] | Annotated[Items, Tag("Items")],
    one_of(lambda value: "Items" if isinstance(value, list) else "Text"),
]


class ConversationName(Sent):
    id: str


ConversationChoice = Annotated[
    Annotated[str, Tag("Name")] | Annotated[ConversationName, Tag("Object")],
    one_of(lambda value: "Object" if isinstance(value, Mapping) else "Name"),
]


class Format(Sent):
    """The form of the answer. `strict` changes nothing: an answer is always held to its schema."""

    model_config = ConfigDict(populate_by_name=False)

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = Field(None, pattern=NAME)
    description: str | None = Field(None, max_length=4096)
    schema_: dict[str, Any] | None = Field(None, alias="schema")
    strict: bool | None = None


class TextWish(Sent):
    format: Format | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class StreamOptions(Sent):
    include_obfuscation: bool | None = None


Label = Annotated[str, Field(max_length=512)]
Metadata = Annotated[
    dict[Annotated[str, Field(min_length=1, max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16),
]


class ResponseRequest(Sent):
    """A question, where it goes on, and how it is answered."""

    model: str = Field(max_length=256)
    input: Input
    instructions: str | None = None
    previous_response_id: str | None = None
    conversation: ConversationChoice | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    store: bool | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    max_output_tokens: int | None = Field(None, ge=1, le=MOST_TOKENS)
    text: TextWish | None = None
    metadata: Metadata | None = None
    truncation: Literal["auto", "disabled"] | None = None
    user: Label | None = None
    safety_identifier: Label | None = None
    prompt_cache_key: Label | None = None
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    service_tier: Literal["auto", "default"] | None = None
    parallel_tool_calls: bool | None = None
    max_tool_calls: int | None = Field(None, ge=1, le=MOST_TOKENS)
    tool_choice: str | dict[str, Any] | None = None
    tools: list[Any] | None = None
    include: list[str] | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    reasoning: dict[str, Any] | None = None
    background: bool | None = None
    prompt: dict[str, Any] | None = None
    context_management: list[Any] | None = None
    moderation: dict[str, Any] | None = None


# What is not honoured, with the values that ask for nothing.
UNSUPPORTED: dict[str, tuple[Any, ...]] = {
    "tool_choice": ("auto", "none"), "tools": ([],), "include": ([],), "top_logprobs": (0,), "reasoning": ({},),
    "background": (False,), "prompt": (), "context_management": ([],), "moderation": (),
}


def refuse_unsupported(body: ResponseRequest) -> None:
    """Raises BadInput that names the first parameter that cannot be honoured here."""
    wrong = [name for name, plain in UNSUPPORTED.items() if _asks(getattr(body, name), plain)]
    if body.stream_options is not None and body.stream_options.include_obfuscation:
        wrong.append("stream_options.include_obfuscation")
    if body.text is not None and body.text.verbosity not in (None, "medium"):
        wrong.append("text.verbosity")
    if wrong:
        raise BadInput("The parameter {name} is not supported here.", name=repr(wrong[0]), parameter=wrong[0],
                       code="unsupported_parameter")


def _asks(value: Any, plain: tuple[Any, ...]) -> bool:
    if isinstance(value, Mapping):  # {"effort": null} asks for nothing
        value = {name: part for name, part in value.items() if part is not None}
    return value is not None and value not in plain


def schema_of(body: ResponseRequest) -> Mapping[str, Any] | None:
    """The JSON schema that the answer is held to. Raises BadInput."""
    wish = body.text.format if body.text is not None else None
    if wish is None or wish.type == "text":
        return None
    if wish.type == "json_object":
        return {"type": "object"}
    for name, value in (("text.format.name", wish.name), ("text.format.schema", wish.schema_)):
        if value is None:
            raise BadInput("The parameter {name} is missing.", name=repr(name), parameter=name,
                           code="missing_required_parameter")
    return wish.schema_


def said(body: ResponseRequest, *, stored: bool) -> Said:
    """The input as a turn. Messages of one side in a row become one: a conversation here goes question by answer.

    Raises BadInput that names what of it is wrong.
    """
    if isinstance(body.input, str):
        return Said(question=_full(body.input, "input"), instructions=body.instructions or "")
    system: list[str] = []
    turns: list[Message] = []
    for number, item in enumerate(body.input):
        text = _text(item.content)
        if item.role in ("system", "developer"):
            system.append(text)
        elif turns and turns[-1].role == item.role:
            turns[-1] = Message(role=turns[-1].role, text=joined(turns[-1].text, text))
        elif not turns and item.role == "assistant" and stored:
            raise BadInput("An answer without a question before it cannot be stored. Send store: false, or the question.",
                           parameter=f"input[{number}]", code="invalid_value")
        else:
            turns.append(Message(role="user" if item.role == "user" else "assistant", text=text))
    if not turns or turns[-1].role != "user":
        raise BadInput("The last message of the input must be the user's: it is what is answered.",
                       parameter="input", code="invalid_value")
    question = _full(turns[-1].text, "input")
    return Said(question=question, instructions=body.instructions or "", system=joined(*system), earlier=tuple(turns[:-1]))


def conversation_id(body: ResponseRequest) -> str:
    """The conversation that `conversation` names, "" for none."""
    if isinstance(body.conversation, ConversationName):
        return body.conversation.id
    return body.conversation or ""


def _text(content: str | Sequence[Part]) -> str:
    return content if isinstance(content, str) else "".join(part.text for part in content)


def _full(text: str, name: str) -> str:
    if not text.strip():
        raise BadInput("The question is empty.", parameter=name, code="invalid_value")
    return text
