"""Server-Sent Events: one stream for a tab, with everything that happens in its conversation.

The wire form is the `text/event-stream` of the HTML standard. A tab that connects in mid-answer gets the answer so far, then
goes on; a comment line every two seconds notices a client that has left.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, g, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue

from webbot import metrics
from webbot.channel import Lagging, Listener
from webbot.chat import Changed, Gone
from webbot.errors import NotFound
from webbot.messages import Cancelled, Conversation, Delta, Failed, Finished, Preparing, Started, Usage
from webbot.reply import Began, Heard, Reply
from webbot.services import Services
from webbot.speech.speak import Sentences
from webbot.web.problems import translated
from webbot.web.render import Growing
from webbot.web.views import Views, preparing_view, seen_ids

HEARTBEAT_SECONDS = 2.0
GATHER_SECONDS = 0.03  # deltas are gathered this long, the first goes out at once (docs/performance.md says why)
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def event(name: str, data: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


class Streams:
    """The event streams of the page."""

    def __init__(self, services: Services, views: Views) -> None:
        self.services, self.views = services, views
        self.chat, self.store = services.chat, services.store
        self.blueprint = Blueprint("streams", __name__)
        self.blueprint.add_url_rule("/events", "models", self.models)
        self.blueprint.add_url_rule("/models/events", "states", self.states)
        self.blueprint.add_url_rule("/c/<conversation>/events", "conversation", self.conversation)

    def models(self) -> ResponseReturnValue:
        return self._respond(self._whenever("models", self.views.models.html))

    def states(self) -> ResponseReturnValue:
        """The list of the page for models, whenever something of it changes."""
        return self._respond(self._whenever("states", self.views.models.list_html))

    def conversation(self, conversation: str) -> ResponseReturnValue:
        """`?answer=ID` names an answer that the tab has just begun: it is told from its start, even when it has ended by now."""
        about = self.store.conversation(g.owner, conversation)
        return self._respond(Tab(self, about, request.args.get("answer", "")).events())

    def _respond(self, lines: Iterator[str]) -> ResponseReturnValue:
        return Response(stream_with_context(self._counted(lines)), mimetype="text/event-stream", headers=HEADERS)

    @staticmethod
    def _counted(lines: Iterator[str]) -> Iterator[str]:
        metrics.streams.inc()
        try:
            yield from lines
        finally:
            metrics.streams.dec()

    def _whenever(self, name: str, make: Callable[[], str]) -> Iterator[str]:
        part = Part(name, make)
        while not self.services.closing.is_set():
            yield part.line() or ": alive\n\n"
            self.services.closing.wait(1.0)


class Part:
    """A part of the page that `make` draws, told when it changes."""

    def __init__(self, name: str, make: Callable[[], str]) -> None:
        self.name, self.make = name, make
        self.told = ""

    def line(self) -> str:
        html = self.make()
        if html == self.told:
            return ""
        self.told = html
        return event(self.name, {"html": html})


class Tab:
    """One tab's stream of one conversation."""

    def __init__(self, streams: Streams, about: Conversation, begun: str = "") -> None:
        self.services, self.views, self.chat, self.store = streams.services, streams.views, streams.chat, streams.store
        self.owner, self.key = about.owner, about.id
        self.about, self.begun = about, begun
        self.writing: Writing | None = None
        self.held: Any = None  # an item that was read while deltas were gathered
        self.models = Part("models", lambda: self.views.models.html(self.about.model, self.key))

    def events(self) -> Iterator[str]:
        yield "retry: 1000\n\n" + self.models.line()
        asked = time.monotonic()
        try:
            with self.chat.channels.listen(self.key, self._snapshot) as (listener, snapshot):
                yield from self._begin(*snapshot)
                while not self.services.closing.is_set():
                    item = self._next(listener)
                    if item is not None:
                        yield from self._tell(item, listener)
                    if isinstance(item, Gone):
                        return
                    if time.monotonic() - asked > 1.0:
                        asked = time.monotonic()
                        yield self.models.line()
                    if item is None:
                        yield ": alive\n\n"
        except (Lagging, NotFound):
            return  # the tab connects again, and gets the answer so far; or the conversation is gone

    def _next(self, listener: Listener) -> Any:
        item, self.held = self.held, None
        return item if item is not None else listener.next(HEARTBEAT_SECONDS if self.writing is None else 1.0)

    def _snapshot(self) -> tuple[Reply | None, str]:
        reply = self.chat.running(self.owner, self.key)
        return reply, reply.text if reply else ""

    def _begin(self, reply: Reply | None, text: str) -> Iterator[str]:
        """A tab that comes late: the running answer as it is, or the ended one that it waits for."""
        if reply is None:
            yield from self._ended_before()
            return
        yield from self._turn(reply, None)
        if reply.preparing is not None:
            yield self._preparing(reply, reply.preparing)
        if reply.window is not None:
            yield self._started(reply)
        if text and self.writing:
            yield from self.writing.grow(text, aloud=reply.answer.id == self.begun)

    def _ended_before(self) -> Iterator[str]:
        messages = self.store.messages(self.owner, self.key, limit=2)
        if not self.begun or len(messages) != 2 or messages[1].id != self.begun:
            return
        question, answer = messages
        reply = Reply(self.owner, self.key, question, answer)
        self.writing = Writing(reply, self.about.markup)
        yield from self.writing.grow(answer.text)
        last: Finished | Failed | Cancelled = Finished("stop", answer.usage or Usage())
        if answer.status != "complete":
            last = Failed(answer.error) if answer.error else Cancelled()
        yield from self._ended(reply, last)

    def _tell(self, item: Any, listener: Listener) -> Iterator[str]:
        if isinstance(item, Began):
            yield from self._turn(item.reply, item.replaces_from)
        elif isinstance(item, Changed):
            yield from self._changed(item)
        elif isinstance(item, Gone):
            yield event("gone", {})
        elif isinstance(item, Heard) and self.writing is not None and item.reply is self.writing.reply:
            if isinstance(item.event, Preparing):
                yield self._preparing(item.reply, item.event)
            elif isinstance(item.event, Started):
                yield self._started(item.reply)
            elif isinstance(item.event, Delta):
                yield from self.writing.grow(item.event.text + self._gather(listener, item.reply))
            elif isinstance(item.event, Finished | Failed | Cancelled):
                yield from self._ended(item.reply, item.event)

    def _gather(self, listener: Listener, reply: Reply) -> str:
        """The deltas of the next moment: one event for many tokens. The first of an answer goes out at once."""
        if self.writing is None or not self.writing.spoken_to:
            return ""
        until = time.monotonic() + GATHER_SECONDS
        parts = []
        while (left := until - time.monotonic()) > 0:
            item = listener.next(left)
            if item is None:
                break
            if not (isinstance(item, Heard) and item.reply is reply and isinstance(item.event, Delta)):
                self.held = item
                break
            parts.append(item.event.text)
        return "".join(parts)

    def _turn(self, reply: Reply, replaces_from: int | None) -> Iterator[str]:
        self.about = self.store.conversation(self.owner, self.key)
        self.writing = Writing(reply, self.about.markup)
        turn = self.views.turn(self.about, reply.question, reply.answer)
        html = render_template("_turn.html", turn=turn, conversation=self.views.conversation(self.about))
        yield event("turn", {
            "question": reply.question.id, "answer": reply.answer.id, "html": html, "replaces_from": replaces_from,
        })

    @staticmethod
    def _preparing(reply: Reply, preparing: Preparing) -> str:
        html = render_template("_preparing.html", preparing=preparing_view(preparing))
        return event("preparing", {"answer": reply.answer.id, "name": preparing.name, "html": html})

    def _started(self, reply: Reply) -> str:
        return event("started", self._memory(reply))

    def _memory(self, reply: Reply, running: bool = True) -> dict[str, Any]:
        """Which messages the model sees, and the meter."""
        window = self.views.window(self.about, reply if running else None)
        memory = asdict(window) if window else None
        kept = seen_ids(window, reply if running else None)
        return {
            "answer": reply.answer.id, "first": window.first if window else None,
            "kept": sorted(kept) if kept is not None else None, "memory_html": render_template("_memory.html", memory=memory),
        }

    def _ended(self, reply: Reply, last: Finished | Failed | Cancelled) -> Iterator[str]:
        if self.writing is not None:
            yield from self.writing.rest()
        self.writing = None
        name = {Finished: "finished", Failed: "failed", Cancelled: "cancelled"}[type(last)]
        messages = self.store.messages(self.owner, self.key, start=reply.question.number, before=reply.answer.number + 1)
        turns = self.views.turns(self.about, messages, None)
        html = render_template("_turn.html", turn=turns[0], conversation=self.views.conversation(self.about)) if turns else ""
        told = {**self._memory(reply, running=False), "html": html}
        if isinstance(last, Failed):
            told["sentence"] = translated(last.sentence)
        yield event(name, told)
        yield from self._changed(Changed())

    def _changed(self, item: Changed) -> Iterator[str]:
        self.about = self.store.conversation(self.owner, self.key)
        groups = self.views.conversations(self.owner)
        list_html = render_template("_list.html", conversations=groups, current=self.key, search="")
        view = self.views.conversation(self.about)
        yield event("changed", {"title": view["title"], "list_html": list_html, "cleared": item.cleared}) + self.models.line()


class Writing:
    """An answer as this tab sees it grow: blocks of HTML, and sentences to be read aloud."""

    def __init__(self, reply: Reply, markup: str) -> None:
        self.reply = reply
        self.blocks = Growing(markup)
        self.sentences = Sentences()
        self.told = 0
        self.spoken_to = False

    def grow(self, text: str, aloud: bool = True) -> Iterator[str]:
        """`aloud` is false for what was written before this tab came: it is shown, not read out."""
        self.spoken_to = True
        changed = self.blocks.feed(text)
        if changed is not None:
            yield event("blocks", {"answer": self.reply.answer.id, "from": changed[0], "html": changed[1]})
        yield from self._speak(self.sentences.feed(text), aloud)

    def rest(self) -> Iterator[str]:
        yield from self._speak(self.sentences.rest(), True)

    def _speak(self, sentences: list[str], aloud: bool) -> Iterator[str]:
        for sentence in sentences:
            if aloud:
                # An answer is in the language of its question, where that was heard; the page looks at the letters otherwise.
                language = self.reply.question.spoken.get("language", "")
                told = {"answer": self.reply.answer.id, "number": self.told, "text": sentence, "language": language}
                yield event("sentence", told)
            self.told += 1
