"""POST /v1/embeddings: vectors of texts, from a sentence-embedding model or from the language model's own states."""

from __future__ import annotations

import base64
import json
import sys
import time
from array import array
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from flask import Response, g
from flask.typing import ResponseReturnValue
from flask_openapi3 import APIBlueprint
from pydantic import BaseModel, Field, Tag

from webbot.chat import allowance as allowances
from webbot.chat.waiting import ready
from webbot.engines.base import Embeddings
from webbot.errors import BadInput, Problem
from webbot.services import Services
from webbot.web.v1.models import language_model, model_id
from webbot.web.v1.operations import Sent, one_of, operation
from webbot.web.v1.stream import whole

MOST_INPUTS = 2048
Text = Annotated[str, Field(min_length=1)]
Token = Annotated[int, Field(ge=0, le=2**31 - 1)]
Tokens = Annotated[list[Token], Field(min_length=1)]
Encoding = Literal["float", "base64"]


def _kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "Text"
    first = value[0] if isinstance(value, list) and value else ""
    if not isinstance(value, list) or not isinstance(first, str | int | list) or isinstance(first, bool):
        return None
    return {str: "Texts", int: "Tokens", list: "ManyTokens"}[type(first)]


Input = Annotated[
    Annotated[Text, Tag("Text")]
    | Annotated[list[Text], Field(min_length=1, max_length=MOST_INPUTS), Tag("Texts")]
    | Annotated[Tokens, Tag("Tokens")]
    | Annotated[list[Tokens], Field(max_length=MOST_INPUTS), Tag("ManyTokens")],
    one_of(_kind, "", "a text, a list of texts, token ids or a list of lists of token ids is needed"),
]


class EmbeddingRequest(Sent):
    """Texts, or their token ids in the tokenizer of the model."""

    model: str = Field(max_length=256)
    input: Input
    encoding_format: Encoding | None = None
    dimensions: int | None = Field(None, ge=1, le=2**31 - 1)
    user: Annotated[str, Field(max_length=512)] | None = None


class EmbeddingObject(BaseModel):
    """`embedding` is a list of numbers, or base64 of them as little-endian float32."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingUsage(BaseModel):
    prompt_tokens: int
    total_tokens: int


class EmbeddingList(BaseModel):
    object: Literal["list"]
    data: list[EmbeddingObject]
    model: str
    usage: EmbeddingUsage


class EmbeddingDoor:
    """The models that make vectors."""

    def __init__(self, services: Services, blueprint: APIBlueprint) -> None:
        self.services, self.allowance = services, services.chat.programs.allowance
        operation(blueprint, "post", "/embeddings", self.create, summary="Vectors of texts", tag="Embeddings",
                  body=EmbeddingRequest, responses={200: EmbeddingList})

    def models(self) -> list[str]:
        """The names of the sentence-embedding model, if there is one."""
        return [self.services.embedder.name] if self.services.embedder is not None else []

    def create(self, body: EmbeddingRequest) -> ResponseReturnValue:
        """A vector of unit length for each input. A text that is too long for the model is an error; none is cut off."""
        single = isinstance(body.input, str) or isinstance(body.input[0], int)
        texts: Any = [body.input] if single else body.input
        allowances.ask(self.allowance, g.owner)
        try:
            found: list[Embeddings] = whole(self._embedding(body, texts))
        except Problem as problem:
            if single and problem.parameter == "input[0]":
                problem.parameter = "input"
            raise
        self.allowance.used(g.owner, found[-1].tokens)
        self._check_size(body, len(found[-1].vectors[0]))
        return Response(_pieces(body, found[-1]), mimetype="application/json")

    def _embedding(self, body: EmbeddingRequest, texts: Sequence[str | Sequence[int]]) -> Iterator[Embeddings | None]:
        embedder = self.services.embedder
        if embedder is not None and model_id(body.model) == model_id(embedder.name):
            self._check_size(body, embedder.state().info.get("dimensions"))
            return embedder.embedding(texts, owner=g.owner)
        engine = language_model(self.services, body.model)
        state = ready(engine)
        if "embed" not in state.abilities:
            raise BadInput("The model {model} makes no embeddings.", model=state.name, parameter="model",
                           code="unsupported_model")
        return engine.embedding(texts, owner=g.owner)

    @staticmethod
    def _check_size(body: EmbeddingRequest, size: int | None) -> None:
        if body.dimensions is not None and size is not None and body.dimensions != size:
            raise BadInput("The vectors of this model have {size} dimensions, and cannot be had shorter or longer.", size=size,
                           parameter="dimensions", code="unsupported_value")


def _pieces(body: EmbeddingRequest, made: Embeddings) -> Iterator[bytes]:
    """The answer, vector by vector: 2048 of them are many megabytes, and others are served in between."""
    yield b'{"object":"list","data":['
    for index, vector in enumerate(made.vectors):
        told: Any = list(vector) if body.encoding_format != "base64" else _base64(vector)
        text = json.dumps({"object": "embedding", "index": index, "embedding": told}, separators=(",", ":"))
        yield b"," * bool(index) + text.encode()
        time.sleep(0)
    usage = {"prompt_tokens": made.tokens, "total_tokens": made.tokens}
    yield f'],"model":{json.dumps(body.model)},"usage":{json.dumps(usage, separators=(",", ":"))}}}\n'.encode()


def _base64(vector: Sequence[float]) -> str:
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()
