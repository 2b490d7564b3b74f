"""The web process's side: asks the keeper, and gives engines and the rest as if the models were in this process.

Each request is a connection of its own; closing the generator of an answer closes it, and that frees the model. While the keeper
is being started again a state says so, and what needs a model raises Unavailable.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from webbot import values
from webbot.engines.base import Embeddings, Engine, EngineState
from webbot.errors import Problem, Unavailable
from webbot.exchange import Coming
from webbot.messages import Called, Delta, Finished, Message, Options, Queued
from webbot.modelhost import HostState, answered, frames
from webbot.models.state import ModelState
from webbot.settings import Settings
from webbot.shared.packing import read_vectors
from webbot.speech.segments import Segment, Wishes
from webbot.speech.transcribe import Transcript

PATIENCE_SECONDS = 20.0  # without a sign of life; the keeper gives one every 0.1 s
FRESH_SECONDS = 0.1  # a state is asked for again after so long
MOST_KEPT = 200  # states; names come from requests
LOST = "The models were lost and are being started again. Please try again in a moment."
Part = Queued | Delta | Called | Finished


class Asking:
    """Requests to the keeper that listens at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def frames(self, wanted: str, payload: bytes = b"", **given: Any) -> Iterator[dict[str, Any]]:
        """The frames of the answer; {} at least every 0.1 s while nothing comes. Raises what the keeper raises, and Unavailable
        where there is none."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(PATIENCE_SECONDS)
            connection.connect(str(self.path))
            frames.send(connection, {"do": wanted, **given}, payload)
            yield from answered(connection, PATIENCE_SECONDS)
        except OSError:  # also TimeoutError
            raise Unavailable(LOST, retry_after=5) from None
        finally:
            connection.close()

    def value(self, wanted: str, **given: Any) -> Any:
        """The one value of an answer."""
        with contextlib.closing(self.frames(wanted, **given)) as answer:  # type: ignore[type-var] # a generator
            for frame in answer:
                if "value" in frame:
                    return frame["value"]
        raise Unavailable(LOST, retry_after=5)


class SharedModels:
    """What models.household.Household is to the doors, and an engines.base.Engines."""

    def __init__(self, settings: Settings, path: Path) -> None:
        self.settings, self.asking = settings, Asking(path)
        self.embedder = SharedEmbedder(self.asking, settings.embedding_model) if settings.embedding_model else None
        self._states: dict[tuple[str, bool], tuple[float, str, EngineState]] = {}

    # engines

    def engine(self, name: str = "", *, known: bool = False) -> SharedEngine:
        """As Fleet.engine."""
        try:
            return SharedEngine(self, self.found(name, known)[0])
        except Unavailable:
            return SharedEngine(self, name)  # which says so whatever is asked of it

    def found(self, name: str, known: bool = False) -> tuple[str, EngineState]:
        """The name under which that engine is found now, and its state. Raises NotFound, and Unavailable without a keeper."""
        asked, resolved, state = self._states.get((name, known), (0.0, "", None))
        if state is None or time.monotonic() - asked > FRESH_SECONDS:
            told = self.asking.value("engine", name=name, known=known)
            resolved, state = told["name"], values.unpack(EngineState, told["state"])
            if len(self._states) > MOST_KEPT:
                self._states.clear()
            self._states[name, known] = (time.monotonic(), resolved, state)
        return resolved, state

    def last_state(self, name: str) -> EngineState:
        """As it was last seen, and loading: the keeper is being started again."""
        _, _, state = self._states.get((name, False), (0.0, "", EngineState(name=name, status="loading")))
        return dataclasses.replace(state, status="loading", progress=None, sentence=LOST)

    def changed(self) -> None:
        """What was seen may be different now."""
        self._states.clear()

    # models as things

    def model_states(self) -> list[ModelState]:
        return self._list("model_states")

    def usable(self) -> list[ModelState]:
        return self._list("usable")

    def upstream_names(self) -> list[list[str]]:
        """None while the keeper is away."""
        try:
            return self.asking.value("upstream_names")
        except Unavailable:
            return []

    def figures(self) -> dict[str, dict[str, Any]]:
        """None while the keeper is away."""
        try:
            return self.asking.value("figures")
        except Unavailable:
            return {}

    def _list(self, wanted: str) -> list[ModelState]:
        """None while the keeper is away: the pages say what is wrong, and are shown."""
        try:
            return values.unpack(list[ModelState], self.asking.value(wanted))
        except Unavailable:
            return []

    def use(self, name: str) -> None:
        self._act("use", name)

    def pull(self, name: str) -> None:
        self._act("pull", name)

    def cancel(self, name: str) -> None:
        self._act("cancel", name)

    def unload(self, name: str) -> None:
        self._act("unload", name)

    def remove(self, name: str) -> None:
        self._act("remove", name)

    def _act(self, wanted: str, name: str) -> None:
        self.asking.value(wanted, name=name)
        self.changed()

    def coming(self) -> Coming | None:
        return self._coming("coming")

    def coming_speech(self) -> Coming | None:
        return self._coming("coming_speech")

    def _coming(self, wanted: str) -> Coming | None:
        try:
            return values.unpack(Coming | None, self.asking.value(wanted))
        except Unavailable:
            return None

    # speech

    def transcribe(self, data: bytes, language: str) -> Transcript:
        for found in self.listen(data, Wishes(language=language)):
            if isinstance(found, Transcript):
                return found
        raise Unavailable("The speech model ended without an answer. Please try again.")

    def listen(self, data: bytes, wishes: Wishes) -> Iterator[Segment | Transcript | None]:
        for frame in self.asking.frames("listen", data, wishes=values.pack(wishes)):
            yield values.unpack(Segment | Transcript, frame["part"]) if "part" in frame else None

    def transcriber_state(self) -> dict[str, Any]:
        try:
            return self.asking.value("transcriber_state")
        except Unavailable:
            return {"name": "", "status": "loading", "progress": None, "sentence": LOST, "starter": False,
                    "enabled": self.settings.speech}

    def close(self) -> None:
        """The models are the keeper's, and go on."""


