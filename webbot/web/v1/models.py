"""GET /v1/models: what a request may name as its model."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterable
from typing import Literal

from flask import jsonify, request
from flask.typing import ResponseReturnValue
from flask_openapi3 import APIBlueprint
from pydantic import BaseModel

from webbot import __version__
from webbot.engines.base import Engine, EngineState
from webbot.errors import NotFound
from webbot.models.fleet import LOCAL
from webbot.services import Services
from webbot.web.v1.operations import operation

OWNER = "webbot"


class ModelObject(BaseModel):
    """A model that can be asked. `max_model_len` is its window in tokens where it is known; other servers call it so, too."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    max_model_len: int | None = None


class ModelList(BaseModel):
    object: Literal["list"]
    data: list[ModelObject]


class ModelPath(BaseModel):
    model: str


class Models:
    """The names of the models. `others` name those of further doors (speech, embeddings)."""

    def __init__(self, services: Services, blueprint: APIBlueprint, others: Iterable[Callable[[], list[str]]] = ()) -> None:
        self.services, self.others = services, list(others)
        self.began = int(time.time())
        operation(blueprint, "get", "/models", self.list_models, summary="List the models", tag="Models",
                  responses={200: ModelList})
        operation(blueprint, "get", "/models/<path:model>", self.get_model, summary="One model", tag="Models", path=ModelPath,
                  responses={200: ModelObject})

    def list_models(self) -> ResponseReturnValue:
        """The model of this machine under `llama`, every language model under its name, then those for speech and embeddings."""
        return jsonify(object="list", data=list(self._objects().values()))

    def get_model(self, model: str) -> ResponseReturnValue:
        objects = self._objects()
        if model not in objects:
            raise unknown_model(model)
        return jsonify(objects[model])

    def _objects(self) -> dict[str, dict[str, object]]:
        windows = {LOCAL: self._window(), **{state.name: state.context for state in self.services.usable()}}
        windows |= {name: 0 for other in self.others for name in other() if name not in windows}
        return {name: self._object(name, window) for name, window in windows.items()}

    def _window(self) -> int:
        return self.services.fleet.engine(LOCAL).state().context

    def _object(self, name: str, window: int) -> dict[str, object]:
        told: dict[str, object] = {"id": name, "object": "model", "created": self.began, "owned_by": OWNER}
        return told | {"max_model_len": window} if window else told


def language_model(services: Services, name: str) -> Engine:
    """The language model that a request names. Raises NotFound.

    What another webbot asks is not passed on to a server that takes any name: two of them would ask each other for ever.
    """
    try:
        return services.fleet.engine(name, known=request.headers.get("User-Agent", "").startswith("webbot/"))
    except NotFound:
        raise unknown_model(name) from None


def model_of_turn(name: str) -> str | None:
    """The model that a request names for a turn of a stored conversation, None where it leaves it the conversation's own."""
    return None if name == LOCAL else name


def unknown_model(name: str) -> NotFound:
    """OpenAI's answer to a model that is not there."""
    return NotFound("There is no model {name} for this. GET /v1/models lists the models.", name=repr(name[:100]),
                    parameter="model", code="model_not_found")


def fingerprint(state: EngineState) -> str:
    """Changes with what may change the answers to the same seed: the model, its tokenizer, this program."""
    told = "\0".join((state.name, state.tokenizer, str(state.context), __version__))
    return f"fp_{hashlib.sha256(told.encode()).hexdigest()[:10]}"


def model_id(title: str) -> str:
    """A name without blanks: "Llama 3.2 1B" is llama-3.2-1b."""
    return re.sub(r"\s+", "-", title.strip().lower())
