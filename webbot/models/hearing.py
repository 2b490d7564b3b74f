"""The speech models: the one that hears, and the one on its way to take its place."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping

from webbot.errors import Problem, SettingsError, Unavailable
from webbot.exchange import Coming, Exchange
from webbot.models import catalog, plan
from webbot.models.catalog import Found
from webbot.models.pulling import Pull
from webbot.models.state import ModelState
from webbot.settings import Settings
from webbot.speech import weights
from webbot.speech.transcribe import Transcriber

log = logging.getLogger(__name__)


class Hearing(Exchange[Transcriber]):
    """`make` starts a speech model. Raises SettingsError when the one that the settings name cannot be had at all."""

    def __init__(self, settings: Settings, make: Callable[[weights.Found], Transcriber]) -> None:
        self.settings, self._make = settings, make
        found = weights.find(settings.speech_model, settings.models)
        if found is None and not weights.known(settings.speech_model):
            raise SettingsError("There is no Whisper model {name}.", name=repr(settings.speech_model))
        super().__init__(make(found or weights.STARTER))

    def fetch(self) -> None:
        """The starter stands in for a model that was asked for and is not here yet: it is brought now. What speaks against that
        stands in `coming`; it does not keep the server from starting."""
        name = self.settings.speech_model
        if not self.current.starter or not weights.known(name):
            return
        title = catalog.find(name, self.settings).title
        try:
            self.use(name)
        except Problem as problem:
            log.warning("%s cannot be brought: %s", title, problem)
            self.coming = Coming(name=title, sentence=str(problem), failed=True)

    def use(self, name: str, beside: Mapping[str, int] | None = None) -> None:
        """Makes that model the one that hears, downloaded first where it is not here. Returns at once. `beside` says what the
        language model needs, in bytes by name.

        Raises NotFound, Conflict while another is on its way, and what speaks against the model on this machine.
        """
        found = catalog.find(name, self.settings)
        plan.check({**(beside or {}), found.name: plan.need(found, self.settings)}, self.settings)
        download = None if found.path is not None else Pull(found.title, catalog.download_command(found, self.settings))
        self.bring(found.title, lambda: self._made(name), download)

    def _made(self, name: str) -> Transcriber:
        found = weights.find(name, self.settings.models)
        if found is None:
            raise Unavailable("The Whisper model is not where it was downloaded to.")
        return self._make(found)

    def needs(self) -> dict[str, int]:
        """The bytes that the model that hears is planned to take, by its name."""
        return {found.title: plan.need(found, self.settings) for found in self._all() if self.serves(found)}

    def states(self) -> Iterator[ModelState]:
        """Every speech model."""
        return map(self._state, self._all())

    def _all(self) -> Iterator[Found]:
        return (found for found in catalog.here(self.settings) if found.kind == "speech")

    def serves(self, found: Found) -> bool:
        """Whether that is the model that hears."""
        return found.name.removeprefix("whisper-") == self.current.name.lower().removeprefix("whisper-")

    def _state(self, found: Found) -> ModelState:
        told = ModelState(
            name=found.name, title=found.title, kind="speech", status="sleeping" if found.path else "absent", size=found.size,
            needs=plan.need(found, self.settings), starter=found.starter, removable=found.removable, serves=self.serves(found),
        )
        if told.serves:
            state = self.current.state()
            return told.but(status=state.status, progress=state.progress, sentence=state.sentence,
                            memory=self.current.host.memory)
        coming = self.coming
        if coming is not None and coming.name == found.title:
            status = told.status if coming.failed else "coming"
            return told.but(status=status, progress=coming.progress, sentence=coming.sentence)
        return told
