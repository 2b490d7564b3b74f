"""The downloads that go on beside the answers, at most one a model."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from webbot.errors import Conflict, NotFound, Problem
from webbot.exchange import Coming
from webbot.models import catalog
from webbot.models.catalog import Found
from webbot.models.pulling import Pull
from webbot.settings import Settings

FORGET_SECONDS = 300.0  # why the download of a model failed that is in no catalog
Tell = Callable[[float | None, str], None]
log = logging.getLogger(__name__)


class Pulls:
    """What is being downloaded, and why it failed where it did: told until the next try."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._running: dict[str, Pull] = {}
        self._coming: dict[str, Coming] = {}
        self._failed: dict[str, float] = {}  # when, on the monotonic clock

    def coming(self, name: str) -> Coming | None:
        """How far the model of that name is, None where nothing is to be told."""
        return self._coming.get(name)

    def all(self) -> dict[str, Coming]:
        """What is on its way or has failed, by name. What is no model of the catalog is forgotten some time after it failed."""
        past = time.monotonic() - FORGET_SECONDS
        for name in [name for name, failed in list(self._failed.items()) if failed < past and not self._is_known(name)]:
            with self._lock:
                if self._failed.pop(name, None) is not None:  # nobody has begun it anew
                    self._coming.pop(name, None)
        return dict(self._coming)

    def _is_known(self, name: str) -> bool:
        try:
            return bool(catalog.find(name, self.settings))
        except NotFound:
            return False

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
            self._failed.pop(found.name, None)
            self._coming[found.name] = Coming(name=found.title)
        return pull

    def _run(self, found: Found, pull: Pull) -> None:
        try:
            self._follow(found, pull, lambda progress, sentence: None)
        except Problem as problem:  # it stands in `coming`
            log.warning("download of %s: %s", found.hub or found.name, problem)

    def _follow(self, found: Found, pull: Pull, tell: Tell) -> None:
        def step(progress: float | None, sentence: str) -> None:
            self._coming[found.name] = Coming(name=found.title, progress=progress, sentence=sentence)
            tell(progress, sentence)

        try:
            pull.run(step)
            del self._coming[found.name]
        except Problem as problem:
            self._coming[found.name] = Coming(name=found.title, sentence=str(problem), failed=True)
            self._failed[found.name] = time.monotonic()
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
