"""A running answer, in the web process that writes it. It belongs to its conversation, not to a connection: it goes on when the
page reloads.

The answer's events run through a generator in a thread of its own (a greenlet under gevent). They are kept here, for whoever
began the answer in this process and follows it, and told as news through the conversation's channel to everybody else. Stop, or
a grace period in which nobody listens, closes the generator.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from webbot.channel import Channels
from webbot.errors import Problem, Unavailable
from webbot.messages import Cancelled, Delta, End, Event, Failed, Message, Preparing, Queued, Started, Window
from webbot.news import Began, Heard, Listed, News, Running, list_of

COUNT_SECONDS = 1.0  # between two looks at whether somebody listens: it may be asked over a network
log = logging.getLogger(__name__)


class Reply:
    """One running answer, from its first event to its last."""

    def __init__(
        self, owner: str, conversation: str, question: Message, answer: Message, *, after: int = 0, grace: float = 300.0
    ) -> None:
        """`after` as in Began; after `grace` seconds in which nobody listens the answer is stopped."""
        self.began = Began(owner, question, answer, after)
        self.conversation, self.grace = conversation, grace
        self.last: Event | None = None
        self._running = Running(self.began)
        self._events: list[Event] = []
        self._told = threading.Condition()
        self._followers = 0
        self._is_told = True
        self._stop = threading.Event()
        self._ended = threading.Event()

    @property
    def owner(self) -> str:
        return self.began.owner

    @property
    def question(self) -> Message:
        return self.began.question

    @property
    def answer(self) -> Message:
        return self.began.answer

    @property
    def window(self) -> Window | None:
        return self._running.window

    @property
    def preparing(self) -> Preparing | None:
        """How far the model is that is being loaded for this answer."""
        return self._running.preparing

    @property
    def queued(self) -> Queued | None:
        """Where this answer stands in the line for the model."""
        return self._running.queued

    @property
    def text(self) -> str:
        """The whole answer as it is, with what it had before it was gone on with."""
        return self._running.text

    # how it runs

    def run(self, events: Callable[[Reply], Iterator[Event]], channels: Channels, done: Callable[[Reply], None]) -> None:
        """Runs `events` to their end in a thread and tells each. `done` is called before the conversation, which the caller has
        claimed, is released; then the last one is told, so that whoever hears it may ask at once."""
        channels.on_stop(self.conversation, self.stop)
        self._post(channels, self.conversation, self.began)
        self._post(channels, list_of(self.owner), Listed())
        threading.Thread(target=self._run, args=(events(self), channels, done), daemon=True, name="reply").start()

    def _run(self, events: Iterator[Event], channels: Channels, done: Callable[[Reply], None]) -> None:
        last: Event = Failed("The answer ended unexpectedly. Please try again.", 500)
        unheard = Unheard(self.grace, lambda: self._followers > 0 or channels.count(self.conversation) > 0)
        try:
            for event in events:
                if not isinstance(event, Preparing | Queued | Started | Delta):
                    last = event
                    continue
                self._tell(event, channels)
                if self._stop.is_set() or unheard.too_long():
                    last = self._cancel(events)
                    break
        except Exception:
            log.exception("a turn failed")
        finally:
            done(self)
            self._release(channels)
            self._tell(last, channels)
            self._post(channels, list_of(self.owner), Listed())
            self._ended.set()

    def _cancel(self, events: Iterator[Event]) -> Event:
        events.close()  # type: ignore[attr-defined] # a generator: this frees the model
        return Cancelled()

    def _release(self, channels: Channels) -> None:
        try:
            channels.release(self.conversation)
        except Problem as problem:
            log.warning("a conversation was not released: %s", problem)

    def _tell(self, event: Event, channels: Channels) -> None:
        if isinstance(event, Delta) and not event.text and not event.tokens:
            return  # a sign of life
        with self._told:
            self._running.hear(event)
            self._events.append(event)
            if isinstance(event, End):
                self.last = event
            self._told.notify_all()
        if isinstance(event, Delta) and event.tokens:
            event = Delta(event.text)  # they are for the program that asked, which follows
        if not isinstance(event, Delta) or event.text:
            self._post(channels, self.conversation, Heard(self.answer.id, event))

    def _post(self, channels: Channels, key: str, news: News) -> None:
        try:
            channels.post(key, news)
            self._is_told = True
        except Problem as problem:  # the answer goes on, and is stored
            level = logging.WARNING if self._is_told else logging.DEBUG  # once, not for each token
            log.log(level, "what happens in a conversation is not told: %s", problem)
            self._is_told = False

    # for whoever began it

    def stop(self) -> None:
        """Ends the answer; what was written is kept. Returns at once; `wait` for the end."""
        self._stop.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Waits for the end of the answer; False when it has not come after `seconds`."""
        return self._ended.wait(seconds)

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def events(self, start: int, seconds: float) -> Sequence[Event]:
        """The events from the number `start` on; waits up to `seconds` for the first of them."""
        with self._told:
            if len(self._events) <= start:
                self._told.wait(seconds)
            return self._events[start:]

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Meanwhile somebody listens."""
        with self._told:
            self._followers += 1
        try:
            yield
        finally:
            with self._told:
                self._followers -= 1


class Unheard:
    """For how long nobody has listened, as far as it is known: `listened` is asked once in COUNT_SECONDS at most."""

    def __init__(self, grace: float, listened: Callable[[], bool]) -> None:
        self.grace, self.listened = grace, listened
        self.heard = self.asked = time.monotonic()

    def too_long(self) -> bool:
        now = time.monotonic()
        if now - self.asked >= min(COUNT_SECONDS, self.grace):
            self.asked = now
            if self._is_listened():
                self.heard = now
        return now - self.heard > self.grace

    def _is_listened(self) -> bool:
        try:
            return self.listened()
        except Problem:
            return True  # nobody can be asked: the answer is not cut for that


def follow(reply: Reply, seconds: float = 1.0) -> Iterator[Event | None]:
    """The events of an answer from its beginning, for doors that began it; None when nothing came for `seconds`. The reader may
    be as slow as it likes: nothing is missed."""
    told = 0
    with reply.followed():
        while True:
            events = reply.events(told, seconds)
            told += len(events)
            if not events:
                yield None
            for event in events:
                yield None if isinstance(event, Preparing) else event
                if isinstance(event, End):
                    return


def problem_of(failed: Failed, *, retry_after: int | None = None) -> Problem:
    """How a door without a page tells that an answer failed."""
    problem: Problem = Unavailable(failed.sentence, retry_after=retry_after)
    problem.status = failed.status
    return problem
