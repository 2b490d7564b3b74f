"""Opens the parts of a server once from the settings and closes them in order."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import IO, Any

from webbot import folder, makers
from webbot.auth import access_code
from webbot.chat import INTERRUPTED, Chat, Limits
from webbot.engines.base import Engine, EngineState
from webbot.engines.embedder import Embedder
from webbot.engines.serving import ServingEngine
from webbot.errors import BadInput, Conflict, SettingsError, Unavailable
from webbot.exchange import Coming
from webbot.messages import Options
from webbot.models import catalog, control, listing
from webbot.models.control import Control
from webbot.models.fleet import Fleet
from webbot.models.hearing import Hearing
from webbot.models.state import ModelState
from webbot.settings import Settings
from webbot.speech.segments import Segment, Wishes
from webbot.speech.transcribe import Transcriber, Transcript
from webbot.speech.voices import Voices
from webbot.store.base import Store
from webbot.store.purging import Purging

STARTER_TEMPERATURE = 0.2
FOLLOW_SECONDS = 0.2
STORE_SECONDS = 30.0  # a server at home may be up before its database is
log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Services:
    """What the doors need, opened. `closing` is set when the server begins to stop."""

    settings: Settings
    store: Store
    engine: Engine
    chat: Chat
    access_code: str
    lock: IO[str]
    closing: threading.Event
    fleet: Fleet
    purging: Purging
    control: Control | None = None
    speech: Hearing | None = None
    embedder: Embedder | None = None
    voices: Voices

    @classmethod
    def open(cls, settings: Settings) -> Services:
        """Opens the store and starts the models, which load on while this returns. Raises SettingsError."""
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = folder.hold(settings.data)
        for left in (settings.data / "run").glob("*.sock"):
            left.unlink(missing_ok=True)  # of models whose server was killed
        store = opened_store(settings)
        interrupted = store.fail_interrupted(INTERRUPTED)
        if interrupted:
            log.warning("%d answers were interrupted when the server last stopped", interrupted)
        speech = makers.hearing(settings)
        fleet = makers.fleet(settings, speech)
        limits = Limits(question_bytes=settings.question_bytes, max_answer=settings.max_answer, grace=settings.grace)
        services = cls(
            settings=settings, store=store, engine=ServingEngine(fleet), fleet=fleet,
            chat=Chat(fleet, store, options=partial(default_options, settings), limits=limits),
            lock=lock, access_code=access_code(settings), closing=threading.Event(), speech=speech, purging=Purging(store),
            embedder=makers.embedder(settings),
            voices=Voices(settings.data / "run" / "speaking", voice=settings.voice, language=settings.speech_language),
        )
        services.purging.start()
        fleet.wake()
        if not settings.offline:
            fleet.fetch()
            if speech is not None:
                speech.fetch()
        services.control = Control(control.place(settings.data), services.command)
        services.control.start()
        return services

    # models

    def model_states(self) -> list[ModelState]:
        """Every model, those for speech last."""
        return [*listing.states(self.fleet), *(self.speech.states() if self.speech is not None else ())]

    def use(self, name: str) -> None:
        """Makes that model the one that serves, or the one that hears (downloaded first where it is not here); the one that
        serves goes on until then. Returns at once. Raises what Fleet.use raises."""
        hearing = self._hearing(name)
        if hearing is None:
            self.fleet.use(name)
        else:
            hearing.use(name, self.fleet.needs())

    def _hearing(self, name: str) -> Hearing | None:
        """Where a speech model of that name is used; None for other names. Raises Unavailable where speech is off."""
        if not any(found.kind == "speech" and found.name == name for found in catalog.here(self.settings)):
            return None
        if self.speech is None:
            raise Unavailable("Speech is switched off on this server. Please type the question.")
        return self.speech

    def pull(self, name: str) -> None:
        """Begins to bring a model to this machine; returns at once. Raises what Fleet.pull raises."""
        self.fleet.pull(name)

    def cancel(self, name: str) -> None:
        """Ends the download of that model; what came is kept. Raises NotFound."""
        self.fleet.pulls.cancel(name)

    def unload(self, name: str) -> None:
        """Takes a model out of the memory until it is asked again. Raises Conflict while it answers."""
        self.fleet.unload(name)

    def remove(self, name: str) -> None:
        """Deletes the files of a model that webbot downloaded. Raises Conflict for one in use."""
        found = catalog.find(name, self.settings)
        if found.kind == "speech" and self.speech is not None and self.speech.serves(found):
            raise Conflict("{name} serves now. Please use another model first.", name=found.title)
        self.fleet.remove(found.name)

    def coming(self) -> Coming | None:
        return self.fleet.coming

    def offer(self) -> dict[str, Any] | None:
        """The model that the page offers while the starter answers, and why it cannot be had where that is so."""
        return catalog.offer(self.settings) if self.settings.engine != "echo" else None

    def command(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What the command line asks of the running server: {"list": true}, {"use"|"unload"|"remove": name}."""
        if "list" in request:
            yield {"models": [asdict(state) for state in self.model_states()]}
        elif "use" in request:
            self.use(str(request["use"]))
            yield from self._follow_use(str(request["use"]))
        elif "unload" in request:
            self.unload(str(request["unload"]))
        elif "remove" in request:
            self.remove(str(request["remove"]))
        else:
            raise BadInput("The server does not know this request.")

    def _follow_use(self, name: str) -> Iterator[dict[str, Any]]:
        exchange = self._hearing(name) or self.fleet
        while (coming := exchange.coming) is not None:
            if coming.failed:
                raise Unavailable(coming.sentence)
            yield {"progress": coming.progress, "sentence": coming.sentence}
            time.sleep(FOLLOW_SECONDS)

    # speech

    def transcribe(self, data: bytes, language: str) -> Transcript:
        """The words of a recording. Raises Unavailable when speech is off or not ready, and what Transcriber raises."""
        return self._recogniser().transcribe(data, language)

    def listen(self, data: bytes, wishes: Wishes) -> Iterator[Segment | Transcript | None]:
        """As Transcriber.listen. Raises Unavailable when speech is off."""
        return self._recogniser().listen(data, wishes)

    def _recogniser(self) -> Transcriber:
        if self.speech is None:
            raise Unavailable("Speech is switched off on this server. Please type the question.")
        return self.speech.current

    def transcriber_state(self) -> dict[str, Any]:
        if self.speech is None:
            return {"name": "", "status": "off", "progress": None, "sentence": "", "starter": False, "enabled": False}
        transcriber = self.speech.current
        state = transcriber.state()
        return {
            "name": transcriber.name, "status": state.status, "progress": state.progress, "sentence": state.sentence,
            "starter": transcriber.starter, "enabled": True,
        }

    def coming_speech(self) -> Coming | None:
        return self.speech.coming if self.speech else None

    def close(self) -> None:
        """Ends running answers, then the models, then the store."""
        self.closing.set()
        if self.control is not None:
            self.control.close()
        self.chat.close()
        self.fleet.close()
        if self.speech is not None:
            self.speech.close()
        if self.embedder is not None:
            self.embedder.close()
        self.purging.close()
        self.store.close()
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
