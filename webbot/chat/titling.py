"""Titles by the model, in the background: one at a time, only while the model has nothing else to do, and never in the way of an
answer. A conversation that was given a title by a person or a program keeps it.

One request of some dozen tokens is what a title costs, also where the model is a server elsewhere.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from webbot.chat.titles import request_for, title_in
from webbot.engines.base import Engine, EngineState
from webbot.errors import Conflict, NotFound, Problem
from webbot.messages import Conversation, Delta, Message, Options
from webbot.news import Changed, News
from webbot.store.base import Store

PAUSES = (0.2, 2.0, 8.0, 30.0, 120.0, 600.0)  # seconds before each attempt: the model may be at work, or not be there
MOST_WISHES = 200  # conversations that wait; more keep their first question
MOST_TURNS = 3  # a conversation that got no title by then keeps its first question
LOOK_SECONDS = 0.05  # between two looks at whether the model has something else to do: it may be asked in another process
LONGEST = 32  # tokens of a title
LONGEST_THOUGHT = 400  # tokens, where the server elsewhere may think before it writes
ATTEMPTS = 5  # at a conversation that is changed in this moment
OWNER = "titles"  # whoever waits in the model's queue waits as long as for one answer of somebody else
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Wish:
    """A conversation that wants a title from the engine that answered in it, at the time `due` at the earliest."""

    owner: str
    conversation: str
    engine: Engine
    due: float
    attempt: int = 0


class Titling:
    """The conversations of this process that want a title. `told` passes news of a conversation on, by owner and id."""

    def __init__(self, store: Store, told: Callable[[str, str, News], None], pauses: Sequence[float] = PAUSES) -> None:
        self.store, self.told, self.pauses = store, told, pauses
        self._wishes: dict[str, Wish] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._hushed = threading.Event()
        self._closed = False

    def wish(self, owner: str, conversation: str, engine: Engine) -> None:
        """Asks for a title, some time later; returns at once."""
        with self._changed:
            if self._closed or len(self._wishes) >= MOST_WISHES:
                return
            self._wishes[conversation] = Wish(owner, conversation, engine, time.monotonic() + self.pauses[0])
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="titles")
                self._thread.start()

    def hush(self) -> None:
        """An answer begins in this process: a title that is being made is given up for now, also one of another model, for they
        share the machine."""
        self._hushed.set()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        self._hushed.set()
        if thread is not None:
            thread.join(2)

    # in its thread

    def _run(self) -> None:
        while (wish := self._next()) is not None:
            try:
                settled = self._settled(wish)
            except Problem as problem:
                log.debug("a conversation got no title: %s", problem)
                settled = False
            except Exception:
                log.debug("a conversation got no title", exc_info=True)
                settled = True
            if not settled:
                self._later(wish)

    def _next(self) -> Wish | None:
        """The next wish once it is due; None when there are none left, and the thread ends."""
        with self._changed:
            while True:
                if self._closed or not self._wishes:
                    self._thread = None
                    return None
                wish = min(self._wishes.values(), key=lambda wish: wish.due)
                left = wish.due - time.monotonic()
                if left <= 0:
                    return self._wishes.pop(wish.conversation)
                self._changed.wait(left)

    def _later(self, wish: Wish) -> None:
        wish.attempt += 1
        with self._changed:
            if wish.attempt < len(self.pauses) and wish.conversation not in self._wishes:
                wish.due = time.monotonic() + self.pauses[wish.attempt]
                self._wishes[wish.conversation] = wish

    def _settled(self, wish: Wish) -> bool:
        """Gives the title. False when it may be tried again later."""
        try:
            about = self.store.conversation(wish.owner, wish.conversation)
            turn = self._first_turn(about)
        except NotFound:
            return True
        if turn is None:
            return True
        title = self.title(turn, wish.engine)
        if title:
            self._keep(about, title)
        return title is not None

    def title(self, turn: tuple[Message, Message], engine: Engine) -> str | None:
        """What the model calls a conversation of that question and answer: "" where it finds no title, or is too small for it;
        None where it has something else to do."""
        state = engine.state()
        if state.status != "ready" or state.starter or engine.busy():
            return "" if state.starter else None
        said = self._said(engine, state, request_for(turn[0].text, turn[1].text, state.context))
        return None if said is None else title_in(said)

    def _first_turn(self, about: Conversation) -> tuple[Message, Message] | None:
        """The first question that was answered to the end, and the answer; None where no title is wanted."""
        if about.titled_by != "question":
            return None
        messages = self.store.messages(about.owner, about.id, limit=2 * MOST_TURNS + 1)
        if len(messages) > 2 * MOST_TURNS:
            return None
        turns = itertools.pairwise(messages)
        return next((turn for turn in turns if turn[0].role == "user" and turn[1].status == "complete" and turn[1].text), None)

    def _said(self, engine: Engine, state: EngineState, request: Sequence[Message]) -> str | None:
        """What the model says; None when it had to make room for an answer."""
        options = Options(temperature=0, max_tokens=LONGEST)
        if "sampling" not in state.abilities:  # a server that takes its own values only
            options = Options(temperature=1, top_p=1, max_tokens=LONGEST_THOUGHT)
        parts, looked = [], time.monotonic()
        self._hushed.clear()
        with closing(engine.answer(request, options, owner=OWNER)) as answer:  # type: ignore[type-var] # a generator
            for part in answer:
                if self._closed or self._hushed.is_set():
                    return None
                if time.monotonic() - looked > LOOK_SECONDS:
                    looked = time.monotonic()
                    if engine.busy() > 1:  # a program, or another web process, asks the same model
                        return None
                if isinstance(part, Delta):
                    parts.append(part.text)
        return "".join(parts)

    def _keep(self, about: Conversation, title: str) -> None:
        for _ in range(ATTEMPTS):
            try:
                self.store.change_conversation(
                    about.owner, about.id, only_version=about.version, title=title, titled_by="model"
                )
            except Conflict:
                about = self.store.conversation(about.owner, about.id)
                if about.titled_by != "question":
                    return
            else:
                self.told(about.owner, about.id, Changed())
                return
