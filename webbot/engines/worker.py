"""The process with torch: loads a Llama-shaped model and answers requests. `python -m webbot.engines.worker --socket PATH ...`

A request is {"messages": [{"role", "text"}], "options": {...}, "owner": "..."}: frames {"delta": text}, then {"finished": reason,
"usage": {...}}. Or {"count": [texts]}: one frame {"counts": [...]}. Or {"load": true}: one frame {"in_work": n, "waiting": n}.
It knows nothing of conversations or stores.
"""

from __future__ import annotations

import argparse
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from webbot.errors import Problem, TooLong, Unusable
from webbot.messages import Message
from webbot.modelhost import serve

if TYPE_CHECKING:
    from webbot.engines.llama.runner import Request

POLL_SECONDS = 0.02
# Tokens that come within this time go out together: at hundreds a second each one alone would cost more than its computing.
COLLECT_SECONDS = 0.02


class LlamaWorker:
    """What modelhost serves. `arguments` are those of the command line."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments

    def load(self, report: Callable[[float | None, str], None]) -> dict[str, Any]:
        report(0.0, "Starting the model's process.")
        import torch

        from webbot.engines.llama import loading
        from webbot.engines.llama.runner import Runner
        from webbot.engines.llama.scheduler import Scheduler
        from webbot.engines.llama.slots import SlotCache

        wanted = self.arguments
        loaded = loading.load(wanted.model, wanted.device, wanted.precision, report)
        torch.set_num_threads(wanted.threads or loading.suitable_threads(loaded.model))
        self.prompts, self.context = loaded.prompts, min(wanted.context, loaded.context)
        cache = SlotCache(loaded.model.config, wanted.parallel, self.context, loaded.device, loaded.precision)
        scheduler = Scheduler(wanted.parallel, wanted.queue, wanted.queue_owner)
        self.runner = Runner(loaded.model, cache, scheduler, loaded.ends)
        try:
            self.runner.warm_up()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}".split("\n", maxsplit=1)[0][:200]
            raise Unusable("The model cannot compute here ({reason}).", reason=reason) from error
        self.runner.start()
        return {
            "context": self.context, "opening": self.prompts.opening, "frame": self.prompts.frame,
            "tokenizer": loaded.tokenizer, "precision": str(loaded.precision).removeprefix("torch."),
            "device": loading.describe_machine(loaded.device),
        }

    def handle(self, request: dict[str, Any], payload: bytes, gone: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        if "count" in request:
            yield {"counts": self.prompts.count(request["count"])}
        elif "load" in request:
            in_work, waiting = self.runner.load()
            yield {"in_work": in_work, "waiting": waiting}
        else:
            yield from self._answer(request, gone)

    def _answer(self, asked: dict[str, Any], gone: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        began = time.monotonic()
        request = self._request(asked)
        self.runner.submit(request)
        try:
            yield from _follow(request, self.runner, self.prompts.decode, gone, began)
        finally:
            self.runner.cancel(request)

    def _request(self, asked: dict[str, Any]) -> Request:
        from webbot.engines.llama.runner import Request

        prompt = self.prompts.build([Message(role=message["role"], text=message["text"]) for message in asked["messages"]])
        room = self.context - len(prompt)
        if room < 1:
            raise TooLong("The prompt has {count} tokens, the model reads {limit}.", count=len(prompt), limit=self.context)
        options = asked["options"]
        return Request(
            prompt=prompt, limit=min(options.get("max_tokens") or room, room), owner=asked.get("owner", ""),
            temperature=float(options.get("temperature", 0.0)), top_p=float(options.get("top_p", 1.0)),
            random=Random(options.get("seed")),
        )


def _follow(
    request: Request, runner: Any, decode: Callable[[Sequence[int]], str], gone: Callable[[], bool], began: float
) -> Iterator[dict[str, Any]]:
    """Reads what the runner writes until the answer ends or its reader has left."""
    from webbot.engines.llama.text import TextStream

    stream, first, written, steps = TextStream(decode), 0.0, 0, -1
    while not gone():
        tokens, end = _collect(request)
        if tokens:
            first = first or time.monotonic() - began
            written += len(tokens)
        text = stream.push(tokens) if tokens else ""
        text += stream.finish() if end else ""
        if text:
            yield {"delta": text}
        if isinstance(end, Problem):
            raise end
        if end:
            yield {"finished": end, "usage": {
                "prompt_tokens": len(request.prompt), "answer_tokens": written, "cached_tokens": request.found,
                "first_token_seconds": first, "seconds": time.monotonic() - began,
            }}
            return
        if not text and steps != runner.steps:
            yield {}  # a sign of life only while the model computes: when it hangs, the reader must notice
        steps = runner.steps
        if tokens:
            time.sleep(COLLECT_SECONDS)


def _collect(request: Request) -> tuple[list[int], str | Problem | None]:
    """The tokens that are there, after a wait for the first; and how the answer ended, if it has."""
    tokens: list[int] = []
    try:
        event = request.events.get(timeout=POLL_SECONDS)
        while isinstance(event, int):
            tokens.append(event)
            event = request.events.get_nowait()
    except queue.Empty:
        return tokens, None
    return tokens, event


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m webbot.engines.worker")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--context", type=int, default=8192)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--queue", type=int, default=64)
    parser.add_argument("--queue-owner", type=int, default=8)
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    serve(arguments.socket, LlamaWorker(arguments))


if __name__ == "__main__":
    main()
