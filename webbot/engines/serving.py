"""The engine that serves at this moment: the same contract, whichever model that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from webbot.engines.base import Embeddings, Engine, Engines, EngineState
from webbot.messages import Called, Delta, Finished, Message, Options, Queued


class ServingEngine(Engine):
    """Passes every call to `engines.engine()`. An answer stays with the model that began it."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines

    def state(self) -> EngineState:
        return self.engines.engine().state()

    def wake(self) -> None:
        self.engines.engine().wake()

    def count(self, texts: Sequence[str]) -> list[int]:
        return self.engines.engine().count(texts)

    def room(self, owner: str) -> None:
        self.engines.engine().room(owner)

    def give_back(self, owner: str) -> None:
        self.engines.engine().give_back(owner)

    def answer(
        self, messages: Sequence[Message], options: Options, *, owner: str = ""
    ) -> Iterator[Queued | Delta | Called | Finished]:
        yield from self.engines.engine().answer(messages, options, owner=owner)

    def complete(
        self, prompt: str | Sequence[int], options: Options, *, owner: str = ""
    ) -> Iterator[Queued | Delta | Called | Finished]:
        yield from self.engines.engine().complete(prompt, options, owner=owner)

    def embedding(self, texts: Sequence[str | Sequence[int]], *, owner: str = "") -> Iterator[Embeddings | None]:
        yield from self.engines.engine().embedding(texts, owner=owner)

    def prepare(self, messages: Sequence[Message], *, owner: str = "", common: bool = False) -> None:
        self.engines.engine().prepare(messages, owner=owner, common=common)

    def busy(self) -> int:
        return self.engines.engine().busy()

    def figures(self) -> dict[str, Any]:
        return self.engines.engine().figures()
