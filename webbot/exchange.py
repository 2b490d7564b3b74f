"""A model that serves, and another one on its way: downloaded, loaded, and put in its place while the first goes on.

Knows neither Llama nor Whisper, only that a model has a state and can be closed, and that a download runs until it ends.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from webbot.errors import Conflict, Problem

log = logging.getLogger(__name__)
LEAVE_SECONDS = 600.0  # the answers that a replaced model still writes may take this long


class Served(Protocol):
    def state(self) -> Any: ...
    def busy(self) -> int: ...
    def close(self) -> None: ...


class Download(Protocol):
    """What brings a model's files here (models.pulling)."""

    def run(self, tell: Callable[[float | None, str], None]) -> None:
        """Blocks and tells progress (0 to 1 or None) and a sentence. Raises a Problem when it fails."""

    def cancel(self) -> None: ...


Model = TypeVar("Model", bound=Served)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coming:
    """A model on its way. `sentence` says what goes on or why it failed; `progress` is 0 to 1 where it is known."""

    name: str
    progress: float | None = None
    sentence: str = ""
    failed: bool = False


class Exchange(Generic[Model]):
    """The model that serves (`current`) and the one that is coming, if any."""

    def __init__(self, first: Model) -> None:
        self.current = first
        self.coming: Coming | None = None
        self._lock = threading.Lock()
        self._open: list[Model] = [first]
        self._download: Download | None = None
        self._closed = False

    def bring(self, name: str, make: Callable[[], Model], download: Download | None = None) -> None:
        """Runs the `download` where there is one, then makes the model, waits until it is ready and puts it in place.

        Returns at once; raises Conflict while another one is on its way. When it fails, `coming` says why and the model that
        serves goes on.
        """
        with self._lock:
            if self.coming is not None and not self.coming.failed:
                raise Conflict("{name} is already being loaded.", name=self.coming.name)
            self.coming = Coming(name=name)
        threading.Thread(target=self._bring, args=(name, make, download), daemon=True, name=f"bring {name}").start()

    def _bring(self, name: str, make: Callable[[], Model], download: Download | None) -> None:
        try:
            if download is not None:
                self._fetch(name, download)
            model = make()
            self._open.append(model)
            if self._closed or not self._await(name, model):
                self._leave(model)
                return
            before, self.current = self.current, model
            self.coming = None
            self._leave(before)
        except Problem as problem:
            log.warning("%s cannot be loaded: %s", name, problem)
            self.coming = Coming(name=name, sentence=str(problem), failed=True)
        except Exception:
            log.exception("%s could not be loaded", name)
            self.coming = Coming(name=name, sentence="The model could not be loaded. See the server's log.", failed=True)

    def _fetch(self, name: str, download: Download) -> None:
        def tell(progress: float | None, sentence: str) -> None:
            self.coming = Coming(name=name, progress=progress, sentence=sentence)

        self._download = download
        try:
            if not self._closed:
                download.run(tell)
        finally:
            self._download = None

    def _await(self, name: str, model: Model) -> bool:
        while not self._closed:
            state = model.state()
            if state.status == "ready":
                return True
            failed = state.status == "failed"
            self.coming = Coming(name=name, progress=state.progress, sentence=state.sentence, failed=failed)
            if failed:
                return False
            time.sleep(0.1)
        return False

    def _leave(self, model: Model) -> None:
        """Closes a model once its last answer has ended."""
        until = time.monotonic() + LEAVE_SECONDS
        while model.busy() and not self._closed and time.monotonic() < until:
            time.sleep(0.1)
        model.close()
        with self._lock:
            if model in self._open:
                self._open.remove(model)

    def close(self) -> None:
        self._closed = True
        download = self._download
        if download is not None:
            download.cancel()
        for model in list(self._open):
            model.close()
