"""POST /v1/chat/completions: an answer to messages that a program brings along, or a turn of a stored conversation."""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Iterator
from typing import Annotated, Literal

from flask import Response, g, jsonify
from flask.typing import ResponseReturnValue
from flask_openapi3 import APIBlueprint
from pydantic import Field

from webbot.errors import BadInput
from webbot.messages import Conversation, Options
from webbot.services import Services
from webbot.web.v1.answers import ChatCompletion
from webbot.web.v1.chunks import Head, Part, chunks, completion, without_ticks
from webbot.web.v1.functions import FunctionTool, ResponseFormat, ToolChoice, schema_of, tools_of
from webbot.web.v1.joining import HEADER, joined_conversation, named_conversation
from webbot.web.v1.messages import MOST_MESSAGES, AnyMessage, conversation
from webbot.web.v1.models import fingerprint, language_model, model_of_turn
from webbot.web.v1.operations import Refused, operation
from webbot.web.v1.sampling import MOST_TOKENS, Label, Sampled, sampled, with_usage
from webbot.web.v1.stream import stream, whole
from webbot.web.v1.turn import turn

MetadataKey = Annotated[str, Field(max_length=64)]
MetadataValue = Annotated[str, Field(max_length=512)]


class ChatRequest(Sampled):
    """Messages for the model. With `metadata.conversation_id` (or the header X-Conversation-Id) the one message, a user's,
    becomes a turn of that stored conversation, which has its own memory."""

    messages: list[AnyMessage] = Field(min_length=1, max_length=MOST_MESSAGES)
    max_completion_tokens: int | None = Field(None, ge=1, le=MOST_TOKENS)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    response_format: ResponseFormat | None = None
    tools: Annotated[list[FunctionTool], Field(max_length=128)] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = Field(None, description="Accepted; local models ask for one function at a time.")
    metadata: Annotated[dict[MetadataKey, MetadataValue], Field(max_length=16)] | None = Field(
        None, description="`conversation_id` joins a stored conversation; the rest is accepted and not kept.",
    )
    modalities: Annotated[list[Literal["text"]], Field(min_length=1, max_length=1)] | None = None
    service_tier: Literal["auto", "default"] | None = None
    store: Literal[False] | None = None
    safety_identifier: Label | None = Field(None, description="Accepted; the key says who asks.")
    prompt_cache_key: Label | None = Field(None, description="Accepted; prompts that begin alike are found by themselves.")
    prompt_cache_retention: Refused = None
    reasoning_effort: Refused = None
    verbosity: Refused = None
    audio: Refused = None
    prediction: Refused = None
    web_search_options: Refused = None
    functions: Refused = None
    function_call: Refused = None


class Chats:
    def __init__(self, services: Services, blueprint: APIBlueprint) -> None:
        self.services = services
        operation(blueprint, "post", "/chat/completions", self.create_chat, summary="Answer a chat", tag="Chat", body=ChatRequest,
                  responses={200: ChatCompletion})

    def create_chat(self, body: ChatRequest) -> ResponseReturnValue:
        """Without `stream` one object at the end; with it, chunks as it grows. The model is free when the client leaves."""
        state = language_model(self.services, body.model).state()
        options = options_of(body, self.services.chat.options(state))
        about = self._joined(body, options)
        parts = self._turn(about, body, options) if about else self._answers(body, options)
        head = Head(id=f"chatcmpl-{secrets.token_hex(12)}", created=int(time.time()), model=body.model,
                    fingerprint=fingerprint(state))
        logprobs = bool(body.logprobs)
        response: Response
        if body.stream:
            response = stream(chunks(head, parts, usage=with_usage(body), logprobs=logprobs))
        else:
            response = jsonify(completion(head, whole(without_ticks(parts)), body.n or 1, logprobs=logprobs))
        if about:
            response.headers[HEADER] = about.id
        return response

    def _answers(self, body: ChatRequest, options: Options) -> Iterator[tuple[int, Part]]:
        return self.services.chat.programs.answers(g.owner, conversation(body.messages), options, body.n or 1, body.model)

    def _joined(self, body: ChatRequest, options: Options) -> Conversation | None:
        """The conversation that the request joins. Raises BadInput for what makes no sense there."""
        name = named_conversation(body.metadata)
        if not name:
            return None
        if len(body.messages) != 1 or body.messages[0].role != "user":
            raise BadInput("A stored conversation has its own memory and role: send exactly one message, a user's.",
                           parameter="messages", code="invalid_value")
        for given, parameter in ((body.n not in (None, 1), "n"), (options.tools, "tools"), (body.logprobs, "logprobs")):
            if given:
                raise BadInput("{name} cannot be used in a stored conversation.", name=parameter, parameter=parameter,
                               code="unsupported_parameter")
        return joined_conversation(self.services, name)

    def _turn(self, about: Conversation, body: ChatRequest, options: Options) -> Iterator[tuple[int, Part]]:
        return turn(self.services, about, conversation(body.messages)[0].text, options, model_of_turn(body.model))


def options_of(body: ChatRequest, defaults: Options) -> Options:
    """Raises BadInput for parameters that contradict each other."""
    if body.max_tokens is not None and body.max_completion_tokens is not None:
        raise BadInput("max_tokens is the old name of max_completion_tokens: send one of them.", parameter="max_tokens",
                       code="invalid_value")
    if body.top_logprobs is not None and not body.logprobs:
        raise BadInput("top_logprobs needs logprobs: true.", parameter="top_logprobs", code="invalid_value")
    options = Options(
        **sampled(body, defaults), **tools_of(body.tools or (), body.tool_choice), schema=schema_of(body.response_format),
        logprobs=(body.top_logprobs or 0) if body.logprobs else None,
    )
    return dataclasses.replace(options, max_tokens=body.max_completion_tokens or body.max_tokens)
