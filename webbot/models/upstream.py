"""The models of one server elsewhere, by name. Asks for its list beside everything else: nobody waits for another's server."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence

from webbot.engines.base import Engine
from webbot.errors import Problem

FRESH_SECONDS, FAILED_SECONDS = 300.0, 15.0  # after so long the list is asked for again
MOST_ENGINES = 64  # names that requests brought; each keeps only what it counted
log = logging.getLogger(__name__)


class Upstream:
    """`make` gives the engine of one of its models, `names` asks the server for all; `known` are the names that the settings
    give, then it is not asked. `anything`: names beyond these are asked for, too, where a program says them."""

    def __init__(
        self, make: Callable[[str], Engine], *, known: Sequence[str] = (), names: Callable[[], list[str]] | None = None,
        anything: bool = False,
    ) -> None:
        self._make, self._ask, self.anything = make, names if not known else None, anything
        self._names = list(known)
        self._lock = threading.Lock()
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._next = 0.0

    def names(self) -> list[str]:
        """The names as far as they are known now. Never blocks; asks anew where that is due."""
        with self._lock:
            if self._ask is not None and time.monotonic() >= self._next:
                self._next = time.monotonic() + FAILED_SECONDS
                threading.Thread(target=self._refresh, daemon=True, name="upstream models").start()
            return list(self._names)

    def first(self) -> str:
        """The model that answers where nothing is chosen; "" while no name is known, which means the server's own choice."""
        return next(iter(self.names()), "")

    def engine(self, name: str) -> Engine:
        """The engine of one of its models; made at the first time."""
        with self._lock:
            engine = self._engines.pop(name, None) or self._make(name)
            self._engines[name] = engine
            dropped = [self._engines.popitem(last=False)[1] for _ in range(len(self._engines) - MOST_ENGINES)]
        for old in dropped:
            if not old.busy():
                old.close()
        return engine

    def open_engines(self) -> Iterator[tuple[str, Engine]]:
        """Those that were asked for."""
        with self._lock:
            yield from list(self._engines.items())

    def _refresh(self) -> None:
        try:
            names = self._ask() if self._ask else []
        except Problem as problem:
            log.warning("the models of a server are not known: %s", problem)
            return
        with self._lock:
            self._names, self._next = names, time.monotonic() + FRESH_SECONDS

    def close(self) -> None:
        for _, engine in list(self.open_engines()):
            engine.close()
