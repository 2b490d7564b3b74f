"""Everything that has to do with the models of this machine: those for language, for speech and for embeddings, as the doors and
the command line ask for them. Holds their processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from webbot.engines.embedder import Embedder
from webbot.errors import BadInput, Conflict, Unavailable
from webbot.exchange import Coming
from webbot.models import catalog, listing
from webbot.models.fleet import Fleet
from webbot.models.hearing import Hearing
from webbot.models.state import ModelState
from webbot.settings import Settings
from webbot.speech.segments import Segment, Wishes
from webbot.speech.transcribe import Transcriber, Transcript

FOLLOW_SECONDS = 0.2
OFF = "Speech is switched off on this server. Please type the question."


class Household:
    """`speech` and `embedder` are None where they are off."""

    def __init__(self, settings: Settings, fleet: Fleet, speech: Hearing | None, embedder: Embedder | None) -> None:
        self.settings, self.fleet, self.speech, self.embedder = settings, fleet, speech, embedder

    def begin(self) -> None:
        """Loads the models that serve, and brings those that the settings name and that are not here. Returns at once."""
        self.fleet.wake()
        if not self.settings.offline:
            self.fleet.fetch()
            if self.speech is not None:
                self.speech.fetch()

    # models as things

    def model_states(self) -> list[ModelState]:
        """Every model, those for speech last."""
        return [*listing.states(self.fleet), *(self.speech.states() if self.speech is not None else ())]

    def usable(self) -> list[ModelState]:
        """The language models that can be asked now, the one that serves first."""
        return listing.usable(self.fleet)

    def upstream_names(self) -> list[list[str]]:
        """The models of each server elsewhere, the operator's own server first, as far as they are known."""
        return [upstream.names() for upstream in self.fleet.upstreams]

    def figures(self) -> dict[str, dict[str, Any]]:
        """As Fleet.figures."""
        return self.fleet.figures()

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
            raise Unavailable(OFF)
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
        """The language model that will serve."""
        return self.fleet.coming

    def coming_speech(self) -> Coming | None:
        """The speech model that will hear."""
        return self.speech.coming if self.speech else None

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
            raise Unavailable(OFF)
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

    def close(self) -> None:
        """Ends the models' processes."""
        self.fleet.close()
        if self.speech is not None:
            self.speech.close()
        if self.embedder is not None:
            self.embedder.close()
