"""Channels of several web processes, which hear the same through Redis.

What a process tells of its own turn, its own listeners hear at once, also while Redis is away; everybody else hears it through
the conversation's stream, in order and once. A turn belongs to the process that holds its lease.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import redis

from webbot.channel import Channels, Listener
from webbot.messages import Delta, End, Failed, Started
from webbot.news import INTERRUPTED, Began, Changed, Heard, Listed, News, Running, list_of
from webbot.relay import keys
from webbot.relay.beat import Beat
from webbot.relay.connection import Health, connected
from webbot.relay.leases import Leases
from webbot.relay.reader import Entries, Reader
from webbot.relay.topics import BEGINNING, Known, Topic, is_after, known_of
from webbot.relay.wire import Entry, decode, encode
from webbot.relay.writer import Writer

SETTLE_SECONDS = keys.LEASE_SECONDS + keys.RENEW_SECONDS  # after this long away, who still has no lease is gone
log = logging.getLogger(__name__)


class RelayedChannels(Channels):
    """`url` is that of the Redis. It need not answer yet."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.process = secrets.token_hex(8)
        self.died = threading.Event()  # set when the answer of a process that is gone was found
        self._client = connected(url)
        self._topics: dict[str, Topic] = {}
        self._leases: dict[str, str] = {}
        self._leaving: dict[str, str] = {}  # released here, and not yet for the others
        self._own: dict[str, str] = {}  # the answers that this process writes, by conversation
        self._health = Health(SETTLE_SECONDS)
        self._look_at_redis()
        self._writer = Writer(self._client, self.process, self._health, self._untold)
        self._turns = Leases(self._client, self.process, self._health, self._writer)
        self._reader = Reader(url, self.process, self._health, self._positions, self._take_in, self._again)
        self._beat = Beat(self._client, self.process, self._health, self)
        self._reader.start()
        self._beat.start()

    def _look_at_redis(self) -> None:
        try:
            self._health.old(float(self._client.info("server")["uptime_in_seconds"]))
        except redis.RedisError as error:
            self._health.bad(error)

    def check(self) -> None:
        """Raises Unavailable when Redis does not answer."""
        self._turns.check()

    # who listens

    @contextmanager
    def listen(
        self, key: str, told: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[Listener, Running | None]]:
        self._follow(key)
        try:
            with super().listen(key, told) as heard:
                self._beat.changed(key)
                yield heard
        finally:
            self._unfollow(key)
            self._beat.changed(key)

    def _follow(self, key: str) -> None:
        """From now on everything that is told of the conversation is heard here."""
        with self._lock:
            topic = self._topics.get(key)
            if topic is not None:
                topic.followers += 1
                return
        known = self._fetch(key)
        with self._lock:
            topic = self._topics.get(key)
            if topic is None:
                topic = self._topics[key] = known.topic() if known is not None else Topic()
                topic.since = self._writer.number
                if known is not None and known.running is not None:
                    self._running[key] = known.running
            topic.followers += 1
        self._reader.wake()

    def _unfollow(self, key: str) -> None:
        with self._lock:
            topic = self._topics[key]
            topic.followers -= 1
            if not topic.followers:
                del self._topics[key]
                if key not in self._own:
                    self._running.pop(key, None)

    def _fetch(self, key: str) -> Known | None:
        """What Redis knows of the conversation now; None while it does not answer. An answer that nobody writes any more is ended
        there first."""
        try:
            known = known_of(self._client, key)
            if known.running is not None and not known.held and self._health.trusted:
                self.end_lost(key, known.running.began.answer.id)
                known = known_of(self._client, key)
            return known
        except redis.RedisError as error:
            self._health.bad(error)
            return None

    def count(self, key: str) -> int:
        # Where this process writes the answer nobody waits for it: it is asked beside.
        return super().count(key) + self._beat.others(key, beside=key in self._leases)

    def listening(self, key: str) -> int:
        """How many listen in this process."""
        return super().count(key)

    # what is told

    def post(self, key: str, news: News) -> None:
        with self._lock:
            direct = key in self._claimed or key in self._own
            if direct:
                self._note(key, news)
                super().post(key, news)
            self._writer.tell(key, news, direct=direct)
            if key not in self._own and key in self._leaving:
                self._writer.release(key, self._leaving.pop(key))

    def _note(self, key: str, news: News) -> None:
        """Which answer this process writes."""
        if isinstance(news, Began):
            self._own[key] = news.answer.id
        elif isinstance(news, Heard) and news.answer == self._own.get(key) and isinstance(news.event, End):
            del self._own[key]

    def _untold(self, key: str, news: News, number: int) -> None:
        """Redis is away: listeners of this process hear it all the same."""
        with self._lock:
            topic = self._topics.get(key)
            if topic is not None:
                topic.numbers[self.process] = number
                super().post(key, news)

    def _positions(self) -> Mapping[str, str]:
        """From where each conversation is to be read; what Redis knows of new ones is fetched where it was away before."""
        with self._lock:
            unknown = [key for key, topic in self._topics.items() if not topic.position]
        for key in unknown:
            self._catch_up(key)
        with self._lock:
            return {key: topic.position for key, topic in self._topics.items() if topic.position}

    def _take_in(self, key: str, entries: Entries) -> None:
        """Hears entries of the stream, those that are new."""
        with self._lock:
            topic = self._topics.get(key)
            if topic is None:
                return
            for name, fields in entries:
                position = name.decode()
                if not topic.position or not is_after(position, topic.position):
                    continue
                topic.position = position
                try:
                    self._hear(key, topic, decode(Entry, fields[b"e"]))
                except (ValueError, KeyError):
                    log.warning("news of another web process cannot be read; is it of another version?")

    def _hear(self, key: str, topic: Topic, entry: Entry) -> None:
        mine = entry.origin == self.process
        if entry.number:
            if (mine and entry.direct and entry.number > topic.since) or entry.number <= topic.numbers.get(entry.origin, 0):
                return
            topic.numbers[entry.origin] = entry.number
        if entry.stop is not None:
            if entry.stop == self._own.get(key):
                super().ask_stop(key)
            return
        news = entry.news
        if isinstance(news, Began):
            self._own.pop(key, None)
        if isinstance(news, Heard):
            running = self._running.get(key)
            if running is None or running.began.answer.id != news.answer or key in self._own:
                return
        if news is not None:
            topic.missing_since = 0.0
            super().post(key, news)

    def _again(self) -> None:
        """Redis was away: what was told meanwhile is still in the streams, or what stands there now is told."""
        with self._lock:
            positions = {key: topic.position for key, topic in self._topics.items() if topic.position not in ("", BEGINNING)}
        with self._client.pipeline(transaction=False) as pipe:
            for key, position in positions.items():
                pipe.xrange(keys.stream(key), position, position, count=1)
            found = pipe.execute()
        with self._lock:
            for (key, position), entry in zip(positions.items(), found, strict=True):
                topic = self._topics.get(key)
                if not entry and topic is not None and topic.position == position:
                    topic.position = ""  # the stream does not reach back to it: see _positions
        for key in list(self._topics):
            self._beat.changed(key)

    def _catch_up(self, key: str) -> None:
        """Tells the listeners what is different now, where it is not known what they missed. Raises redis.RedisError."""
        known = known_of(self._client, key)
        with self._lock:
            topic = self._topics.get(key)
            if topic is None or topic.position:
                return
            before = self._running.get(key)
            if before is not None and known.running is None and key not in self._own and not topic.given_up:
                topic.position = BEGINNING  # a Redis that was restarted empty: what is told to it from now on is read
                return
            topic.position, topic.given_up = known.position, False
            topic.numbers |= known.topic().numbers
            if key not in self._own:
                self._tell_difference(key, before, known.running)

    def _tell_difference(self, key: str, before: Running | None, now: Running | None) -> None:
        same = before is not None and now is not None and before.began.answer.id == now.began.answer.id
        if before is not None and not same:
            super().post(key, Heard(before.began.answer.id, Failed(INTERRUPTED)))
        if now is not None:
            answer, known = now.began.answer, before.text if same and before is not None else now.began.answer.text
            if not same:
                super().post(key, now.began)
            if now.window is not None and (before is None or before.window is None or not same):
                super().post(key, Heard(answer.id, Started(now.window)))
            if now.text.startswith(known) and now.text != known:
                super().post(key, Heard(answer.id, Delta(now.text[len(known):])))
        super().post(key, Listed() if key.startswith(list_of("")) else Changed(cleared=now is None))

    def running(self, key: str) -> Running | None:
        with self._lock:
            if key in self._topics or key in self._own:
                return super().running(key)
        known = self._fetch(key)
        return known.running if known is not None else None

    # whose turn it is

    def claim(self, key: str) -> None:
        """Raises Conflict, and Unavailable while Redis does not answer."""
        super().claim(key)
        try:
            token, left = self._turns.take(key)
            self._follow(key)
        except BaseException:
            super().release(key)
            raise
        with self._lock:
            self._leases[key] = token
        try:
            self._read_on(key)
        except redis.RedisError as error:
            self._health.bad(error)
        if left:
            self.post(key, Heard(left, Failed(INTERRUPTED)))
        self._beat.changed(key)

    def _read_on(self, key: str) -> None:
        """Hears what was told before the turn was taken, so that its end comes before the next beginning."""
        with self._lock:
            topic = self._topics.get(key)
            position = topic.position if topic is not None else ""
        if position:
            entries: Any = self._client.xrange(keys.stream(key), f"({position}")
            self._take_in(key, entries)

    def release(self, key: str) -> None:
        """For this process at once. For the others after the end of the answer that runs there, if that is told next: so the
        news of the next turn cannot come before it."""
        with self._lock:
            token = self._leases.pop(key, None)
            super().release(key)
            if token is None:
                return
            if key in self._own:
                self._leaving[key] = token
            else:
                self._writer.release(key, token)
        self._unfollow(key)

    def leases(self) -> Mapping[str, str]:
        """The tokens of the turns of this process, by conversation."""
        with self._lock:
            return self._leaving | self._leases

    def let_go(self, key: str, token: str) -> None:
        """After what was told."""
        self._writer.release(key, token)

    def claimed(self) -> Collection[str]:
        """Those of this process alone while Redis does not answer."""
        try:
            return self._turns.held() | set(super().claimed())
        except redis.RedisError as error:
            self._health.bad(error)
            return super().claimed()

    def settled(self) -> AbstractContextManager[Collection[str] | None]:
        """The conversations in which an answer is written, whichever process writes it, while no turn can begin: what is stored
        as being written in another one was lost. None where that cannot be told now, or another process does the same. Takes
        a moment only: turns wait, ten seconds at most."""
        return self._turns.settled(super().claimed)

    def ask_stop(self, key: str) -> None:
        if key in self._claimed:
            super().ask_stop(key)
            return
        running = self.running(key)
        if running is not None:  # by its id, so that a late wish does not end the next answer
            self._writer.ask_stop(key, running.began.answer.id)

    # processes that are gone

    def lost(self) -> dict[str, str]:
        """The answers that other processes write, as far as somebody listens here, by conversation."""
        with self._lock:
            return {key: running.began.answer.id for key, running in self._running.items()
                    if key in self._topics and key not in self._own}

    def end_lost(self, key: str, answer: str) -> bool:
        """Tells everybody that the answer has ended, where no process writes it any more. Raises redis.RedisError."""
        entry = encode(Entry(self.process, 0, news=Heard(answer, Failed(INTERRUPTED))))
        names = (keys.lease(key), keys.running(key), keys.text(key), keys.stream(key))
        told = self._client.eval(keys.END, len(names), *names, answer, entry)
        if told == 1:
            log.warning("a web process was lost while it wrote an answer")
            self.died.set()
        if told == -1:
            self._forgotten(key)
        return told == 1

    def _forgotten(self, key: str) -> None:
        """Redis knows nothing of an answer that is running here: when that stays so, what is known now is told."""
        with self._lock:
            topic, now = self._topics.get(key), time.monotonic()
            if topic is None:
                return
            topic.missing_since = topic.missing_since or now
            if now - topic.missing_since > keys.LEASE_SECONDS:
                topic.position, topic.missing_since, topic.given_up = "", 0.0, True
                self._reader.wake()

    def close(self) -> None:
        """Tells what is still on its way, and leaves."""
        self._writer.close()
        self._beat.close()
        self._reader.close()
        self._client.close()
