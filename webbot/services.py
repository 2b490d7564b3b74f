"""Opens the parts of a server once from the settings and closes them in order. The only chooser of classes."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from webbot import folder
from webbot.auth import access_code
from webbot.chat import INTERRUPTED, Chat, Limits
from webbot.engines.base import Engine, EngineState
from webbot.engines.echo import EchoEngine
from webbot.engines.embedder import Embedder
from webbot.engines.exchanged import ExchangedEngine
from webbot.engines.local import LocalEngine
from webbot.errors import SettingsError, Unavailable
from webbot.exchange import Coming, Exchange
from webbot.messages import Options
from webbot.models import catalog
from webbot.settings import Settings
from webbot.speech import weights
from webbot.speech.segments import Segment, Wishes
from webbot.speech.transcribe import Transcriber, Transcript
from webbot.speech.voices import Voices
from webbot.store.base import Store
from webbot.store.sql import SqlStore

STARTER_TEMPERATURE = 0.2
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
    models: Exchange[Engine] | None = None
    speech: Exchange[Transcriber] | None = None
    embedder: Embedder | None = None
    voices: Voices

    @classmethod
    def open(cls, settings: Settings) -> Services:
        """Opens the store and starts the models, which load on while this returns. Raises SettingsError."""
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = folder.hold(settings.data)
        for left in (settings.data / "run").glob("*.sock"):
            left.unlink(missing_ok=True)  # of models whose server was killed
        store = SqlStore(f"sqlite:///{settings.data / 'webbot.db'}")
        interrupted = store.fail_interrupted(INTERRUPTED)
        if interrupted:
            log.warning("%d answers were interrupted when the server last stopped", interrupted)
        models = None if settings.engine == "echo" else Exchange[Engine](_language_model(settings, catalog.choose(settings)))
        engine: Engine = EchoEngine(settings.context, pause=0.02) if models is None else ExchangedEngine(models)
        limits = Limits(question_bytes=settings.question_bytes, max_answer=settings.max_answer, grace=settings.grace)
        services = cls(
            settings=settings, store=store, engine=engine,
            chat=Chat(engine, store, options=partial(_options, settings), limits=limits),
            lock=lock, access_code=access_code(settings), closing=threading.Event(), models=models,
            speech=_speech(settings) if settings.speech else None,
            embedder=_embedder(settings) if settings.embedding_model else None,
            voices=Voices(settings.data / "run" / "speaking", voice=settings.voice, language=settings.speech_language),
        )
        services._fetch()
        return services

    # the language model

    def load(self, name: str) -> None:
        """Brings the model of that name (downloaded first where it is not here); the one that serves goes on until then."""
        if self.models is None:
            raise Unavailable("The echo engine answers; there is no model to load.")
        found = catalog.find(name, self.settings)
        download = () if found.path else catalog.download_command(found, self.settings)
        self.models.bring(found.title, lambda: _language_model(self.settings, catalog.find(name, self.settings)), download)

    def coming(self) -> Coming | None:
        return self.models.coming if self.models else None

    def offer(self) -> dict[str, Any] | None:
        """The model that the page offers while the starter answers, and why it cannot be had where that is so."""
        return catalog.offer(self.settings) if self.models else None

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

    def _fetch(self) -> None:
        """The starters stand in for models that were asked for, are not here yet, but may be had."""
        if self.settings.offline:
            return
        if self.models is not None and self.settings.model and self.engine.state().starter:
            wanted = catalog.find(self.settings.model, self.settings)
            if wanted.path is None:
                self.load(wanted.name)
        if self.speech is not None and self.speech.current.starter and weights.known(self.settings.speech_model):
            self._fetch_speech(self.speech)

    def _fetch_speech(self, speech: Exchange[Transcriber]) -> None:
        settings, name = self.settings, self.settings.speech_model
        command = [sys.executable, "-m", "webbot.speech.download", name, str(weights.folder(settings.models))]
        speech.bring(name, lambda: _transcriber(settings, weights.find(name, settings.models)), command)

    def close(self) -> None:
        """Ends running answers, then the models, then the store."""
        self.closing.set()
        self.chat.close()
        self.engine.close()
        if self.speech is not None:
            self.speech.close()
        if self.embedder is not None:
            self.embedder.close()
        self.store.close()
        self.lock.close()


def _options(settings: Settings, state: EngineState) -> Options:
    """The starter is too small to be sampled freely."""
    most = STARTER_TEMPERATURE if state.starter else settings.temperature
    return Options(temperature=min(settings.temperature, most), top_p=settings.top_p)


def _language_model(settings: Settings, found: catalog.Found) -> LocalEngine:
    return LocalEngine(
        found.path, name=found.title, starter=found.starter, device=settings.device, precision=settings.precision,
        context=settings.context, parallel=settings.parallel, queue=settings.queue, queue_owner=settings.queue_owner,
        threads=settings.threads, token_timeout=settings.token_timeout, runtime=settings.data / "run",
    )


def _embedder(settings: Settings) -> Embedder:
    return Embedder(
        Path(settings.embedding_model).expanduser().resolve(), device=settings.device, threads=settings.threads,
        queue=settings.queue, queue_owner=settings.queue_owner, runtime=settings.data / "run",
    )


def _speech(settings: Settings) -> Exchange[Transcriber]:
    found = weights.find(settings.speech_model, settings.models)
    if found is None and not weights.known(settings.speech_model):
        raise SettingsError("There is no Whisper model {name}.", name=repr(settings.speech_model))
    return Exchange(_transcriber(settings, found or weights.STARTER))


def _transcriber(settings: Settings, found: weights.Found | None) -> Transcriber:
    if found is None:
        raise Unavailable("The Whisper model is not where it was downloaded to.")
    return Transcriber(
        found.path, name=found.name, starter=found.starter, device=settings.device, threads=settings.threads,
        runtime=settings.data / "run", seconds=settings.audio_seconds,
    )
