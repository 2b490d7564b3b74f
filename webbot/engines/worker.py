"""The process with torch: loads a Llama-shaped model and answers requests. `python -m webbot.engines.worker --socket PATH ...`

A request is one of these, each with "owner": "...":

- {"messages": [{"role", "text", "tool_calls": [{"name", "arguments", "id"}], "tool_call"}], "options": {...}} or
  {"complete": text or token ids, "options": {...}}. Options are those of webbot.messages.Options by their names; "logit_bias" is
  a list of [token id, bias], "tools" is [{"name", "description", "parameters"}]; what is left out has its default. Frames
  {"delta": text, "tokens": [[bytes, log probability, [[bytes, log probability], ...]], ...]} ("tokens" only where they were
  asked for; bytes as a text of characters 0 to 255), {"call": {"name", "arguments", "id"}} for each call, then
  {"finished": reason, "usage": {...}}.
- {"embed": [texts or lists of token ids]}: frames {"vector": [...]} in their order, then {"tokens": how many in all}.

- {"prepare": messages, "common": whether the system prompt is no secret}: what the next question of that conversation will begin
  with is computed while there is nothing else to do. One frame {} at once.

Or, without an owner, {"count": [texts]}: one frame {"counts": [...]}. Or {"load": true}: one frame {"in_work": n, "waiting": n}.
A frame {} is a sign of life. A client that closes its connection cancels the request. It knows nothing of
conversations or stores.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from webbot.engines.answering import AnsweringWorker
from webbot.engines.base import ABILITIES
from webbot.engines.following import POLL_SECONDS, follow
from webbot.engines.llama import folder
from webbot.engines.prompts import read_message
from webbot.errors import CONTEXT_EXCEEDED, Problem, TooLong, Unusable
from webbot.messages import Message
from webbot.modelhost import serve

log = logging.getLogger(__name__)

ROLES = 64  # system prompts whose length is remembered
PLACING = 4  # tokens of a text that is gone on with: some decoders need what is before a word to place its space

if TYPE_CHECKING:
    from webbot.engines.compute.embedding import Embedding
    from webbot.engines.compute.request import Request
    from webbot.engines.compute.runner import Runner
    from webbot.engines.llama.wishes import Wishes


class LlamaWorker(AnsweringWorker):
    """What modelhost serves. `arguments` are those of the command line."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self._role_tokens = lru_cache(ROLES)(lambda text: len(self._beginning([Message(role="system", text=text)])))

    def load(self, report: Callable[[float | None, str], None]) -> dict[str, Any]:
        report(0.0, "Starting the model's process.")
        folder.check_language_model(self.arguments.model)  # what is wrong with it shows at once; torch takes seconds
        import torch

        from webbot.engines.compute import fitting, planning
        from webbot.engines.compute.assembly import Wanted, assemble
        from webbot.engines.llama import loading

        wanted = self.arguments
        loaded = loading.load(wanted.model, wanted.device, wanted.precision, report, wanted.weights)
        fits = fitting.fit(loaded, context=min(wanted.context, loaded.context), parallel=wanted.parallel, weights=wanted.weights,
                           budget=int(wanted.cache_memory * 1e9), spare=wanted.spare)
        self.prompts, self.vocabulary, self.context = loaded.prompts, loaded.vocabulary, fits.window
        try:
            self.runner = assemble(loaded, Wanted(
                context=self.context, parallel=wanted.parallel, queue=wanted.queue, queue_owner=wanted.queue_owner,
                threads=wanted.threads, weights=wanted.weights, cache_bytes=fits.bytes,
            ))
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".split("\n", maxsplit=1)[0][:200]
            raise Unusable("The model cannot compute here ({reason}).", reason=reason) from error
        self.computes = {
            "device": loading.describe_machine(loaded.device), "precision": str(loaded.precision).removeprefix("torch."),
            "weights": wanted.weights if wanted.weights in planning.FEWER_BITS else "",
            "threads": torch.get_num_threads() if loaded.device.type == "cpu" else 0,
        }
        log.info("%s", planning.sentence(wanted.name or wanted.model.name, self.computes, fits))
        if 0 < int(wanted.cache_memory * 1e9) < fits.window * fits.bytes_a_token:
            least = f"{fits.bytes / 1e9:.2f}"
            log.warning("WEBBOT_CACHE_MEMORY=%g is less than one window takes: %s GB are used", wanted.cache_memory, least)
        self.runner.start()
        return {
            "context": self.context, "opening": self.prompts.opening, "frame": self.prompts.frame,
            "tokenizer": loaded.tokenizer, "abilities": self._abilities(),
            "device_memory": torch.cuda.memory_reserved() if loaded.device.type == "cuda" else 0,
        }

    def step_seconds(self) -> float:
        return self.runner.step.seconds() if hasattr(self, "runner") else 0.0

    def _abilities(self) -> list[str]:
        missing = set() if self.prompts.speaks_tools else {"tools"}
        if self.vocabulary.grammatical is None:
            missing |= {"schema", "logprobs"}
        return [ability for ability in ABILITIES if ability not in missing]

    def answer(self, request: dict[str, Any], gone: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        from webbot.engines.llama import wishes
        from webbot.engines.llama.outgoing import Outgoing

        began = time.monotonic()
        prompt = self.prompt_of(request)
        wish = wishes.read(request["options"], self.vocabulary, self.prompts)
        outgoing = Outgoing(self.prompts.decode, self.vocabulary.bytes_of, wish.stops, wish.calls, scored=wish.scored,
                            before=prompt[-PLACING:] if self.goes_on(request) else ())
        answer = self._request(request, prompt, wish)
        self.runner.submit(answer)
        try:
            yield from follow(answer, self.runner, outgoing, gone, began)
        finally:
            self.runner.cancel(answer)

    def prepare(self, request: dict[str, Any]) -> None:
        from webbot.engines.compute.request import Request

        messages = [read_message(message) for message in request["prepare"]]
        prompt = self._beginning(messages)
        if len(prompt) < self.context:
            common = self._common(messages) if request["common"] else 0
            with suppress(Problem):
                self.runner.submit(Request(prompt=prompt, limit=0, owner=request["owner"], common=common, background=True))

    def _beginning(self, messages: Sequence[Message]) -> list[int]:
        """The tokens with which every prompt begins that has these messages first, whatever is asked then."""
        one, other = (self.prompts.build([*messages, Message(role="user", text=text)]) for text in "01")
        return [token for token, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))]

    def _common(self, messages: Sequence[Message]) -> int:
        """How many tokens at the beginning are nothing but the system prompt."""
        if not messages or messages[0].role != "system":
            return 0
        return self._role_tokens(messages[0].text)

    def read_plain(self, text: str | Sequence[int], parameter: str) -> list[int]:
        return [*self.vocabulary.beginning, *self.vocabulary.read(text, parameter)]

    def _request(self, asked: dict[str, Any], prompt: list[int], wish: Wishes) -> Request:
        from webbot.engines.compute.request import Request
        from webbot.engines.compute.sampling import Uniforms

        room = self.context - len(prompt)
        limit = min(wish.limit or room, room)
        return Request(
            prompt=prompt, limit=limit, owner=asked.get("owner", ""), temperature=wish.temperature,
            top_p=wish.top_p, top_k=wish.top_k, min_p=wish.min_p, uniforms=Uniforms(asked["options"].get("seed")),
            shaping=wish.shaping,
            drafts=0 if wish.shaping is not None and wish.shaping.waits else self.runner.drafts, common=self._common_in(asked),
        )

    def _common_in(self, asked: dict[str, Any]) -> int:
        if not asked["options"].get("common"):
            return 0
        return self._common([read_message(message) for message in asked.get("messages", ())[:1]])

    def embed(self, request: dict[str, Any], gone: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        from webbot.engines.compute.embedding import Embedding

        beginning = self.vocabulary.beginning
        texts = [[*beginning, *self.vocabulary.read(text, f"input[{number}]")] for number, text in enumerate(request["embed"])]
        for number, text in enumerate(texts):
            if len(text) > self.context:
                raise TooLong("The text has {count} tokens, the model reads {limit}.", count=len(text), limit=self.context,
                              parameter=f"input[{number}]", code=CONTEXT_EXCEEDED)
        if texts:
            embedding = Embedding(texts=texts, skipped=len(beginning), owner=request.get("owner", ""))
            self.runner.submit(embedding)
            try:
                yield from _follow_embedding(embedding, self.runner, gone)
            finally:
                self.runner.cancel(embedding)
        yield {"tokens": sum(map(len, texts)) - len(beginning) * len(texts)}


def _follow_embedding(embedding: Embedding, runner: Runner, gone: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """Passes the vectors on until there are no more or their reader has left."""
    steps = -1
    while not gone():
        try:
            event = embedding.events.get(timeout=POLL_SECONDS)
        except queue.Empty:
            if steps != runner.steps:
                yield {}
            steps = runner.steps
            continue
        if isinstance(event, Problem):
            raise event
        if isinstance(event, str):
            return
        yield {"vector": event}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m webbot.engines.worker")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--name", default="")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--weights", default="auto")
    parser.add_argument("--cache-memory", type=float, default=0.0)
    parser.add_argument("--spare", type=int, default=0)
    parser.add_argument("--context", type=int, default=8192)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--queue", type=int, default=64)
    parser.add_argument("--queue-owner", type=int, default=8)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    serve(arguments.socket, LlamaWorker(arguments))


if __name__ == "__main__":
    main()
