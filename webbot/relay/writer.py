"""What this process tells goes to Redis in one thread, in order. The pieces of an answer are gathered for a moment, so that a
fast model costs no call a token; while Redis is away everything waits here, and is then told as far as it still matters."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import redis
from redis.client import Pipeline

from webbot.messages import Delta, Preparing, Queued, Started
from webbot.news import Began, Heard, News, Running
from webbot.relay import keys
from webbot.relay.connection import Health
from webbot.relay.wire import Entry, encode, gathered, state_of

GATHER_SECONDS = 0.02
PAUSE_SECONDS = 0.5  # before Redis is tried again
MOST_WAITING = 20_000
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Item:
    """Something to be told: news, the wish to end an answer (`stop`), or that a turn is over (`token` of its lease)."""

    key: str
    number: int
    news: News | None = None
    direct: bool = False
    stop: str | None = None
    token: str = ""

    @property
    def patient(self) -> bool:
        """Whether more of its kind may soon follow."""
        return isinstance(self.news, Heard) and isinstance(self.news.event, Delta)


class Writer:
    """`untold` is called with news, and their number, that Redis did not take and that nobody in this process has heard."""

    def __init__(self, client: redis.Redis, process: str, health: Health, untold: Callable[[str, News, int], None]) -> None:
        self.client, self.process, self.health, self._untold = client, process, health, untold
        self._lock, self._filled, self._emptied = threading.Lock(), threading.Event(), threading.Condition()
        self._waiting: deque[Item] = deque()
        self._last: dict[str, Item] = {}  # by conversation: what comes next may be gathered into it
        self.number = 0  # of what was told last
        self._told: dict[str, Running] = {}  # the running answers of this process, as far as Redis knows them
        self._unsure = False  # whether Redis took the last batch
        self._sent_at = 0.0
        self._sending = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="relay writer")
        self._thread.start()

    def tell(self, key: str, news: News, *, direct: bool) -> None:
        """`direct`: whoever listens in this process has heard it already. Never waits."""
        with self._lock:
            self.number += 1
            last = self._last.get(key)
            if last is not None and last.news is not None and last.direct == direct:
                both = gathered(last.news, news)
                if both is not None:
                    last.news, last.number = both, self.number
                    return
            self._add(Item(key, self.number, news, direct))

    def ask_stop(self, key: str, answer: str) -> None:
        with self._lock:
            self.number += 1
            self._add(Item(key, self.number, stop=answer))

    def release(self, key: str, token: str) -> None:
        """After everything that was told before."""
        with self._lock:
            self._add(Item(key, 0, token=token))

    def _add(self, item: Item) -> None:
        self._waiting.append(item)
        self._last[item.key] = item
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
        self._filled.set()

    def settle(self, key: str, seconds: float) -> bool:
        """Waits until nothing of that conversation is on its way; False when that takes longer."""
        until = time.monotonic() + seconds
        with self._emptied:
            while self._has(key):
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self._emptied.wait(left)
        return True

    def _has(self, key: str) -> bool:
        with self._lock:
            return self._sending or any(item.key == key for item in self._waiting)

    def _run(self) -> None:
        while True:
            self._filled.wait()
            if self._closing.is_set() and not self._waiting:
                return
            self._gather()
            with self._lock:
                batch = list(self._waiting)
                self._waiting.clear()
                self._last.clear()
                self._filled.clear()
                self._sending = True
            sent = self._send(batch)
            with self._lock:
                self._sending = False
                if not sent:
                    self._waiting.extendleft(reversed(batch))
                if self._waiting or self._closing.is_set() or (sent and self._unsure):
                    self._filled.set()
            with self._emptied:
                self._emptied.notify_all()
            if not sent and self._closing.wait(PAUSE_SECONDS):
                return

    def _gather(self) -> None:
        """Waits where only pieces of answers are there, and the last ones left a moment ago."""
        while not self._closing.is_set():
            left = self._sent_at + GATHER_SECONDS - time.monotonic()
            with self._lock:
                patient = all(item.patient for item in self._waiting)
            if left <= 0 or not patient:
                return
            time.sleep(min(left, GATHER_SECONDS / 4))

    def _send(self, batch: list[Item]) -> bool:
        if not batch and not self._unsure:
            return True
        told = {key: running.copy() for key, running in self._told.items()} if self._unsure else {}
        added, known = dict(self._told), [keys.running(key) for key in self._told]
        try:
            with self.client.pipeline(transaction=True) as pipe:
                if known:
                    pipe.exists(*known)
                for key, running in told.items():
                    _write_state(pipe, key, running)
                for item in batch:
                    self._put(pipe, item, added)
                done = pipe.execute()
        except redis.RedisError as error:
            self.health.bad(error)
            self._undo(batch)
            return False
        except Exception:  # what cannot be written must not stand in the way of the rest
            log.exception("news were lost")
            return True
        self.health.good()
        self._settled(batch)
        forgotten = bool(known) and not self._unsure and done[0] < len(known)  # it was restarted, and empty
        self._unsure, self._sent_at = forgotten, time.monotonic()
        return True

    def _put(self, pipe: Pipeline, item: Item, added: dict[str, Running]) -> None:
        """The commands of one item."""
        if item.token:
            pipe.eval(keys.RELEASE, 2, keys.lease(item.key), keys.TURNS, item.token, item.key)
            return
        entry = Entry(self.process, item.number, item.direct, item.news, item.stop)
        stream = keys.stream(item.key)
        pipe.xadd(stream, {"e": encode(entry)}, maxlen=keys.MOST_ENTRIES, approximate=True)
        pipe.expire(stream, keys.KEEP_SECONDS)
        if isinstance(item.news, Began):
            added[item.key] = Running(item.news)
            _write_state(pipe, item.key, added[item.key], item.number, self.process)
        elif isinstance(item.news, Heard) and item.key in added:
            self._grow(pipe, item, added[item.key].began)

    def _grow(self, pipe: Pipeline, item: Item, began: Began) -> None:
        """The running answer in Redis hears what this item says."""
        assert isinstance(item.news, Heard)
        if item.news.answer != began.answer.id:
            return
        event, name = item.news.event, keys.running(item.key)
        if not isinstance(event, Delta | Started | Preparing | Queued):
            pipe.delete(name, keys.text(item.key))
            return
        changed: dict[Any, Any] = {"number": item.number, "origin": self.process, "preparing": "", "queued": ""}
        if isinstance(event, Delta):
            pipe.append(keys.text(item.key), event.text.encode("utf-8", "surrogatepass"))
            pipe.expire(keys.text(item.key), keys.KEEP_SECONDS)
        elif isinstance(event, Started):
            changed["window"] = encode(event.window)
        elif isinstance(event, Queued):
            changed["queued"] = encode(event) if event.position else ""
        else:
            changed["preparing"] = encode(event)
        pipe.hset(name, mapping=changed)
        pipe.expire(name, keys.KEEP_SECONDS)

    def _settled(self, batch: list[Item]) -> None:
        """Redis has taken these."""
        for item in batch:
            if isinstance(item.news, Began):
                self._told[item.key] = Running(item.news)
                continue
            running = self._told.get(item.key)
            if isinstance(item.news, Heard) and running is not None and running.began.answer.id == item.news.answer:
                running.hear(item.news.event)
                if running.ended:
                    del self._told[item.key]

    def _undo(self, batch: list[Item]) -> None:
        """Redis may have taken these or not. Whoever listens here need not wait for it."""
        self._unsure = True
        for item in batch:
            if item.news is not None and not item.direct:
                item.direct = True
                self._untold(item.key, item.news, item.number)

    def close(self, seconds: float = 3.0) -> None:
        """Tells what is still on its way, as far as it can be told in this time."""
        self._closing.set()
        self._filled.set()
        self._thread.join(seconds)


def _write_state(pipe: Pipeline, key: str, running: Running, number: int = 0, origin: str = "") -> None:
    """The whole of a running answer."""
    pipe.delete(keys.running(key))
    fields: dict[Any, Any] = {**state_of(running), "number": number, "origin": origin}
    pipe.hset(keys.running(key), mapping=fields)
    pipe.expire(keys.running(key), keys.KEEP_SECONDS)
    pipe.set(keys.text(key), running.text.encode("utf-8", "surrogatepass"), ex=keys.KEEP_SECONDS)
