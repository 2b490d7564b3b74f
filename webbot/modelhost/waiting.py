"""On the side with the model: waits for what a pool computes, with signs of life, as long as whoever asked is there."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, wait
from typing import Any

HEARTBEAT_SECONDS = 0.1
LEFT = object()  # in place of a result that nobody waits for any more


def awaited(
    future: Future[Any], gone: Callable[[], bool], found: Callable[[], Iterable[dict[str, Any]]] = tuple
) -> Generator[dict[str, Any], None, Any]:
    """Yields heartbeats, and the frames of what was `found` since the last one, until the result is there, and returns it.

    Returns LEFT when the client has gone; what is not yet computed then is not begun.
    """
    while True:
        done = wait([future], HEARTBEAT_SECONDS).done
        yield from found()
        if done:
            return future.result()
        if gone():
            future.cancel()
            return LEFT
        yield {}
