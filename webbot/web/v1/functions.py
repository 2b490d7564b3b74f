"""Functions that a model may ask for, and the form that an answer is held to, as programs send them for a chat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, Tag

from webbot.errors import BadInput
from webbot.messages import Tool
from webbot.web.v1.messages import NAME
from webbot.web.v1.operations import Sent, one_of


class Function(Sent):
    name: str = Field(pattern=NAME)
    description: str | None = None
    parameters: dict[str, Any] | None = Field(None, description="The JSON schema of the arguments; without it there are none.")
    strict: bool | None = Field(None, description="Accepted: arguments are held to the schema where a call is forced.")


class FunctionTool(Sent):
    type: Literal["function"]
    function: Function


class NamedFunction(Sent):
    name: str = Field(pattern=NAME)


class NamedTool(Sent):
    type: Literal["function"]
    function: NamedFunction


def _choice(value: Any) -> str:
    return "Named" if isinstance(value, Mapping) else "Word"


ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("Word")] | Annotated[NamedTool, Tag("Named")], one_of(_choice)
]


class PlainText(Sent):
    type: Literal["text"]


class AnyObject(Sent):
    """The answer is a JSON object, whatever is in it."""

    type: Literal["json_object"]


class NamedSchema(Sent):
    """`strict` is accepted: an answer always fits the schema."""

    name: str = Field(pattern=NAME)
    description: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")
    strict: bool | None = None


class FittingSchema(Sent):
    """The answer is JSON that fits the schema."""

    type: Literal["json_schema"]
    json_schema: NamedSchema


FORMATS = {"text": "Plain", "json_object": "Object", "json_schema": "Schema"}


def _format(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, Mapping) else None
    return FORMATS.get(kind) if isinstance(kind, str) else None


ResponseFormat = Annotated[
    Annotated[PlainText, Tag("Plain")] | Annotated[AnyObject, Tag("Object")] | Annotated[FittingSchema, Tag("Schema")],
    one_of(_format, "type", f"one of {', '.join(FORMATS)} is needed"),
]


def schema_of(sent: ResponseFormat | None) -> Mapping[str, Any] | None:
    """The JSON schema that the answer must fit; None for plain text."""
    if isinstance(sent, AnyObject):
        return {"type": "object"}
    return (sent.json_schema.schema_ or {}) if isinstance(sent, FittingSchema) else None


def tools_of(sent: Sequence[FunctionTool], choice: ToolChoice | None) -> dict[str, Any]:
    """`tools`, `tool_choice` and `tool` of Options. Raises BadInput for a choice that the tools do not have."""
    tools = tuple(
        Tool(name=tool.function.name, description=tool.function.description or "", parameters=tool.function.parameters or {})
        for tool in sent
    )
    names = {tool.name for tool in tools}
    if len(names) < len(tools):
        raise BadInput("Two functions have the same name.", parameter="tools", code="invalid_value")
    if isinstance(choice, NamedTool):
        if choice.function.name not in names:
            raise BadInput("The function that must be called is not among the tools.", parameter="tool_choice",
                           code="invalid_value")
        return {"tools": tools, "tool_choice": "required", "tool": choice.function.name}
    if choice == "required" and not tools:
        raise BadInput("A function must be called, but there are no tools.", parameter="tool_choice", code="invalid_value")
    return {"tools": tools, "tool_choice": choice or "auto"} if tools else {}
