"""An engine that is just loading is waited for."""

from __future__ import annotations

import time

from webbot.engines.base import Engine, EngineState
from webbot.errors import Unavailable

PATIENCE_SECONDS = 20.0
TICK_SECONDS = 0.05


def ready(engine: Engine) -> EngineState:
    """The engine's state once it is ready; a sleeping one is woken. Raises Unavailable when it failed or does not come up in
    time, and what `wake` raises."""
    engine.wake()
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        state = engine.state()
        if state.status == "ready":
            return state
        if state.status == "failed" or time.monotonic() > until:
            raise Unavailable(state.sentence or "The model is still loading. Please try again in a moment.", retry_after=5)
        time.sleep(TICK_SECONDS)
