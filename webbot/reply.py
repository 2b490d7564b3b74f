"""A running answer. It belongs to its conversation, not to a connection: it goes on when the page reloads.

The answer's events run through a generator in a thread of its own (a greenlet under gevent) and out through the
conversation's channel. Stop, or a grace period in which nobody listens, closes the generator.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from webbot.channel import Channels, Lagging
from webbot.errors import Problem, Unavailable
from webbot.messages import Cancelled, Delta, Event, Failed, Finished, Message, Preparing, Started, Window

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Began:
    """Posted to the conversation's channel when a turn begins; `replaces_from` is the number of the first message that left."""

    reply: Reply
    replaces_from: int | None


@dataclass(frozen=True, slots=True)
class Heard:
    """Posted for each event of a running answer."""

    reply: Reply
    event: Event


class Reply:
    """One running answer, from its first event to its last."""

    def __init__(self, owner: str, conversation: str, question: Message, answer: Message, grace: float = 300.0) -> None:
        self.owner, self.conversation = owner, conversation
        self.question, self.answer = question, answer
        self.grace = grace
        self.window: Window | None = None
        self.preparing: Preparing | None = None  # while the model is loaded for this answer
        self.text = ""
        self.last: Event | None = None
        self._stop = threading.Event()
        self._ended = threading.Event()

    def run(self, events: Callable[[Reply], Iterator[Event]], channels: Channels, done: Callable[[Reply], None]) -> None:
        """Runs `events` to their end in a thread, posting each; `done` is called before the last one is posted."""
        threading.Thread(target=self._run, args=(events(self), channels, done), daemon=True, name="reply").start()

    def _run(self, events: Iterator[Event], channels: Channels, done: Callable[[Reply], None]) -> None:
        heard = time.monotonic()
        last: Event = Failed("The answer ended unexpectedly. Please try again.", 500)
        try:
            for event in events:
                now = time.monotonic()
                if channels.count(self.conversation):
                    heard = now
                if isinstance(event, Preparing | Started | Delta):
                    if not isinstance(event, Delta) or event.text:
                        channels.post(self.conversation, Heard(self, event), partial(self._record, event))
                    if self._stop.is_set() or now - heard > self.grace:
                        last = self._cancel(events)
                        break
                else:
                    last = event
        except Exception:
            log.exception("a turn failed")
        finally:
            done(self)
            channels.post(self.conversation, Heard(self, last), partial(self._record, last))
            self._ended.set()

    def _record(self, event: Event) -> None:
        self.preparing = event if isinstance(event, Preparing) else None
        if isinstance(event, Started):
            self.window = event.window
        elif isinstance(event, Delta):
            self.text += event.text
        elif not isinstance(event, Preparing):
            self.last = event

    def _cancel(self, events: Iterator[Event]) -> Event:
        events.close()  # type: ignore[attr-defined] # a generator: this frees the model
        return Cancelled()

    def stop(self) -> None:
        """Ends the answer; what was written is kept. Returns at once; `wait` for the end."""
        self._stop.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Waits for the end of the answer; False when it has not come after `seconds`."""
        return self._ended.wait(seconds)

    @property
    def ended(self) -> bool:
        return self._ended.is_set()


def follow(reply: Reply, channels: Channels, seconds: float = 1.0) -> Iterator[Event | None]:
    """The events of an answer from its beginning, for doors that know just this one; None when nothing came for `seconds`.

    Raises Lagging when the reader was too slow.
    """

    def snapshot() -> tuple[Window | None, str, Event | None]:
        return reply.window, reply.text, reply.last

    with channels.listen(reply.conversation, snapshot) as (listener, (window, text, last)):
        if window is not None:
            yield Started(window)
        if text:
            yield Delta(text)
        if last is not None:
            yield last
            return
        while True:
            item = listener.next(seconds)
            if item is None:
                yield None
            elif isinstance(item, Heard) and item.reply is reply:
                yield None if isinstance(item.event, Preparing) else item.event
                if isinstance(item.event, Finished | Failed | Cancelled):
                    return


def follow_patiently(reply: Reply, channels: Channels, seconds: float = 1.0) -> Iterator[Event | None]:
    """Like `follow`, for as slow a reader as there may be: one that was cut off goes on where it was."""
    told = 0
    while True:
        seen = 0
        try:
            for event in follow(reply, channels, seconds):
                if not isinstance(event, Delta):
                    yield event
                    continue
                fresh = event.text[max(0, told - seen):]
                seen += len(event.text)
                told = max(told, seen)
                yield Delta(fresh) if fresh else None
            return
        except Lagging:
            continue


def problem_of(failed: Failed, *, retry_after: int | None = None) -> Problem:
    """How a door without a page tells that an answer failed."""
    problem: Problem = Unavailable(failed.sentence, retry_after=retry_after)
    problem.status = failed.status
    return problem


__all__ = ["Began", "Heard", "Lagging", "Reply", "follow", "follow_patiently", "problem_of"]
