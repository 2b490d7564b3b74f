"""Opens the parts of a server once from the settings and closes them in order."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from webbot import folder, makers
from webbot.auth import access_code
from webbot.chat import Chat, Limits
from webbot.chat.mending import Mending
from webbot.engines.base import Engine, EngineState
from webbot.engines.embedder import Embedder
from webbot.engines.serving import ServingEngine
from webbot.errors import NotFound, SettingsError, Unavailable
from webbot.exchange import Coming
from webbot.messages import Options
from webbot.models import catalog, control
from webbot.models.control import Control
from webbot.models.fleet import Fleet
from webbot.models.hearing import Hearing
from webbot.models.household import Household
from webbot.models.state import ModelState
from webbot.news import INTERRUPTED
from webbot.people import People
from webbot.settings import Settings
from webbot.shared.asking import SharedEmbedder, SharedModels
from webbot.speech.segments import Segment, Wishes
from webbot.speech.transcribe import Transcript
from webbot.speech.voices import Voices
from webbot.store.base import Store
from webbot.store.purging import Purging

if TYPE_CHECKING:
    from webbot.relay import RelayedChannels

STARTER_TEMPERATURE = 0.2
STORE_SECONDS = 30.0  # a server at home may be up before its database is
log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Services:
    """What the doors need, opened. `closing` is set when the server begins to stop. `models` are this process's own, or those
    that several web processes share; `fleet`, `speech` and `embedder` are parts of it, `speech` only where they are its own."""

    settings: Settings
    store: Store
    engine: Engine
    chat: Chat
    access_code: str
    people: People
    closing: threading.Event
    models: Household | SharedModels
    fleet: Fleet | SharedModels
    purging: Purging
    voices: Voices
    lock: IO[str] | None = None
    control: Control | None = None
    speech: Hearing | None = None
    embedder: Embedder | SharedEmbedder | None = None
    relay: RelayedChannels | None = None
    mending: Mending | None = None

    @classmethod
    def open(cls, settings: Settings, shared: Path | None = None) -> Services:
        """Opens the store and starts the models, which load on while this returns; with `shared` they are those of the keeper
        that listens at that path, for one of several web processes. Raises SettingsError."""
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = folder.hold(settings.data) if shared is None else None
        relay = makers.relay(settings)
        with folder.one_at_a_time(settings.data) if shared is not None else nullcontext():
            store = opened_store(settings)
        if relay is None:
            interrupted = store.fail_interrupted(INTERRUPTED)
            if interrupted:
                log.warning("%d answers were interrupted when the server last stopped", interrupted)
        models = makers.household(settings) if shared is None else SharedModels(settings, shared)
        fleet = models.fleet if isinstance(models, Household) else models
        limits = Limits(question_bytes=settings.question_bytes, max_answer=settings.max_answer, grace=settings.grace,
                        file_megabytes=settings.max_file)
        speaking = settings.data / "run" / "speaking"
        people = People(store, settings)
        services = cls(
            settings=settings, store=store, models=models, fleet=fleet, engine=ServingEngine(fleet), relay=relay, lock=lock,
            chat=Chat(fleet, store, channels=relay, options=partial(default_options, settings), limits=limits,
                      titles=settings.titles == "auto" and settings.engine != "echo", allowance=people.usage),
            access_code=access_code(settings), people=people, closing=threading.Event(), purging=Purging(store),
            speech=models.speech if isinstance(models, Household) else None, embedder=models.embedder,
            voices=Voices(speaking if shared is None else speaking / str(os.getpid()), voice=settings.voice,
                          language=settings.speech_language),
        )
        services._begin()
        return services

    def _begin(self) -> None:
        """Starts what goes on by itself."""
        self.purging.start()
        if self.relay is not None:
            self.mending = Mending(self.store, self.relay)
            self.mending.start()
        if isinstance(self.models, Household):
            self.models.begin()
            self.control = Control(control.place(self.settings.data), self.models.command)
            self.control.start()

    def part_with(self, person: str) -> None:
        """Removes a person and everything of theirs, and ends what runs for them. Raises NotFound, and Conflict for the last
        owner."""
        self.people.remove(person)
        for conversation in self.store.conversations(person, limit=1_000_000):
            with suppress(NotFound):
                self.chat.delete(person, conversation.id, at_once=True)

    # models: see models.household

    def model_states(self) -> list[ModelState]:
        return self.models.model_states()

    def usable(self) -> list[ModelState]:
        return self.models.usable()

    def upstream_names(self) -> list[list[str]]:
        return self.models.upstream_names()

    def figures(self) -> dict[str, dict[str, Any]]:
        return self.models.figures()

    def use(self, name: str) -> None:
        self.models.use(name)

    def pull(self, name: str) -> None:
        self.models.pull(name)

    def cancel(self, name: str) -> None:
        self.models.cancel(name)

    def unload(self, name: str) -> None:
        self.models.unload(name)

    def remove(self, name: str) -> None:
        self.models.remove(name)

    def coming(self) -> Coming | None:
        return self.models.coming()

    def coming_speech(self) -> Coming | None:
        return self.models.coming_speech()

    def offer(self) -> dict[str, Any] | None:
        """The model that the page offers while the starter answers, and why it cannot be had where that is so."""
        return catalog.offer(self.settings) if self.settings.engine != "echo" else None

    # speech

    def transcribe(self, data: bytes, language: str) -> Transcript:
        return self.models.transcribe(data, language)

    def listen(self, data: bytes, wishes: Wishes) -> Iterator[Segment | Transcript | None]:
        return self.models.listen(data, wishes)

    def transcriber_state(self) -> dict[str, Any]:
        return self.models.transcriber_state()

    def close(self) -> None:
        """Ends running answers, then the models, then the store."""
        self.closing.set()
        if self.control is not None:
            self.control.close()
        self.chat.close()
        if self.mending is not None:
            self.mending.close()
        if self.relay is not None:
            self.relay.close()
        self.models.close()
        self.purging.close()
        self.store.close()
        if self.lock is not None:
            self.lock.close()


def opened_store(settings: Settings, *, patience: float = STORE_SECONDS) -> Store:
    """The store of the settings. One that is away is waited for, `patience` seconds. Raises SettingsError."""
    at, until, told = makers.store_address(settings), time.monotonic() + patience, False
    while True:
        try:
            return makers.open_store(at)
        except Unavailable as problem:
            if time.monotonic() >= until:
                raise SettingsError("The store {store} cannot be used: {reason}", store=at.shown, reason=problem) from problem
            if not told:
                log.warning("waiting up to %.0f s for the store %s: %s", patience, at.shown, problem)
                told = True
            time.sleep(1)


def default_options(settings: Settings, state: EngineState) -> Options:
    """How a model is sampled where nobody says. The starter is too small to be sampled freely."""
    if state.abilities and "sampling" not in state.abilities:  # a server that takes its own values only
        return Options(temperature=1, top_p=1)
    most = STARTER_TEMPERATURE if state.starter else settings.temperature
    return Options(temperature=min(settings.temperature, most), top_p=settings.top_p)
