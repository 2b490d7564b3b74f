"""Server-Sent Events: one stream for a tab, with everything that happens in its conversation and to the list of conversations.

The wire form is the `text/event-stream` of the HTML standard. Whatever a tab must not miss has an id (webbot/web/place.py), and
a tab that connects with the last one it has gets exactly what came after it, from any web process: in the header Last-Event-ID or
as `?last=`. An id that is none counts as none: then the running answer is told from its beginning. What an id cannot say
(another branch is shown now, too much was missed) is one event, `resync`: the page fetches itself anew. A comment line every
second notices a client that has left.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from flask import Blueprint, Response, g, request, stream_with_context
from flask.typing import ResponseReturnValue

from webbot import metrics
from webbot.errors import Problem
from webbot.news import list_of
from webbot.services import Services
from webbot.web import forms
from webbot.web.place import read_place
from webbot.web.presence import watch
from webbot.web.tab import ListNews, Tab
from webbot.web.views import Views
from webbot.web.writing import event

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
TICK_SECONDS = 1.0
log = logging.getLogger(__name__)


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
        """Where no conversation is open: the models, and that the list of conversations changed."""
        return self._respond(self._beside(g.owner))

    def states(self) -> ResponseReturnValue:
        """The list of the page for models, whenever something of it changes."""
        return self._respond(self._whenever("states", self.views.models.list_html))

    def conversation(self, conversation: str) -> ResponseReturnValue:
        """`?last=ID` is an event's id, `?answer=ID` an answer that is to be told from its start, even when it has ended by now;
        `?version=N` the conversation's as the tab knows it."""
        about = self.store.conversation(g.owner, conversation)
        begun = request.args.get("answer", "")
        last = request.args.get("last") or request.headers.get("Last-Event-ID", "")
        place = read_place(last) or (read_place(f"{begun}.0.0") if begun else None)
        tab = Tab(self.services, self.views, about, place, forms.number("version"))
        return self._respond(tab.events())

    def _respond(self, lines: Iterator[str]) -> ResponseReturnValue:
        return Response(stream_with_context(self._counted(lines, watch())), mimetype="text/event-stream", headers=HEADERS)

    @staticmethod
    def _counted(lines: Iterator[str], ended: Callable[[], bool]) -> Iterator[str]:
        metrics.streams.inc()
        try:
            for line in lines:  # at least every second
                yield line
                if ended():
                    yield event("signed_out", {})
                    return
        except Problem as problem:  # the store is away: the tab comes again, and goes on from where it is
            log.info("an event stream ended: %s", problem)
        finally:
            metrics.streams.dec()

    def _beside(self, owner: str) -> Iterator[str]:
        if not owner:
            yield from self._whenever("models", self.views.models.html)
            return
        with self.chat.channels.listen(list_of(owner)) as (listener, _):
            news = ListNews(listener)
            for line in self._whenever("models", self.views.models.html):
                yield news.line() + line

    def _whenever(self, name: str, make: Callable[[], str]) -> Iterator[str]:
        part = Part(name, make)
        while not self.services.closing.is_set():
            yield part.line() or ": alive\n\n"
            self.services.closing.wait(TICK_SECONDS)


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

