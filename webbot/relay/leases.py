"""Turns in Redis: a turn is a lease that ends by itself when its process does not renew it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import redis

from webbot.channel import BUSY
from webbot.errors import Conflict, DiskFull, Unavailable
from webbot.relay import keys
from webbot.relay.connection import Health
from webbot.relay.writer import Writer

AWAY = "The servers cannot agree on whose turn it is, because their Redis does not answer. Please try again in a moment."
NO_MEMORY = ("The Redis of this server has no memory left, so no question can be taken. Please delete old conversations or raise "
             "its maxmemory.")
FLUSH_SECONDS = 1.0


class Leases:
    """Those of all web processes, as one of them takes them and looks at them. The beat renews its own."""

    def __init__(self, client: redis.Redis, process: str, health: Health, writer: Writer) -> None:
        self.client, self.process, self.health, self.writer = client, process, health, writer

    def check(self) -> None:
        """Raises Unavailable when Redis does not answer."""
        try:
            self.client.ping()
        except redis.RedisError:
            raise Unavailable(AWAY, retry_after=5) from None

    def take(self, key: str) -> tuple[str, str]:
        """Makes the turn this process's. Returns the token of the lease, and the answer that a process which is gone left behind
        there, "" where none is. Raises Conflict, and Unavailable or DiskFull where Redis cannot say or keep it."""
        token, milliseconds = f"{self.process} {secrets.token_hex(8)}", int(keys.LEASE_SECONDS * 1000)
        try:
            if not self.writer.settle(key, FLUSH_SECONDS):  # the end of this process's last turn there
                raise Unavailable(AWAY, retry_after=5)
            names = (keys.lease(key), keys.TURNS, keys.running(key), keys.text(key))
            left: bytes | None = self.client.eval(keys.CLAIM, len(names), *names, token, milliseconds, key)
            if left is None:
                raise Conflict(BUSY)
            while self.client.exists(keys.SWEEPING):  # see `settled`; it ends by itself
                time.sleep(0.01)
            return token, left.decode()
        except redis.RedisError as error:
            self.health.bad(error)
            self.writer.release(key, token)  # it may have been granted
            if isinstance(error, redis.exceptions.OutOfMemoryError):
                raise DiskFull(NO_MEMORY) from None
            raise Unavailable(AWAY, retry_after=5) from None

    def held(self) -> set[str]:
        """The conversations with a lease. Raises redis.RedisError."""
        told: Any = self.client.eval(keys.CLAIMED, 1, keys.TURNS, keys.lease(""))
        return {key.decode() for key in told}

    @contextmanager
    def settled(self, mine: Callable[[], Collection[str]]) -> Iterator[Collection[str] | None]:
        """The conversations in which an answer is written, by another process or (`mine`) by this one, while no turn can begin.
        None where that cannot be told now, or another process does the same. Turns wait meanwhile, ten seconds at most."""
        token = secrets.token_hex(8)
        if not self.health.trusted:
            yield None
            return
        try:
            alone = self.client.set(keys.SWEEPING, token, nx=True, ex=keys.SWEEP_SECONDS)
            written = self.held() | set(mine()) if alone else None
        except redis.RedisError as error:
            self.health.bad(error)
            yield None
            return
        try:
            yield written
        finally:
            try:
                self.client.eval(keys.SWEPT, 1, keys.SWEEPING, token)
            except redis.RedisError as error:
                self.health.bad(error)
