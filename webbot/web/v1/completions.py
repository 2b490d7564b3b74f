"""POST /v1/completions: a text, or token ids, that the model goes on with as they stand."""

from __future__ import annotations

import dataclasses
import secrets
import time
from typing import Annotated, Any

from flask import g, jsonify
from flask.typing import ResponseReturnValue
from flask_openapi3 import APIBlueprint
from pydantic import Field, Tag

from webbot.errors import BadInput
from webbot.messages import Options
from webbot.services import Services
from webbot.web.v1.answers import TextCompletion
from webbot.web.v1.chunks import Head, without_ticks
from webbot.web.v1.continuations import Asked, chunks, completion
from webbot.web.v1.models import fingerprint, language_model
from webbot.web.v1.operations import Refused, one_of, operation
from webbot.web.v1.sampling import Sampled, sampled, with_usage
from webbot.web.v1.stream import stream, whole

MOST_PROMPTS, MOST_CHOICES = 64, 128
MOST_IDS = 1_048_576
USUAL_TOKENS = 16  # of an answer, where max_tokens is absent: OpenAI's default
Id = Annotated[int, Field(ge=0, lt=2**31)]
Ids = Annotated[list[Id], Field(min_length=1, max_length=MOST_IDS)]


def _kind(value: Any) -> str:
    if not isinstance(value, list):
        return "Text"
    first = value[0] if value else ""
    return "Texts" if isinstance(first, str) else "IdLists" if isinstance(first, list) else "Ids"


Prompt = Annotated[
    Annotated[str, Tag("Text")] | Annotated[Annotated[list[str], Field(min_length=1, max_length=MOST_PROMPTS)], Tag("Texts")]
    | Annotated[Ids, Tag("Ids")] | Annotated[Annotated[list[Ids], Field(min_length=1, max_length=MOST_PROMPTS)], Tag("IdLists")],
    one_of(_kind),
]


class CompletionRequest(Sampled):
    """`max_tokens` is 16 where it is absent."""

    prompt: Prompt = Field(description="One text, several, the token ids of one, or of several. No template is used.")
    echo: bool | None = Field(None, description="The answer begins with the prompt. Not for token ids, and not with logprobs.")
    best_of: int | None = Field(None, ge=1, le=16, description="Only the number that n is.")
    logprobs: int | None = Field(None, ge=0, le=5)
    suffix: Refused = None


class Completions:
    def __init__(self, services: Services, blueprint: APIBlueprint) -> None:
        self.services = services
        operation(blueprint, "post", "/completions", self.create_completion, summary="Go on with a text", tag="Completions",
                  body=CompletionRequest, responses={200: TextCompletion})

    def create_completion(self, body: CompletionRequest) -> ResponseReturnValue:
        """Choice p * n + i is the i-th answer to the prompt p. At most 128 choices."""
        state = language_model(self.services, body.model).state()
        prompts, count = prompts_of(body), body.n or 1
        options = options_of(body, self.services.chat.options(state))
        echoes = [str(prompt) for prompt in prompts for _ in range(count)] if body.echo else []
        parts = self.services.chat.programs.texts(g.owner, prompts, options, count, body.model)
        head = Head(id=f"cmpl-{secrets.token_hex(12)}", created=int(time.time()), model=body.model,
                    fingerprint=fingerprint(state))
        asked = Asked(echoes=echoes, prompts=len(prompts), choices=len(prompts) * count, logprobs=body.logprobs is not None)
        if body.stream:
            return stream(chunks(head, parts, asked, usage=with_usage(body)))
        return jsonify(completion(head, whole(without_ticks(parts)), asked))


def prompts_of(body: CompletionRequest) -> list[str | list[int]]:
    """Raises BadInput for what cannot be asked of these prompts."""
    sent = body.prompt
    prompts: list[Any] = list(sent) if isinstance(sent, list) and not isinstance(sent[0], int) else [sent]
    if len(prompts) * (body.n or 1) > MOST_CHOICES:
        raise BadInput("The prompts and n ask for more than {limit} choices.", limit=MOST_CHOICES, parameter="n",
                       code="invalid_value")
    if body.best_of not in (None, body.n or 1):
        raise BadInput("best_of can only be what n is: every answer is given back.", parameter="best_of",
                       code="unsupported_parameter")
    if body.echo and not isinstance(prompts[0], str):
        raise BadInput("A prompt of token ids cannot be echoed.", parameter="echo", code="unsupported_parameter")
    if body.echo and body.logprobs is not None:
        raise BadInput("The log probabilities of an echoed prompt are not told.", parameter="echo", code="unsupported_parameter")
    return prompts


def options_of(body: CompletionRequest, defaults: Options) -> Options:
    options = Options(**sampled(body, defaults), logprobs=body.logprobs)
    return dataclasses.replace(options, max_tokens=body.max_tokens or USUAL_TOKENS)
