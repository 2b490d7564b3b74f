"""On the side with the model: what a runner writes for a request, as the frames of its answer."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, Protocol

from webbot.errors import Problem
from webbot.messages import ToolCall

POLL_SECONDS = 0.02
# Tokens that come within this time go out together: at hundreds a second each one alone would cost more than its computing.
COLLECT_SECONDS = 0.02


class Request(Protocol):
    """An answer in work: of its `prompt` `found` tokens were in the cache. `events` receives its tokens, then "stop", "length"
    or a Problem."""

    prompt: Sequence[int]
    found: int
    events: queue.SimpleQueue[Any]


class Runner(Protocol):
    """What computes. `steps` counts what was computed: it stands still when the model hangs or nothing is asked."""

    steps: int

    def cancel(self, request: Any) -> None:
        """Frees what the request holds. Harmless for a finished one."""


class Outgoing(Protocol):
    """What is sent of an answer (webbot.engines.outgoing)."""

    written: int

    @property
    def stopped(self) -> bool: ...

    def push(self, tokens: Sequence[Any]) -> dict[str, Any]: ...

    def finish(self) -> tuple[dict[str, Any], list[ToolCall]]: ...


def follow(
    request: Request, runner: Runner, outgoing: Outgoing, gone: Callable[[], bool], began: float
) -> Iterator[dict[str, Any]]:
    """Reads what the runner writes until the answer ends or its reader has left."""
    first, steps = 0.0, -1
    while not gone():
        tokens, end = _collect(request)
        if tokens:
            first = first or time.monotonic() - began
        frame = outgoing.push(tokens) if tokens else {}
        if frame:
            yield frame
        if end is not None or outgoing.stopped:
            runner.cancel(request)  # after a stop text the model goes on with something else, whoever still reads
            yield from _last(request, outgoing, end, first, began)
            return
        if not frame and steps != runner.steps:
            yield {}  # a sign of life only while the model computes: when it hangs, the reader must notice
        steps = runner.steps
        if tokens:
            time.sleep(COLLECT_SECONDS)


def _last(
    request: Request, outgoing: Outgoing, end: str | Problem | None, first: float, began: float
) -> Iterator[dict[str, Any]]:
    """The end of an answer: what was held back, its calls and how it ended. Raises the Problem that it ended with."""
    frame, calls = outgoing.finish()
    if frame:
        yield frame
    if isinstance(end, Problem) and not outgoing.stopped:
        raise end
    for call in calls:
        yield {"call": asdict(call)}
    reason = "stop" if outgoing.stopped else "tool_calls" if calls else end
    yield {"finished": reason, "usage": {
        "prompt_tokens": len(request.prompt), "answer_tokens": outgoing.written, "cached_tokens": request.found,
        "first_token_seconds": first, "seconds": time.monotonic() - began,
    }}


def _collect(request: Request) -> tuple[list[Any], str | Problem | None]:
    """The tokens that are there, after a wait for the first; and how the answer ended, if it has."""
    tokens: list[Any] = []
    try:
        event = request.events.get(timeout=POLL_SECONDS)
        while not isinstance(event, str | Problem):
            tokens.append(event)
            event = request.events.get_nowait()
    except queue.Empty:
        return tokens, None
    return tokens, event
