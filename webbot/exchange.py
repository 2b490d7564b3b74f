"""A model that serves, and another one on its way: downloaded, loaded, and put in its place while the first goes on.

Knows neither Llama nor Whisper, only that a model has a state and can be closed. A download is a process of its own that
prints JSON lines {"done": bytes, "total": bytes, "sentence": text}.
"""

from __future__ import annotations

import json
import logging
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from webbot.errors import Conflict
from webbot.settings import ROOT, process_environment

log = logging.getLogger(__name__)
LEAVE_SECONDS = 600.0  # the answers that a replaced model still writes may take this long


class Served(Protocol):
    def state(self) -> Any: ...
    def busy(self) -> int: ...
    def close(self) -> None: ...


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
        self._download: subprocess.Popen[str] | None = None
        self._closed = False

    def bring(self, name: str, make: Callable[[], Model], download: Sequence[str] = ()) -> None:
        """Runs the `download` command where there is one, then makes the model, waits until it is ready and puts it in place.

        Returns at once; raises Conflict while another one is on its way. When it fails, `coming` says why and the model that
        serves goes on.
        """
        with self._lock:
            if self.coming is not None and not self.coming.failed:
                raise Conflict("{name} is already being loaded.", name=self.coming.name)
            self.coming = Coming(name=name)
        threading.Thread(target=self._bring, args=(name, make, download), daemon=True, name=f"bring {name}").start()

    def _bring(self, name: str, make: Callable[[], Model], download: Sequence[str]) -> None:
        try:
            sentence = self._run(name, download) if download else ""
            if sentence:
                log.warning("download of %s: %s", name, sentence)
                self.coming = Coming(name=name, sentence=sentence, failed=True)
                return
            model = make()
            self._open.append(model)
            if self._closed or not self._await(name, model):
                self._leave(model)
                return
            before, self.current = self.current, model
            self.coming = None
            self._leave(before)
        except Exception as error:
            log.exception("%s could not be loaded", name)
            self.coming = Coming(name=name, sentence=str(error), failed=True)

    def _run(self, name: str, command: Sequence[str]) -> str:
        """Runs the download; returns why it failed, "" when it did not."""
        sentence = ""
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd=ROOT, env=process_environment(),
            start_new_session=True,
        ) as process:
            self._download = process
            for line in process.stdout or ():
                step = _step(line)
                sentence = step.get("sentence", "") or sentence
                total = step.get("total") or 0
                progress = min(1.0, step.get("done", 0) / total) if total else None
                self.coming = Coming(name=name, progress=progress, sentence=step.get("sentence", ""))
        self._download = None
        if process.returncode == 0:
            return ""
        return sentence or "The download failed. See the server's log."

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
        if self._download is not None:
            self._download.terminate()
        for model in list(self._open):
            model.close()


def _step(line: str) -> dict[str, Any]:
    try:
        step = json.loads(line)
    except ValueError:
        return {}
    return step if isinstance(step, dict) else {}
