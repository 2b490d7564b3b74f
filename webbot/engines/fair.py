"""A line in front of any engine, in the process that holds the model: owners take turns, and whoever waits knows for how long.

What the engine behind keeps of a queue stays as it is, and never fills.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing
from typing import Any, TypeVar

from webbot.engines.base import Embeddings, Engine, EngineState
from webbot.engines.fair_line import FairLine, Kind, Place
from webbot.messages import Called, Delta, Finished, Message, Options, Queued

TICK_SECONDS = 0.08  # between two looks of one that waits: a sign of life is due every 0.1 s
RESTART_SECONDS = 30.0  # a model that was lost while others waited is awaited so long
SHORT_CHARACTERS = 2000  # of all that the model reads; more is a long prompt
CHARACTERS_A_TOKEN = 4
T = TypeVar("T")


class FairEngine(Engine):
    """The same contract. At most `parallel` answers work (fewer where the engine has room for fewer); of the others `queue` wait,
    `queue_owner` of them one owner's. What owners in `background` ask waits until nobody else does."""

    def __init__(
        self, engine: Engine, parallel: int, queue: int, queue_owner: int, *, background: Collection[str] = (),
    ) -> None:
        self.inner, self.parallel = engine, parallel
        self.line = FairLine(self._together, queue, queue_owner, background, lambda: engine.state().status == "loading")

    def _together(self) -> int:
        return max(1, min(self.parallel, self.inner.state().parallel or self.parallel))

    def state(self) -> EngineState:
        return dataclasses.replace(self.inner.state(), working=self.line.working, waiting=self.line.waiting)

    def wake(self) -> None:
        self.inner.wake()

    def count(self, texts: Sequence[str]) -> list[int]:
        return self.inner.count(texts)

    def room(self, owner: str) -> None:
        self.line.room(owner)

    def give_back(self, owner: str) -> None:
        self.line.give_back(owner)

    def answer(
        self, messages: Sequence[Message], options: Options, *, owner: str = ""
    ) -> Iterator[Queued | Delta | Called | Finished]:
        size = sum(len(message.text) for message in messages)
        yield from self._in_turn(owner, size, options, lambda: self.inner.answer(messages, options, owner=owner))

    def complete(
        self, prompt: str | Sequence[int], options: Options, *, owner: str = ""
    ) -> Iterator[Queued | Delta | Called | Finished]:
        yield from self._in_turn(owner, _size(prompt), options, lambda: self.inner.complete(prompt, options, owner=owner))

    def embedding(self, texts: Sequence[str | Sequence[int]], *, owner: str = "") -> Iterator[Embeddings | None]:
        place = self._place(owner, sum(map(_size, texts)), kind="embedding")
        for part in self._through(place, lambda: self.inner.embedding(texts, owner=owner)):
            yield None if isinstance(part, Queued | Delta) else part

    def prepare(self, messages: Sequence[Message], *, owner: str = "", common: bool = False) -> None:
        self.inner.prepare(messages, owner=owner, common=common)

    def busy(self) -> int:
        return max(self.line.working + self.line.waiting, self.inner.busy())

    def figures(self) -> dict[str, Any]:
        return self.inner.figures()

    def close(self) -> None:
        self.line.close()
        self.inner.close()

    def _in_turn(
        self, owner: str, size: int, options: Options, begin: Callable[[], Iterator[Queued | Delta | Called | Finished]]
    ) -> Iterator[Queued | Delta | Called | Finished]:
        place = self._place(owner, size, spoken=options.spoken)
        for part in self._through(place, begin):
            if isinstance(part, Finished):  # the model is free, however slow its reader is
                self.line.leave(place)
            yield part

    @staticmethod
    def _place(owner: str, size: int, *, spoken: bool = False, kind: Kind = "answer") -> Place:
        """A place for what reads so many characters."""
        return Place(owner=owner, spoken=spoken, quick=size <= SHORT_CHARACTERS, kind=kind)

    def _through(self, place: Place, begin: Callable[[], Iterator[T]]) -> Generator[T | Queued | Delta]:
        """What `begin` gives, once its turn has come; before that the position, and signs of life."""
        self.line.enter(place)
        try:
            yield from self._awaited(place)
            with closing(begin()) as parts:  # type: ignore[type-var] # a generator: closing it frees the model
                yield from parts
        except Exception:
            self.line.leave(place, failed=True)
            raise
        finally:
            self.line.leave(place)

    def _awaited(self, place: Place) -> Generator[Queued | Delta]:
        """Ends when the turn has come. Raises Unavailable when the line is closed meanwhile."""
        told = None
        while not place.called.is_set():
            queued = self.line.outlook(place)
            yield queued if queued is not None and queued != told else Delta("")
            told = queued or told
            place.called.wait(TICK_SECONDS)
        self.line.check_open()
        if told is None:
            return
        yield Queued(0, 0.0)
        until = time.monotonic() + RESTART_SECONDS
        while self.inner.state().status == "loading" and time.monotonic() < until:
            yield Delta("")
            time.sleep(TICK_SECONDS)


def _size(text: str | Sequence[int]) -> int:
    """The characters of a text, of token ids roughly."""
    return len(text) if isinstance(text, str) else CHARACTERS_A_TOKEN * len(text)
