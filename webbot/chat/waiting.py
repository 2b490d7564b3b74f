"""An engine that is just loading is waited for; how long answers wait for their turn is measured."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

from webbot import metrics
from webbot.engines.base import Engine, EngineState
from webbot.errors import Problem, TooMany, Unavailable
from webbot.messages import Called, Delta, Finished, Queued

PATIENCE_SECONDS = 60.0
TICK_SECONDS = 0.05


def woken(engine: Engine) -> EngineState:
    """The engine's state; a sleeping one is woken. One that has to wait for room in memory is loading, and says so.

    Raises what speaks against it for good.
    """
    try:
        engine.wake()
    except Unavailable as problem:
        if problem.retry_after is None:
            raise
        return replace(engine.state(), status="loading", sentence=str(problem))
    return engine.state()


def ready(engine: Engine) -> EngineState:
    """The engine's state once it is ready. Raises Unavailable when it failed or does not come up in time, and what `woken`
    raises."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        state = woken(engine)
        if state.status == "ready":
            return state
        if state.status == "failed" or time.monotonic() > until:
            raise Unavailable(state.sentence or "The model is still loading. Please try again in a moment.", retry_after=5)
        time.sleep(TICK_SECONDS)


@contextmanager
def admitted(engine: Engine, owner: str) -> Iterator[None]:
    """A place in the engine's line is kept for what this owner is about to ask; where something goes wrong meanwhile it is given
    back. Raises TooMany where there is none."""
    try:
        engine.room(owner)
    except TooMany:
        metrics.refused.labels("queue").inc()
        raise
    try:
        yield
    except BaseException:
        with suppress(Problem):
            engine.give_back(owner)
        raise


def measured(parts: Iterator[Queued | Delta | Called | Finished]) -> Generator[Queued | Delta | Called | Finished]:
    """The parts of an answer as they come. How long it waited for its turn, or that it was refused, is counted."""
    began, waiting, seen = time.monotonic(), False, False
    with closing(parts):  # type: ignore[type-var] # a generator: closing it frees the model
        try:
            for part in parts:
                if isinstance(part, Queued) and part.position:
                    waiting = True
                elif not seen and (not waiting or isinstance(part, Queued)):
                    metrics.queue_wait_seconds.observe(time.monotonic() - began if waiting else 0.0)
                    seen = True
                yield part
        except TooMany:
            metrics.refused.labels("queue").inc()
            raise
