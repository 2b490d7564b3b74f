"""The process with llama.cpp: loads a GGUF model and answers requests. `python -m webbot.engines.gguf_worker --socket PATH ...`

Its requests and frames are those of webbot.engines.worker, without "embed". It knows nothing of conversations or stores.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from webbot.engines.answering import AnsweringWorker
from webbot.engines.base import ABILITIES
from webbot.engines.following import follow
from webbot.engines.llama.machine import free_memory
from webbot.engines.llama_cpp import asked as asking
from webbot.engines.llama_cpp import check
from webbot.engines.llama_cpp.header import read_ahead
from webbot.engines.llama_cpp.line import Line
from webbot.engines.llama_cpp.prompt import GgufPrompts
from webbot.engines.llama_cpp.runner import Request, Runner
from webbot.engines.outgoing import Outgoing
from webbot.engines.processor import physical_cores
from webbot.errors import Unusable
from webbot.modelhost import serve

MOST_STRUCTURE = 0.5  # of the window, for what the template itself says in a conversation of two messages


class GgufWorker(AnsweringWorker):
    """What modelhost serves. `arguments` are those of the command line."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments

    def load(self, report: Callable[[float | None, str], None]) -> dict[str, Any]:
        report(0.0, "Starting the model's process.")
        wanted = self.arguments
        model, files = check.whole(wanted.model)
        from webbot.engines.llama_cpp import server as servers

        graphics = servers.graphics() if wanted.gpu_layers else []
        self.context = check.window(model, wanted.context)
        free = free_memory()
        free = None if free is None else free + sum(left for _, left in graphics)
        slots = check.slots(wanted.model, model, self.context, wanted.parallel, free)
        threads = check.threads(model, wanted.threads, physical_cores())
        read_ahead(files, report)
        report(0.9, "Preparing the model.")
        self.server = servers.Server(servers.Wanted(
            file=wanted.model, socket=wanted.socket.with_name(f"{wanted.socket.stem}-llama.sock"), context=self.context,
            slots=slots, threads=threads, piece=check.piece(model, threads, bool(graphics)), gpu_layers=wanted.gpu_layers,
        ))
        self.prompts = GgufPrompts(model, self.server.tokenize)
        structure = self.prompts.opening + 2 * self.prompts.frame
        if structure > MOST_STRUCTURE * self.context:
            sentence = "The model's chat template takes {count} tokens for nothing but its own text; the model reads {limit}."
            raise Unusable(sentence, count=structure, limit=self.context)
        self.runner = Runner(self.server, Line(slots, wanted.queue, wanted.queue_owner))
        self.computes = {
            "device": ", ".join(name for name, _ in graphics) or f"{platform.machine()} processor",
            "precision": "", "weights": "", "threads": 0 if graphics else threads,
        }
        missing = {"embed"} | (set() if self.prompts.speaks_tools else {"tools"})
        return {
            "context": self.context, "opening": self.prompts.opening, "frame": self.prompts.frame, "tokenizer": self.prompts.name,
            "parallel": slots,
            "abilities": [ability for ability in ABILITIES if ability not in missing],
        }

    def step_seconds(self) -> float:
        return self.runner.idle_seconds() if hasattr(self, "runner") else 0.0

    def answer(self, request: dict[str, Any], gone: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        began = time.monotonic()
        prompt = self.prompt_of(request)
        asked = asking.read(request["options"], self.prompts.size, self.prompts)
        room = self.context - len(prompt)
        answer = Request(prompt=prompt, limit=min(asked.limit or room, room), owner=request.get("owner", ""), asked=asked)
        self.runner.submit(answer)
        try:
            yield from follow(answer, self.runner, Outgoing(asked.stops, asked.calls), gone, began)
        finally:
            self.runner.cancel(answer)

    def read_plain(self, text: str | Sequence[int], parameter: str) -> list[int]:
        return [*self.prompts.beginning, *self.prompts.read_plain(text, parameter)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m webbot.engines.gguf_worker")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--context", type=int, default=8192)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--queue", type=int, default=64)
    parser.add_argument("--queue-owner", type=int, default=8)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--gpu-layers", type=int, default=-1)
    arguments = parser.parse_args()
    serve(arguments.socket, GgufWorker(arguments))


if __name__ == "__main__":
    main()
