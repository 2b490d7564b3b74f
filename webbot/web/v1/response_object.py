"""The response object of /v1/responses, from what is stored of an answer or from one that grows."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from webbot.chat.responding import Found
from webbot.chat.turns import was_cut
from webbot.messages import Message, Usage
from webbot.models.fleet import LOCAL
from webbot.web.v1.response_request import ResponseRequest

PREFIX = "resp_"
ID_LENGTH = 22  # characters of an id of ours
State = Literal["in_progress", "completed", "incomplete", "cancelled", "failed"]
STATES: dict[str, State] = {"streaming": "in_progress", "complete": "completed", "stopped": "cancelled", "failed": "failed"}
LENGTH = "max_output_tokens"
EVENTS = {"text/event-stream": {"schema": {
    "type": "string", "description": "With stream: true. Events from response.created to response.completed.",
}}}


class ResponseObject(BaseModel):
    """An answer with what was asked for. `output` holds one message, none before its first word."""

    id: str
    object: Literal["response"]
    created_at: float
    status: State
    model: str
    output: list[dict[str, Any]]
    usage: dict[str, Any] | None
    error: dict[str, Any] | None
    incomplete_details: dict[str, Any] | None
    conversation: dict[str, Any] | None
    previous_response_id: str | None
    instructions: str | None
    metadata: dict[str, str]


class WrittenResponse(ResponseObject):
    """A response, or its events."""

    model_config = ConfigDict(openapi_extra={"content": EVENTS})  # type: ignore[typeddict-unknown-key] # the document's


class ItemList(BaseModel):
    object: Literal["list"]
    data: list[dict[str, Any]]
    first_id: str | None
    last_id: str | None
    has_more: bool


class Deleted(BaseModel):
    id: str
    object: Literal["response"]
    deleted: Literal[True]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What stays the same while an answer grows. `asked` is what the request said, see `asked`."""

    id: str
    message: str
    created_at: float
    conversation: str
    asked: Mapping[str, Any]


def response_id(conversation: str, message: str) -> str:
    """The id of a stored answer: it says where the answer is found again."""
    return f"{PREFIX}{conversation}{message}"


def place_of(response: str) -> tuple[str, str] | None:
    """The conversation and the message behind an id of `response_id`; None when it is none."""
    ids = response.removeprefix(PREFIX)
    if not response.startswith(PREFIX) or len(ids) != 2 * ID_LENGTH or not ids.isascii():
        return None
    return ids[:ID_LENGTH], ids[ID_LENGTH:]


def asked(body: ResponseRequest, temperature: float, top_p: float) -> dict[str, Any]:
    """What the response object repeats of its request, as JSON; kept with a stored answer."""
    wish = body.text.format if body.text is not None else None
    form = {"type": "text"} if wish is None else wish.model_dump(by_alias=True, exclude_none=True)
    return {
        "model": body.model, "instructions": body.instructions, "previous_response_id": body.previous_response_id,
        "temperature": temperature, "top_p": top_p, "max_output_tokens": body.max_output_tokens,
        "metadata": body.metadata or {}, "text": {"format": form, "verbosity": "medium"},
        "truncation": body.truncation or "auto", "store": body.store is not False, "user": body.user,
        "safety_identifier": body.safety_identifier, "prompt_cache_key": body.prompt_cache_key,
        "max_tool_calls": body.max_tool_calls, "tool_choice": body.tool_choice or "auto",
        "parallel_tool_calls": body.parallel_tool_calls is not False,
    }


# What is told of an answer that was not asked for here: a person's, on the page.
PLAIN = {
    "model": LOCAL, "instructions": None, "previous_response_id": None, "temperature": None, "top_p": None,
    "max_output_tokens": None, "metadata": {}, "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "truncation": "auto", "store": True, "user": None, "safety_identifier": None, "prompt_cache_key": None,
    "max_tool_calls": None, "tool_choice": "auto", "parallel_tool_calls": True,
}


def unstored_draft(asked: Mapping[str, Any]) -> Draft:
    """A draft whose ids can never be found."""
    return Draft(id=PREFIX + secrets.token_hex(24), message=secrets.token_hex(16), created_at=time.time(), conversation="",
                 asked=asked)


def response_object(
    draft: Draft, status: State, text: str = "", *, usage: Usage | None = None, error: str = "",
) -> dict[str, Any]:
    """The object as it is sent."""
    output = [item(draft, text, status)] if text or status in ("completed", "incomplete") else []
    return {
        "id": draft.id, "object": "response", "created_at": int(draft.created_at), "status": status, "background": False,
        "completed_at": int(draft.created_at + usage.seconds) if usage is not None and status == "completed" else None,
        "error": {"code": "server_error", "message": error or "The answer ended unexpectedly."} if status == "failed" else None,
        "incomplete_details": {"reason": LENGTH} if status == "incomplete" else None,
        "output": output, "usage": usage_object(usage) if usage is not None else None,
        "conversation": {"id": draft.conversation} if draft.conversation else None,
        "tools": [], "reasoning": {"effort": None, "summary": None}, "service_tier": "default", "top_logprobs": 0,
        **draft.asked,
    }


def stored_response(found: Found) -> dict[str, Any]:
    """The object of an answer that was found again."""
    answer = found.answer
    status: State = "incomplete" if was_cut(answer) else STATES[answer.status]
    draft = Draft(
        id=response_id(found.about.id, answer.id), message=answer.id, created_at=answer.created_at,
        conversation=found.about.id, asked=PLAIN | found.request["asked"] if found.request else PLAIN,
    )
    return response_object(draft, status, answer.text, usage=answer.usage, error=answer.error)


def item(draft: Draft, text: str, status: State, *, empty: bool = False) -> dict[str, Any]:
    """The message of the output; `empty` before its content is there."""
    told = status if status in ("completed", "in_progress") else "incomplete"
    return {"id": f"msg_{draft.message}", "type": "message", "role": "assistant", "status": told,
            "content": [] if empty else [part(text)]}


def part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def usage_object(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.answer_tokens, "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt_tokens + usage.answer_tokens,
    }


def input_items(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as items of an input."""
    return [
        {"id": f"msg_{message.id}", "type": "message", "role": message.role, "status": "completed",
         "content": [part(message.text) if message.role == "assistant" else {"type": "input_text", "text": message.text}]}
        for message in messages
    ]
