"""An engine that is just loading is waited for."""

from __future__ import annotations

import time
from dataclasses import replace

from webbot.engines.base import Engine, EngineState
from webbot.errors import Unavailable

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
