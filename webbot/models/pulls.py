"""The downloads that go on beside the answers, at most one a model."""

from __future__ import annotations

import threading
from collections.abc import Callable

from webbot.errors import Conflict, NotFound, Problem
from webbot.exchange import Coming
from webbot.models import catalog
from webbot.models.catalog import Found
from webbot.models.pulling import Pull
from webbot.settings import Settings

Tell = Callable[[float | None, str], None]


class Pulls:
    """What is being downloaded, and why it failed where it did: told until the next try."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._running: dict[str, Pull] = {}
        self._coming: dict[str, Coming] = {}

    def coming(self, name: str) -> Coming | None:
        """How far the model of that name is, None where nothing is to be told."""
        return self._coming.get(name)

    def all(self) -> dict[str, Coming]:
        """What is on its way or has failed, by name."""
        return dict(self._coming)

    def start(self, found: Found) -> None:
        """Begins a download; returns at once. Raises Conflict while it is on its way, Unavailable where no hub may be asked."""
        pull = self._begin(found)
        threading.Thread(target=self._run, args=(found, pull), daemon=True, name=f"pull {found.name}").start()

    def fetch(self, found: Found, tell: Tell) -> None:
        """Downloads and waits for the end; `tell` gets each step. Raises what `start` and Pull.run raise."""
        self._follow(found, self._begin(found), tell)

    def _begin(self, found: Found) -> Pull:
        pull = Pull(found.title, catalog.download_command(found, self.settings))
        with self._lock:
            if found.name in self._running:
                raise Conflict("{name} is already being loaded.", name=found.title)
            self._running[found.name] = pull
            self._coming[found.name] = Coming(name=found.title)
        return pull

    def _run(self, found: Found, pull: Pull) -> None:
        try:
            self._follow(found, pull, lambda progress, sentence: None)
        except Problem:
            return  # it stands in `coming`

    def _follow(self, found: Found, pull: Pull, tell: Tell) -> None:
        def step(progress: float | None, sentence: str) -> None:
            self._coming[found.name] = Coming(name=found.title, progress=progress, sentence=sentence)
            tell(progress, sentence)

        try:
            pull.run(step)
            del self._coming[found.name]
        except Problem as problem:
            self._coming[found.name] = Coming(name=found.title, sentence=str(problem), failed=True)
            raise
        finally:
            with self._lock:
                del self._running[found.name]

    def cancel(self, name: str) -> None:
        """Ends a download; what came is kept, and the next one goes on there. Raises NotFound."""
        with self._lock:
            pull = self._running.get(name)
        if pull is None:
            raise NotFound("Nothing of that name is being downloaded.")
        pull.cancel()

    def close(self) -> None:
        with self._lock:
            running = list(self._running.values())
        for pull in running:
            pull.cancel()
