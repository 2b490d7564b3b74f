"""One tab's stream of one conversation: what it missed, then what happens, each as an event with the place it leads to.

Knows no routes. What happens is told by a channel, perhaps from another web process; what was missed is in the store.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from flask import render_template

from webbot.channel import Lagging, Listener
from webbot.errors import NotFound
from webbot.messages import Cancelled, Conversation, Delta, End, Failed, Finished, Message, Preparing, Queued, Started, Usage
from webbot.news import Began, Changed, Gone, Heard, Running, list_of
from webbot.services import Services
from webbot.web.place import Place, end_of
from webbot.web.problems import translated
from webbot.web.views import Views, preparing_view, queued_view
from webbot.web.writing import Writing, event, grown, sentences_of, spoken

TICK_SECONDS = 1.0
GATHER_SECONDS = 0.03  # deltas are gathered this long, the first goes out at once (docs/performance.md says why)
LOST_SECONDS = 15.0  # without a word of a growing answer: whoever wrote it may be gone
MOST_MISSED = 40  # messages; after more the page is fetched anew
ENDS = {Finished: "finished", Failed: "failed", Cancelled: "cancelled"}


class ListNews:
    """Whether the list of conversations changed: told at most once for each look, however often it did."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener

    def line(self) -> str:
        changed = False
        while self.listener.next(0) is not None:
            changed = True
        return event("list", {}) if changed else ""


