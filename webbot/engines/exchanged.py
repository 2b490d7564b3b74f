"""The engine that serves at this moment: the same contract, over an exchange that puts a newly loaded model in its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from webbot.engines.base import Embeddings, Engine, EngineState
from webbot.exchange import Exchange
from webbot.messages import Called, Delta, Finished, Message, Options


class ExchangedEngine(Engine):
    """Passes every call to `exchange.current`. An answer stays with the model that began it."""

    def __init__(self, exchange: Exchange[Engine]) -> None:
        self.exchange = exchange

    def state(self) -> EngineState:
        return self.exchange.current.state()

    def count(self, texts: Sequence[str]) -> list[int]:
        return self.exchange.current.count(texts)

    def answer(self, messages: Sequence[Message], options: Options, *, owner: str = "") -> Iterator[Delta | Called | Finished]:
        yield from self.exchange.current.answer(messages, options, owner=owner)

    def complete(self, prompt: str | Sequence[int], options: Options, *, owner: str = "") -> Iterator[Delta | Called | Finished]:
        yield from self.exchange.current.complete(prompt, options, owner=owner)

    def embed(self, texts: Sequence[str | Sequence[int]], *, owner: str = "") -> Embeddings:
        return self.exchange.current.embed(texts, owner=owner)

    def embedding(self, texts: Sequence[str | Sequence[int]], *, owner: str = "") -> Iterator[Embeddings | None]:
        yield from self.exchange.current.embedding(texts, owner=owner)

    def busy(self) -> int:
        return self.exchange.current.busy()

    def close(self) -> None:
        self.exchange.close()
