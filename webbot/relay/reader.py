"""What other processes tell comes in over one connection, whatever the number of conversations and listeners."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import redis

from webbot.relay import keys
from webbot.relay.connection import ANSWER_SECONDS, Health, connected

BLOCK_SECONDS = 5.0
MOST_ENTRIES = 500
PAUSE_SECONDS = 0.5
Entries = Sequence[tuple[bytes, Mapping[bytes, bytes]]]  # ids and fields
log = logging.getLogger(__name__)


class Reader:
    """`positions` says from where each conversation is to be read; `hear` takes the entries of one; `again` is called when Redis
    answers again after it was away."""

    def __init__(
        self, url: str, process: str, health: Health, positions: Callable[[], Mapping[str, str]],
        hear: Callable[[str, Entries], None], again: Callable[[], None],
    ) -> None:
        self.health, self._positions, self._hear, self._again = health, positions, hear, again
        self._waker = keys.waker(process)
        self._client = connected(url, BLOCK_SECONDS + ANSWER_SECONDS)
        self._asking = connected(url)
        self._changed, self._closing = threading.Event(), threading.Event()
        self._asleep = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="relay reader")

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Other conversations are to be read."""
        if self._changed.is_set():
            return  # it is on its way to look
        self._changed.set()
        try:
            with self._asking.pipeline(transaction=False) as pipe:
                pipe.xadd(self._waker, {"w": "1"}, maxlen=1)
                pipe.expire(self._waker, 60)
                pipe.execute()
        except redis.RedisError as error:
            self.health.bad(error)

    def _run(self) -> None:
        woken, away = "0-0", False
        while not self._closing.is_set():
            try:
                if away:
                    self._client.ping()
                    self.health.good()
                    self._again()
                    away = False
                woken = self._read(woken)
            except redis.RedisError as error:
                self.health.bad(error)
                away = True
                self._closing.wait(PAUSE_SECONDS)
            except Exception:
                log.exception("news of other processes could not be read")
                away = True
                self._closing.wait(PAUSE_SECONDS)

    def _read(self, woken: str) -> str:
        """One look at everything; returns how far the waker was read."""
        self._changed.clear()
        positions = self._positions()
        names = {keys.stream(key): key for key in positions}
        wanted: dict[Any, Any] = {name: positions[key] for name, key in names.items()} | {self._waker: woken}
        told: Any = self._client.xread(wanted, count=MOST_ENTRIES, block=int(BLOCK_SECONDS * 1000))
        for name, entries in told or ():
            if name.decode() == self._waker:
                woken = entries[-1][0].decode()
            elif (key := names.get(name.decode("utf-8", "surrogatepass"))) is not None:
                self._hear(key, entries)
        return woken

    def close(self) -> None:
        self._closing.set()
        self._changed.clear()
        self.wake()
        self._thread.join(2)
        for client in (self._client, self._asking):
            client.close()