class SharedEngine(Engine):
    """The engine of that name, wherever it runs."""

    def __init__(self, models: SharedModels, name: str) -> None:
        self.models, self.name, self.asking = models, name, models.asking

    def state(self) -> EngineState:
        try:
            return self.models.found(self.name)[1]
        except Unavailable:
            return self.models.last_state(self.name)

    def wake(self) -> None:
        self.asking.value("wake", name=self.name)
        self.models.changed()

    def count(self, texts: Sequence[str]) -> list[int]:
        return self.asking.value("count", name=self.name, texts=list(texts))

    def room(self, owner: str) -> None:
        self.asking.value("room", name=self.name, owner=owner)

    def give_back(self, owner: str) -> None:
        self.asking.value("give back", name=self.name, owner=owner)

    def busy(self) -> int:
        try:
            return self.asking.value("busy", name=self.name)
        except Unavailable:
            return 0

    def prepare(self, messages: Sequence[Message], *, owner: str = "", common: bool = False) -> None:
        with contextlib.suppress(Problem):
            packed = [values.pack(message) for message in messages]
            self.asking.value("prepare", name=self.name, messages=packed, owner=owner, common=common)

    def answer(self, messages: Sequence[Message], options: Options, *, owner: str = "") -> Iterator[Part]:
        return self._parts("answer", options, owner, messages=[values.pack(message) for message in messages])

    def complete(self, prompt: str | Sequence[int], options: Options, *, owner: str = "") -> Iterator[Part]:
        return self._parts("complete", options, owner, prompt=prompt if isinstance(prompt, str) else list(prompt))

    def _parts(self, wanted: str, options: Options, owner: str, **given: Any) -> Iterator[Part]:
        asked = self.asking.frames(wanted, name=self.name, options=values.pack(options), owner=owner, **given)
        with contextlib.closing(asked) as parts:  # type: ignore[type-var] # a generator
            for frame in parts:
                yield values.unpack(Part, frame["part"]) if "part" in frame else Delta("")

    def embedding(self, texts: Sequence[str | Sequence[int]], *, owner: str = "") -> Iterator[Embeddings | None]:
        return read_vectors(self.asking.frames("embed", name=self.name, texts=plain(texts), owner=owner))


class SharedEmbedder:
    """As engines.embedder.Embedder."""

    def __init__(self, asking: Asking, model: str) -> None:
        self.asking, self.name = asking, Path(model).expanduser().resolve().name

    def state(self) -> HostState:
        try:
            return HostState(**self.asking.value("embedder state"))
        except Unavailable:
            return HostState(sentence=LOST)

    def embedding(self, texts: Sequence[str | Sequence[int]], *, owner: str = "") -> Iterator[Embeddings | None]:
        return read_vectors(self.asking.frames("embedder embed", texts=plain(texts), owner=owner))


def plain(texts: Sequence[str | Sequence[int]]) -> list[str | list[int]]:
    return [text if isinstance(text, str) else list(text) for text in texts]