class Tab:
    """The stream of a tab that is at `place` (None: it has nothing) and knows the conversation's `version`."""

    def __init__(
        self, services: Services, views: Views, about: Conversation, place: Place | None, version: int | None = None
    ) -> None:
        self.services, self.views, self.chat, self.store = services, views, services.chat, services.store
        self.owner, self.key = about.owner, about.id
        self.about, self.place, self.version = about, place, version
        self.writing: Writing | None = None
        self.held: Any = None  # news that were read while deltas were gathered
        self.ended: dict[str, int] = {}  # answers that were told to their end from the store: their characters
        self.models_told = ""
        self.looked = self.heard = 0.0

    def events(self) -> Iterator[str]:
        channels = self.chat.channels
        yield "retry: 1000\n\n"
        try:
            with channels.listen(self.key) as (listener, running), channels.listen(list_of(self.owner)) as (lists, _):
                yield from self._begin(running)
                news = ListNews(lists)
                while not self.services.closing.is_set():
                    item = self._next(listener)
                    if item is not None:
                        yield from self._tell(item, listener)
                    if isinstance(item, Gone):
                        return
                    if item is None:
                        yield ": alive\n\n"
                    if time.monotonic() - self.looked > TICK_SECONDS:
                        self.looked = time.monotonic()
                        yield news.line() + self._models() + "".join(self._lost())
        except Lagging:
            return  # the tab connects again and goes on where it was
        except NotFound:
            yield from self._gone()

    def _gone(self) -> Iterator[str]:
        """A message that is not there any more: with it the conversation, or the tab connects again."""
        try:
            self.store.conversation(self.owner, self.key)
        except NotFound:
            yield event("gone", {})

    def _next(self, listener: Listener) -> Any:
        item, self.held = self.held, None
        return item if item is not None else listener.next(TICK_SECONDS)

    def _models(self) -> str:
        html = self.views.models.html(self.about.model, self.key)
        if html == self.models_told:
            return ""
        self.models_told = html
        return event("models", {"html": html})

    # what was missed

    def _begin(self, running: Running | None) -> Iterator[str]:
        place = self.place if self.place is not None else self._before(running)
        yield f"id: {place}\n\n" + self._models()
        if self.place is not None:
            yield from self._catch_up(self.place, running)
        elif running is not None:
            yield from self._turn(running.began, grown(running.began, ""))
            yield from self._pick_up(running, None)
        if self.version is not None and self.version != self.about.version:
            yield from self._changed()

    def _before(self, running: Running | None) -> Place:
        """Where a tab is that has all that has ended."""
        messages = self.store.messages(self.owner, self.key, limit=4)
        growing = running.began.answer.id if running is not None else ""
        ended = [m for m in messages if m.role == "assistant" and m.status != "streaming" and m.id != growing]
        return end_of(ended[-1]) if ended else Place()

    def _catch_up(self, place: Place, running: Running | None) -> Iterator[str]:
        missed = self._missed(place)
        if missed is None:
            yield event("resync", {"version": self.about.version})
            return
        last = missed[-1][1].id if missed else ""
        for question, answer in missed:
            if running is not None and running.began.answer.id == answer.id:
                there = place if answer.id == place.answer else Place(answer.id)
                if there.ended is None and answer.id == place.answer:
                    self.writing = Writing(running.began, self.about.markup)
                else:
                    there = Place(answer.id, 0, len(sentences_of(running.text[: there.ended or 0])))
                    yield from self._turn(running.began, there)
                yield from self._pick_up(running, there)
            elif answer.status != "streaming":  # else its beginning is on its way here
                yield from self._whole(question, answer, place, newest=answer.id == last)

    def _missed(self, place: Place) -> Sequence[tuple[Message, Message]] | None:
        """The turns from the place on; None where the place is not on the branch that is shown, or too far back."""
        start = 0
        if place.answer:
            try:
                start = self.store.message(self.owner, self.key, place.answer).number
            except NotFound:
                return None
        messages = list(self.store.messages(self.owner, self.key, start=start, limit=MOST_MISSED + 1))
        if len(messages) > MOST_MISSED:
            return None
        if place.answer:
            if not messages or messages[0].id != place.answer or messages[0].role != "assistant":
                return None
            if messages[0].status != "streaming" and place.ended == len(messages[0].text):
                messages = messages[1:]
            else:
                messages = [self.store.message(self.owner, self.key, messages[0].parent), *messages]
        pairs = pairwise(messages)
        return [(one, other) for one, other in pairs if one.role == "user" and other.role == "assistant"]

    def _pick_up(self, running: Running, place: Place | None) -> Iterator[str]:
        """The running answer so far, for a tab that has its turn."""
        assert self.writing is not None
        self.heard = time.monotonic()
        if running.preparing is not None:
            yield self._preparing(running.preparing)
        if running.window is not None:
            yield event("started", {"answer": running.began.answer.id, **self._memory(running)}, place)
        if running.queued is not None:
            yield self._queued(running.queued)
        yield from self.writing.begin(running.text, place)

    def _whole(self, question: Message, answer: Message, place: Place, newest: bool) -> Iterator[str]:
        """A turn that ended before the tab came back, or what the tab lacks of it."""
        began = Began(self.owner, question, answer, self._number_before(question))
        there = place.answer == answer.id
        sentences, known = sentences_of(answer.text), 0
        if there:
            known = place.sentences if place.ended is None else len(sentences_of(answer.text[: place.ended]))
        if not there or place.ended is not None:
            yield self._turn_event(began, Place(answer.id, 0, known))
        blocks = place.blocks if there else 0
        for number, sentence in enumerate(sentences[known:], known):
            yield spoken(began, number, sentence, Place(answer.id, blocks, number + 1), late=not there)
        yield self._end_event(question, answer, _end(answer), newest)
        self.ended[answer.id] = len(answer.text)

    def _number_before(self, question: Message) -> int:
        return self.store.message(self.owner, self.key, question.parent).number if question.parent else 0

    def _lost(self) -> Iterator[str]:
        """The end of an answer whose writer is gone: nobody will post it."""
        if self.writing is None or time.monotonic() - self.heard < LOST_SECONDS:
            return
        self.heard = time.monotonic()
        if self.chat.running(self.owner, self.key) is None:
            answer = self.store.message(self.owner, self.key, self.writing.answer)
            if answer.status != "streaming":
                yield from self._ended(_end(answer))

    # what happens

    def _tell(self, item: Any, listener: Listener) -> Iterator[str]:
        if isinstance(item, Began):
            yield from self._began(item)
        elif isinstance(item, Changed):
            yield from self._changed(item.cleared)
        elif isinstance(item, Gone):
            yield event("gone", {})
        elif isinstance(item, Heard) and self.writing is not None and item.answer == self.writing.answer:
            self.heard = time.monotonic()
            if isinstance(item.event, Preparing):
                yield self._preparing(item.event)
            elif isinstance(item.event, Queued):
                yield self._queued(item.event)
            elif isinstance(item.event, Started):
                running = Running(self.writing.began, item.event.window)
                yield event("started", {"answer": item.answer, **self._memory(running)}, self.writing.place)
            elif isinstance(item.event, Delta):
                yield from self.writing.grow(item.event.text + self._gather(listener, self.writing))
            elif isinstance(item.event, End):
                yield from self._ended(item.event)

    def _began(self, began: Began) -> Iterator[str]:
        if len(began.answer.text) < self.ended.pop(began.answer.id, 0):
            return  # old news: the store had its end already
        if self.writing is not None and self.writing.answer != began.answer.id:
            # The next answer may begin before the end of this one is told; it is stored.
            yield from self._ended(_end(self.store.message(self.owner, self.key, self.writing.answer)))
        place = Place(began.answer.id, 0, len(sentences_of(began.answer.text)))
        yield from self._turn(began, place)
        if self.writing is not None and began.answer.text:
            yield from self.writing.begin(began.answer.text, place)

    def _gather(self, listener: Listener, writing: Writing) -> str:
        """The deltas of the next moment: one event for many tokens. The first of an answer goes out at once."""
        if not writing.grew:
            return ""
        until = time.monotonic() + GATHER_SECONDS
        parts = []
        while (left := until - time.monotonic()) > 0:
            item = listener.next(left)
            if item is None:
                break
            if not (isinstance(item, Heard) and item.answer == writing.answer and isinstance(item.event, Delta)):
                self.held = item
                break
            parts.append(item.event.text)
        return "".join(parts)

    def _turn(self, began: Began, place: Place) -> Iterator[str]:
        self.about = self.store.conversation(self.owner, self.key)
        self.writing = Writing(began, self.about.markup)
        self.heard = time.monotonic()
        yield self._turn_event(began, place)

    def _turn_event(self, began: Began, place: Place) -> str:
        turn = self.views.turn(self.about, began.question, began.answer)
        html = render_template("_turn.html", turn=turn, conversation=self.views.conversation(self.about))
        told = {"question": began.question.id, "answer": began.answer.id, "html": html, "after": began.after}
        return event("turn", told, place)

    def _preparing(self, preparing: Preparing) -> str:
        html = render_template("_preparing.html", preparing=preparing_view(preparing))
        answer = self.writing.answer if self.writing is not None else ""
        return event("preparing", {"answer": answer, "name": preparing.name, "html": html})

    def _queued(self, queued: Queued) -> str:
        """Without a position the wait is over, and without html nothing is shown of it."""
        html = render_template("_queued.html", queued=queued_view(queued)) if queued.position else ""
        answer = self.writing.answer if self.writing is not None else ""
        return event("queued", {"answer": answer, "position": queued.position, "seconds": queued.seconds, "html": html})

    def _memory(self, running: Running | None) -> dict[str, Any]:
        """Which messages the model sees, the meter and the files."""
        return self.views.memory(self.about, running)

    def _ended(self, last: End) -> Iterator[str]:
        writing, self.writing = self.writing, None
        if writing is None:
            return
        yield from writing.rest()
        answer = self.store.message(self.owner, self.key, writing.answer)
        if answer.status == "streaming":  # a full disk: the store gets it later
            answer = _as_ended(answer, writing.text, last)
        yield self._end_event(writing.began.question, answer, last, newest=True)

    def _end_event(self, question: Message, answer: Message, last: End, newest: bool) -> str:
        """`newest`: with what the model will see next."""
        self.about = self.store.conversation(self.owner, self.key)
        turn = self.views.turn(self.about, question, answer)
        told = {"answer": answer.id, "html": render_template(
            "_turn.html", turn=turn, conversation=self.views.conversation(self.about)
        )}
        if newest:
            told |= self._memory(None)
        if isinstance(last, Failed):
            told["sentence"] = translated(last.sentence)
        return event(ENDS[type(last)], told, end_of(answer))

    def _changed(self, cleared: bool = False) -> Iterator[str]:
        self.about = self.store.conversation(self.owner, self.key)
        if cleared:
            yield event("resync", {"version": self.about.version})
            return
        view = self.views.conversation(self.about)
        told = {
            "title": view["title"], "role_name": view["role_name"], "speaks": view["speaks"], "version": self.about.version,
            "marks": self.views.marks(self.about),
        }
        if self.writing is None:
            told |= self._memory(None)
        yield event("changed", told) + self._models()


def _end(answer: Message) -> End:
    if answer.status == "complete":
        return Finished("stop", answer.usage or Usage())
    return Failed(answer.error) if answer.error else Cancelled()


def _as_ended(answer: Message, text: str, last: End) -> Message:
    error = last.sentence if isinstance(last, Failed) else ""
    status = {Finished: "complete", Failed: "failed", Cancelled: "stopped"}[type(last)]
    return dataclasses.replace(answer, text=text, status=status, error=error)  # type: ignore[arg-type]
