"""What the processes of language models have in common: which request is which, and the prompt of one that wants an answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from webbot.engines.llama.limits import tools_of
from webbot.engines.prompts import is_begun, read_message
from webbot.errors import BadInput, TooLong


class AnsweringWorker(ABC):
    """Requests are those that webbot.engines.worker describes. `context` is the window in tokens; `computes` says, for people, on
    what "device", in what "precision", with what "weights" where these take fewer bits, and with how many "threads"."""

    prompts: Any  # a webbot.engines.prompts.Prompts, of the kind that the process knows
    runner: Any  # what computes
    context: int
    computes: Mapping[str, Any] = MappingProxyType({})

    def figures(self) -> dict[str, Any]:
        """What compute/figures says of this process, and what it computes with; {} while it loads."""
        figures = getattr(getattr(self, "runner", None), "figures", None)
        return {**figures.taken(), "computes": dict(self.computes)} if figures is not None else {}

    def handle(self, request: dict[str, Any], payload: bytes, gone: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        if "count" in request:
            yield {"counts": self.prompts.count(request["count"])}
        elif "load" in request:
            in_work, waiting = self.runner.load()
            yield {"in_work": in_work, "waiting": waiting}
        elif "embed" in request:
            yield from self.embed(request, gone)
        elif "prepare" in request:
            self.prepare(request)
            yield {}
        else:
            yield from self.answer(request, gone)

    @abstractmethod
    def answer(self, request: dict[str, Any], gone: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        """The frames of an answer."""

    def prepare(self, request: dict[str, Any]) -> None:
        """Computes what the next question of a conversation will begin with; nothing where the cache holds it anyway."""

    def embed(self, request: dict[str, Any], gone: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        """The frames of vectors. Raises BadInput where there are none."""
        raise BadInput("The model makes no embeddings.", parameter="model")

    @abstractmethod
    def read_plain(self, text: str | Sequence[int], parameter: str) -> list[int]:
        """The token ids of a text that is gone on with, or those ids. Raises BadInput that names `parameter`."""

    def prompt_of(self, request: dict[str, Any]) -> list[int]:
        """The token ids of a request's prompt. Raises BadInput, and TooLong for one that leaves no room for an answer."""
        if "complete" not in request:
            prompt = self.prompts.build([read_message(message) for message in request["messages"]], tools_of(request["options"]))
        elif request["options"].get("tools"):
            raise BadInput("Only a conversation can call functions.", parameter="tools")
        else:
            prompt = self.read_plain(request["complete"], "prompt")
        if len(prompt) >= self.context:
            raise TooLong("The prompt has {count} tokens, the model reads {limit}.", count=len(prompt), limit=self.context)
        return prompt

    def goes_on(self, request: dict[str, Any]) -> bool:
        """Whether the request has the beginning of its answer with it."""
        return is_begun([read_message(message) for message in request.get("messages", ())[-1:]])
