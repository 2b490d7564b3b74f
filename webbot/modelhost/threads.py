"""Computing that leaves no threads behind.

OpenMP keeps helpers for every thread that has computed, as long as that one lives. Where all of these together are more than the
processors, GNU's lets each sleep as soon as it has nothing to do (GOMP_SPINCOUNT in the manual of libgomp), and waking them for
each operation makes a small model half as quick. So in a process with a model only the thread may stay that computes answers:
what computes before or beside it, to load, to measure or to resample, does so in a thread that ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Value = TypeVar("Value")


def apart(act: Callable[[], Value]) -> Value:
    """What `act` gives or raises, computed in a thread of its own that has ended then. Ctrl-C does not wait for it."""
    done: Future[Value] = Future()

    def run() -> None:
        try:
            done.set_result(act())
        except BaseException as error:
            done.set_exception(error)

    thread = threading.Thread(target=run, daemon=True, name="apart")
    thread.start()
    try:
        return done.result()
    finally:
        if done.done():
            thread.join()
