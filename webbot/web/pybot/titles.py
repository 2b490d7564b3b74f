"""The title of a conversation when a client asks for one: by the model as soon as it has nothing else to do, within bounds; where
no model can, or none is to, the first question is the title. Who asks for a title wants another one: it takes the place of
whatever title there is, a person's too."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

from webbot.chat.titles import title_of
from webbot.errors import Problem
from webbot.messages import Conversation, Message
from webbot.news import Changed
from webbot.services import Services
from webbot.web.leaving import Left

WAIT_SECONDS = 20.0  # for the end of a running answer, and again for an idle model
LOOK_SECONDS = 0.1
FIRST = 20  # numbers among which the first messages are, where nothing was edited


class Titles:
    """Names conversations."""

    def __init__(self, services: Services, seconds: float = WAIT_SECONDS) -> None:
        self.services, self.chat, self.store, self.seconds = services, services.chat, services.store, seconds

    def name(self, owner: str, conversation: str, left: Callable[[], bool]) -> str:
        """The new title. Raises Left when `left` says that nobody waits for it any more."""
        self._wait(left, lambda: self.chat.running(owner, conversation) is None)
        about = self.store.conversation(owner, conversation)
        messages = self.store.messages(owner, conversation, before=FIRST) or self.store.messages(owner, conversation)
        question = next((message.text for message in messages if message.role == "user"), "")
        title = self._by_model(about, messages, left)
        if title:
            return self._kept(about, title, "model")
        return self._kept(about, title_of(question), "question") if question.strip() else about.title

    def _by_model(self, about: Conversation, messages: Sequence[Message], left: Callable[[], bool]) -> str:
        titling = self.chat.titling
        turns = (turn for turn in pairwise(messages) if turn[0].role == "user" and turn[1].role == "assistant" and turn[1].text)
        turn = next(turns, None)
        if titling is None or turn is None:
            return ""
        found: list[str] = []

        def named() -> bool:
            title = titling.title(turn, self.chat.engines.engine(about.model))
            found.extend([] if title is None else [title])
            return title is not None

        try:
            self._wait(left, named)
        except Left:
            raise
        except Problem:  # the model has failed, or is gone
            return ""
        return found[0] if found else ""

    def _wait(self, left: Callable[[], bool], done: Callable[[], bool]) -> None:
        until = time.monotonic() + self.seconds
        while not done() and time.monotonic() < until and not self.services.closing.is_set():
            if left():
                raise Left("The client has left.")
            time.sleep(LOOK_SECONDS)

    def _kept(self, about: Conversation, title: str, by: Literal["model", "question"]) -> str:
        changed = self.store.change_conversation(about.owner, about.id, title=title, titled_by=by)
        self.chat.told(about.owner, about.id, Changed())
        return changed.title
