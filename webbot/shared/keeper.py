"""The keeper: the process that holds the models of a machine for its web processes.

A connection is one request, {"do": name, ...}; its end is the only cancel. The settings come as the first line of stdin, whose
end means that the server is gone: then the models end. It keeps its network, for downloads and servers elsewhere.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from typing import Any

from webbot import logs, makers, values
from webbot.engines.base import Embeddings, Engine
from webbot.errors import BadInput, Unavailable
from webbot.messages import Called, Delta, Finished, Message, Options, Queued
from webbot.modelhost import serve
from webbot.models import control
from webbot.models.control import Control
from webbot.models.household import Household
from webbot.settings import Settings
from webbot.shared.packing import vector_frames
from webbot.speech.segments import Segment, Wishes
from webbot.speech.transcribe import Transcript

Frames = Iterator[dict[str, Any]]
ACTS = ("use", "pull", "cancel", "unload", "remove")
TOLD = ("model_states", "usable", "upstream_names", "coming", "coming_speech", "transcriber_state", "figures")


class Keeper:
    """A worker of modelhost.serving."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.models: Household | None = None
        self.control: Control | None = None

    def load(self, report: Callable[[float | None, str], None]) -> dict[str, Any]:
        """Opens everything; the models load on. Raises SettingsError."""
        self.models = makers.household(self.settings)
        self.models.begin()
        self.control = Control(control.place(self.settings.data), self.models.command)
        self.control.start()
        return {}

    def handle(self, request: dict[str, Any], payload: bytes, gone: Callable[[], bool]) -> Frames:
        """Answers one request. Raises Unavailable while nothing is open yet."""
        if self.models is None:
            raise Unavailable("The models are being started. Please try again in a moment.", retry_after=5)
        with closing(self._answer(self.models, str(request.get("do")), request, payload)) as answer:  # type: ignore[type-var]
            for frame in answer:
                if gone():
                    return
                yield frame

    def _answer(self, models: Household, wanted: str, request: dict[str, Any], payload: bytes) -> Frames:
        if wanted in ACTS:
            getattr(models, wanted)(request["name"])
            yield {"value": None}
        elif wanted in TOLD:
            yield {"value": values.pack(getattr(models, wanted)())}
        elif wanted == "listen":
            yield from _parts(models.listen(payload, values.unpack(Wishes, request["wishes"])))
        elif wanted.startswith("embedder "):
            yield from self._embedder(models, wanted, request)
        else:
            yield from self._engine(models, wanted, request)

    @staticmethod
    def _embedder(models: Household, wanted: str, request: dict[str, Any]) -> Frames:
        if models.embedder is None:
            raise Unavailable("There is no embedding model.")
        if wanted == "embedder state":
            yield {"value": asdict(models.embedder.state())}
        else:
            yield from _vectors(models.embedder.embedding(request["texts"], owner=request["owner"]))

    def _engine(self, models: Household, wanted: str, request: dict[str, Any]) -> Frames:
        """What is asked of a language model."""
        name = models.fleet.resolved(request["name"], known=request.get("known", False))
        engine = models.fleet.engine(name)
        if wanted == "engine":
            yield {"value": {"name": name, "state": values.pack(engine.state())}}
        elif wanted == "wake":
            engine.wake()
            yield {"value": None}
        elif wanted in ("room", "give back"):
            (engine.room if wanted == "room" else engine.give_back)(request["owner"])
            yield {"value": None}
        elif wanted == "busy":
            yield {"value": engine.busy()}
        elif wanted == "count":
            yield {"value": engine.count(request["texts"])}
        elif wanted == "prepare":
            messages = [values.unpack(Message, message) for message in request["messages"]]
            engine.prepare(messages, owner=request["owner"], common=request["common"])
            yield {"value": None}
        elif wanted == "embed":
            yield from _vectors(engine.embedding(request["texts"], owner=request["owner"]))
        else:
            yield from _parts(self._writes(engine, wanted, request))

    @staticmethod
    def _writes(engine: Engine, wanted: str, request: dict[str, Any]) -> Iterator[Queued | Delta | Called | Finished]:
        options, owner = values.unpack(Options, request["options"]), request["owner"]
        if wanted == "answer":
            messages = [values.unpack(Message, message) for message in request["messages"]]
            yield from engine.answer(messages, options, owner=owner)
        elif wanted == "complete":
            yield from engine.complete(request["prompt"], options, owner=owner)
        else:
            raise BadInput("The server does not know this request.")

    def close(self) -> None:
        if self.control is not None:
            self.control.close()
        if self.models is not None:
            self.models.close()


def _parts(made: Iterator[Queued | Delta | Called | Finished] | Iterator[Segment | Transcript | None]) -> Frames:
    """A frame for each, {} for a sign of life."""
    with closing(made) as parts:  # type: ignore[type-var] # a generator: closing it frees the model
        for part in parts:
            silent = part is None or (isinstance(part, Delta) and not part.text and not part.tokens)
            yield {} if silent else {"part": values.pack(part)}


def _vectors(made: Iterator[Embeddings | None]) -> Frames:
    with closing(made) as found:  # type: ignore[type-var] # a generator: closing it frees the model
        for each in found:
            if each is None:
                yield {}
            else:
                yield from vector_frames(each)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", required=True)
    chosen = parser.parse_args()
    os.umask(0o077)
    settings = values.unpack(Settings, json.loads(sys.stdin.buffer.readline()))
    logs.configure(settings.log_level)
    serve(chosen.socket, Keeper(settings), needs_network=True)


if __name__ == "__main__":
    main()
