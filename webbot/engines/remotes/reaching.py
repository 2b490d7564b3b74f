"""Whether a model server can be reached, and what it is: asked in a thread, again and again while somebody needs it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from webbot.engines.remotes.faults import Fault
from webbot.errors import Problem, Unavailable

if TYPE_CHECKING:
    from webbot.engines.remotes.about import About

STALE_SECONDS = 10.0  # a failure that is older says nothing of now
log = logging.getLogger(__name__)


class Reaching:
    """`look` asks the server. A server that was reached is asked again after `fresh` seconds, one that was not after `retry`.

    `about` is what was last found; `problem` why it cannot be reached now.
    """

    def __init__(self, look: Callable[[], About], *, retry: float = 3.0, fresh: float = 60.0) -> None:
        self._look, self._retry, self._fresh = look, retry, fresh
        self.about: About | None = None
        self.problem: Problem | None = None
        self._thread: threading.Thread | None = None
        self._next, self._ended, self._doubtful = 0.0, 0.0, True
        self._lock = threading.Lock()

    @property
    def status(self) -> Literal["loading", "ready", "failed"]:
        if self.problem is not None:
            return "failed"
        return "loading" if self.about is None or self._doubtful else "ready"

    @property
    def looking(self) -> bool:
        return self._thread is not None

    def need(self) -> None:
        """Somebody needs the server: asks it where that is due. Returns at once."""
        now = time.monotonic()
        if self._thread is not None or now < self._next:
            return
        with self._lock:
            if self._thread is not None:
                return
            if self.problem is not None and now - self._ended > STALE_SECONDS:
                self.problem, self._doubtful = None, True
            self._thread = threading.Thread(target=self._run, daemon=True, name="look for a model server")
            self._thread.start()

    def doubt(self, problem: Problem | None = None) -> None:
        """A request failed, for that `problem` where the server is gone: the next one who needs the server has it asked again."""
        self.problem = problem or self.problem
        self._ended, self._next = time.monotonic(), 0.0

    def raise_problem(self) -> None:
        """Raises what is wrong with the server, if anything is."""
        problem = self.problem
        if problem is not None:
            known: dict[str, Any] = problem.values
            raise type(problem)(problem.sentence, retry_after=problem.retry_after or 5, code=problem.code, **known)

    def _run(self) -> None:
        problem: Problem | None = None
        wait = self._retry
        try:
            self.about = self._look()
            wait = self._fresh
        except Fault as fault:
            problem = fault.problem
        except Exception:
            log.exception("a model server could not be asked")
            problem = Unavailable("The model server cannot be asked. See this server's log.")
        if problem is not None and str(problem) != str(self.problem):
            log.warning("%s", problem)
        with self._lock:
            self.problem, self._doubtful = problem, False
            self._ended = time.monotonic()
            self._next = self._ended + wait
            self._thread = None
