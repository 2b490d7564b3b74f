"""A model that is loaded when somebody asks for it, and leaves the memory when nobody has for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

from webbot.engines.base import Embeddings, Engine, EngineState
from webbot.errors import Problem, Unavailable
from webbot.messages import Called, Delta, Finished, Message, Options, Queued


class OnDemandEngine(Engine):
    """The same contract, over an engine that `make` starts at the first question.

    `asleep` is its state until then. It is started inside of what `admit` gives, which raises what speaks against that (no
    memory) and lets one model in at a time.
    """

    def __init__(
        self, make: Callable[[], Engine], asleep: EngineState,
        admit: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self._make, self._asleep, self._admit = make, asleep, admit
        self._lock = threading.RLock()
        self._engine: Engine | None = None
        self._using = 0
        self._refused = ""  # what spoke against it when it was last woken, and will again
        self._closed = False
        self.used = time.monotonic()

    def state(self) -> EngineState:
        engine = self._engine
        if engine is not None:
            return engine.state()
        return replace(self._asleep, status="failed", sentence=self._refused) if self._refused else self._asleep

    @property
    def awake(self) -> bool:
        """Whether it takes memory, or is about to."""
        return self._engine is not None

    def wake(self) -> None:
        self._awake()

    def sleep(self) -> bool:
        """Takes the model out of the memory; False when it is answering, loading, or being woken. Does not wait for that."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            if self.busy() or (self._engine is not None and self._engine.state().status == "loading"):
                return False
            engine, self._engine = self._engine, None
        finally:
            self._lock.release()
        if engine is not None:
            engine.close()
        return True

    def idle_for(self) -> float:
        """The seconds since somebody last used it, 0 while somebody does."""
        return 0.0 if self.busy() else time.monotonic() - self.used

    def count(self, texts: Sequence[str]) -> list[int]:
        with self._in_use() as engine:
            return engine.count(texts)

    def room(self, owner: str) -> None:
        engine = self._engine
        if engine is not None:
            engine.room(owner)

    def give_back(self, owner: str) -> None:
        engine = self._engine
        if engine is not None:
            engine.give_back(owner)

    def answer(
        self, messages: Sequence[Message], options: Options, *, owner: str = ""
    ) -> Iterator[Queued | Delta | Called | Finished]:
        with self._in_use() as engine:
            yield from engine.answer(messages, options, owner=owner)

    def complete(
        self, prompt: str | Sequence[int], options: Options, *, owner: str = ""
    ) -> Iterator[Queued | Delta | Called | Finished]:
        with self._in_use() as engine:
            yield from engine.complete(prompt, options, owner=owner)

    def embedding(self, texts: Sequence[str | Sequence[int]], *, owner: str = "") -> Iterator[Embeddings | None]:
        with self._in_use() as engine:
            yield from engine.embedding(texts, owner=owner)

    def prepare(self, messages: Sequence[Message], *, owner: str = "", common: bool = False) -> None:
        engine = self._engine
        if engine is not None:  # nobody is woken for it
            engine.prepare(messages, owner=owner, common=common)

    def busy(self) -> int:
        engine = self._engine
        return max(self._using, engine.busy()) if engine is not None else 0

    def figures(self) -> dict[str, Any]:
        engine = self._engine
        return engine.figures() if engine is not None else {}

    def close(self) -> None:
        with self._lock:
            self._closed = True
            engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    @contextmanager
    def _in_use(self) -> Iterator[Engine]:
        """The engine, which does not fall asleep meanwhile."""
        with self._lock:
            engine = self._awake()
            self._using += 1
        try:
            yield engine
        finally:
            with self._lock:
                self._using -= 1
            self.used = time.monotonic()

    def _made(self) -> Engine:
        try:
            with self._admit():
                engine = self._make()
        except Problem as problem:
            self._refused = "" if problem.retry_after else str(problem)
            raise
        self._refused = ""
        return engine

    def _awake(self) -> Engine:
        with self._lock:
            self.used = time.monotonic()
            if self._closed:
                raise Unavailable("The server is restarting. Please try again in a moment.", retry_after=5)
            if self._engine is None:
                self._engine = self._made()
            return self._engine
