"""Connections to one Redis server: few, lent one at a time, none returned in the middle of a reply.

Covered: whatever goes wrong while a connection is lent, a cancelled greenlet or a time-out included, closes it, so that nobody
reads what another one asked for. Knows nothing of what is asked.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from redis.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ResponseError

from webbot.errors import Unavailable
from webbot.store.redis_address import RedisAddress
from webbot.store.redis_trouble import CROWDED

CLASSES: dict[str, Callable[..., AbstractConnection]] = {
    "redis": Connection, "rediss": SSLConnection, "unix": UnixDomainSocketConnection,
}
MOST = 16  # connections
MOST_WAITING = 64  # calls that wait for one of them; more are refused at once
LEAST = 0.05  # seconds that a step gets, however late it is

Command = Sequence[bytes | str | int | float]


class Lent:
    """One connection. `ahead` is what the server's clock shows more than this machine's monotonic one, in seconds."""

    def __init__(self, connection: AbstractConnection, until: float) -> None:
        self.connection = connection
        connection.socket_connect_timeout = connection.socket_timeout = left(until)
        connection.connect()
        (now,) = self.ask([("TIME",)], until)
        if isinstance(now, ResponseError):
            raise now
        self.ahead = int(now[0]) + int(now[1]) / 1e6 - time.monotonic()

    def ask(self, commands: Sequence[Command], until: float) -> list[Any]:
        """The replies, errors of the server among them. `until`: a moment of the monotonic clock."""
        self.connection.send_packed_command(self.connection.pack_commands(commands), check_health=False)
        return [self._reply(until) for _ in commands]

    def _reply(self, until: float) -> Any:
        try:
            return self.connection.read_response(disable_decoding=True, timeout=left(until))
        except ResponseError as error:
            return error


class Connections:
    """At most `most` connections to the server at `address`, made when they are needed."""

    def __init__(self, address: RedisAddress, most: int = MOST) -> None:
        self.address = address
        self._free: list[Lent] = []
        self._places = threading.Semaphore(most)
        self._lock = threading.Lock()
        self._waiting = 0
        self._round = 0  # grows when the connections that are there are no longer trusted

    @contextlib.contextmanager
    def lent(self, until: float) -> Iterator[Lent]:
        """One for a while, at the latest at `until`. Raises Unavailable when too many wait, and what making one raises."""
        self._wait(until)
        try:
            was, lent = self._round, self._free.pop() if self._free else self._make(until)
            try:
                yield lent
            except BaseException:
                lent.connection.disconnect()
                raise
            if was == self._round:
                self._free.append(lent)
            else:
                lent.connection.disconnect()
        finally:
            self._places.release()

    def renew(self) -> None:
        """Closes the ones nobody uses, and later the others: what comes gets a fresh one."""
        self._round += 1
        while self._free:
            self._free.pop().connection.disconnect()

    close = renew

    def _make(self, until: float) -> Lent:
        connection = CLASSES[self.address.scheme](
            **self.address.options, protocol=2, driver_info=None, encoding_errors="surrogatepass",
        )
        try:
            return Lent(connection, until)
        except BaseException:
            connection.disconnect()
            raise

    def _wait(self, until: float) -> None:
        if self._places.acquire(blocking=False):
            return
        with self._lock:
            if self._waiting >= MOST_WAITING:
                raise Unavailable(CROWDED, retry_after=2)
            self._waiting += 1
        try:
            if not self._places.acquire(timeout=left(until)):
                raise Unavailable(CROWDED, retry_after=2)
        finally:
            with self._lock:
                self._waiting -= 1


def left(until: float) -> float:
    return max(LEAST, until - time.monotonic())
