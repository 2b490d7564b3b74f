"""What a web process says every second of itself: that it lives, which turns are its own, how many listen in it. And what it
finds out of the others: who listens there, and whose answer has nobody any more who writes it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Protocol

import redis

from webbot.relay import keys
from webbot.relay.connection import Health

BEAT_SECONDS = 1.0
OTHERS_SECONDS = 1.0  # how long it is known who else listens
MOST_OTHERS = 10_000  # conversations of which that is kept
EVERYTHING_SECONDS = 20.0  # after so long what is unchanged is told again
log = logging.getLogger(__name__)


class Home(Protocol):
    """What the beat asks of its process."""

    def leases(self) -> Mapping[str, str]: ...
    def let_go(self, key: str, token: str) -> None: ...
    def listening(self, key: str) -> int: ...
    def lost(self) -> Mapping[str, str]: ...
    def end_lost(self, key: str, answer: str) -> bool: ...


class Beat:
    """Beats from `start` to `close`."""

    def __init__(self, client: redis.Redis, process: str, health: Health, home: Home) -> None:
        self.client, self.process, self.health, self.home = client, process, health, home
        self._living: frozenset[str] = frozenset()  # the other processes
        self._others: dict[str, tuple[float, int]] = {}  # when they were asked for a conversation, and how many listen there
        self._lock = threading.Lock()
        self._changed: set[str] = set()  # the conversations with more or fewer listeners than Redis knows
        self._told: dict[str, int] = {}
        self._renewed = self._everything = 0.0
        self._woken, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="relay beat")

    def start(self) -> None:
        self._thread.start()

    def changed(self, key: str) -> None:
        """Somebody came to listen there, or left."""
        with self._lock:
            self._changed.add(key)
        self._woken.set()

    def others(self, key: str, *, beside: bool) -> int:
        """How many listen in the other processes, as known for a second; with `beside` as the beat last found it."""
        asked, others = self._others.get(key, (0.0, 0))
        if asked and (beside or time.monotonic() - asked < OTHERS_SECONDS):
            return others
        return self._ask_others(key)

    def _ask_others(self, key: str) -> int:
        others = 0
        if self.health.up:
            try:
                told: Any = self.client.hgetall(keys.here(key))
                others = sum(int(count) for process, count in told.items() if process.decode() in self._living)
            except redis.RedisError as error:
                self.health.bad(error)
        if len(self._others) > MOST_OTHERS:
            self._others.clear()
        self._others[key] = (time.monotonic(), others)
        return others

    def _run(self) -> None:
        while not self._closing.is_set():
            self._woken.clear()
            try:
                self._beat()
                self.health.good()
            except redis.RedisError as error:
                self.health.bad(error)
                self._renewed = 0.0
                self._closing.wait(BEAT_SECONDS / 2)
                continue
            except Exception:
                log.exception("the other web processes were not told")
            self._woken.wait(BEAT_SECONDS)
            self._closing.wait(0.02)  # several changes are told together

    def _beat(self) -> None:
        told = self.client.eval(keys.LIVE, 1, keys.PROCESSES, self.process, keys.PRESENCE_SECONDS)
        self._living = frozenset(name.decode() for name in told) - {self.process}
        now = time.monotonic()
        if now - self._renewed >= keys.RENEW_SECONDS:
            self._renew()
            self._renewed = now
        self._tell_listeners(now)
        for key in self.home.leases():
            self._ask_others(key)
        if self.health.trusted:
            self._find_lost()

    def _renew(self) -> None:
        leases, milliseconds = self.home.leases(), int(keys.LEASE_SECONDS * 1000)
        if not leases:
            return
        with self.client.pipeline(transaction=False) as pipe:
            for key, token in leases.items():
                pipe.eval(keys.RENEW, 2, keys.lease(key), keys.TURNS, token, milliseconds, key)
            kept = pipe.execute()
        held = self.home.leases()
        for (key, token), still in zip(leases.items(), kept, strict=True):
            if held.get(key) != token:  # ended meanwhile: the turn must not look taken
                self.home.let_go(key, token)
            elif not still:
                log.error("another web process took over a turn of this one")

    def _tell_listeners(self, now: float) -> None:
        with self._lock:
            changed, self._changed = self._changed, set()
        if now - self._everything > EVERYTHING_SECONDS:
            self._everything = now
            changed |= set(self._told)
        counts = {key: self.home.listening(key) for key in changed}
        if not counts:
            return
        try:
            with self.client.pipeline(transaction=False) as pipe:
                for key, count in counts.items():
                    if count:
                        pipe.hset(keys.here(key), self.process, str(count))
                        pipe.expire(keys.here(key), 3 * int(EVERYTHING_SECONDS))
                    else:
                        pipe.hdel(keys.here(key), self.process)
                pipe.execute()
        except redis.RedisError:
            with self._lock:
                self._changed |= changed
            raise
        self._told = {key: count for key, count in (self._told | counts).items() if count}

    def _find_lost(self) -> None:
        answers = self.home.lost()
        if not answers:
            return
        with self.client.pipeline(transaction=False) as pipe:
            for key in answers:
                pipe.exists(keys.lease(key))
            held = pipe.execute()
        for (key, answer), alive in zip(answers.items(), held, strict=True):
            if not alive:
                self.home.end_lost(key, answer)

    def close(self) -> None:
        """Says that nobody listens here any more."""
        self._closing.set()
        self._woken.set()
        self._thread.join(3)
        try:
            with self.client.pipeline(transaction=False) as pipe:
                for key in self._told:
                    pipe.hdel(keys.here(key), self.process)
                pipe.zrem(keys.PROCESSES, self.process)
                pipe.execute()
        except redis.RedisError:
            pass  # it ends by itself
