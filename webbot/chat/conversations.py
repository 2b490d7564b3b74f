"""What is done with conversations beside asking in them: made, changed, shown in another branch, shared, deleted, brought back.

Whatever changes one is told to those who have it open, and to those who see the owner's list.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from webbot import memory
from webbot.channel import Channels, Lagging
from webbot.chat import attached
from webbot.chat.sight import Sight, budget_of
from webbot.chat.titles import title_of
from webbot.engines.base import Engines
from webbot.errors import Conflict, TooLong
from webbot.messages import (
    Conversation,
    End,
    Failed,
    Feedback,
    File,
    Message,
    Share,
    Window,
)
from webbot.news import INTERRUPTED, Changed, Gone, Heard, Listed, News, Running, list_of
from webbot.store.base import Store

STOP_SECONDS = 5.0  # within which an answer that is stopped has ended
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a turn may take: bytes of a question, tokens of an answer (0: what the window leaves), seconds unheard; and what a
    conversation may: megabytes of a file."""

    question_bytes: int = 65536
    max_answer: int = 0
    grace: float = 300.0
    file_megabytes: int = 16


class Conversations:
    """The conversations of all owners."""

    def __init__(self, engines: Engines, store: Store, channels: Channels, limits: Limits) -> None:
        self.engines, self.store, self.channels, self.limits = engines, store, channels, limits
        self.sight = Sight(store)

    # the answer that runs

    def running(self, owner: str, conversation: str) -> Running | None:
        """The answer of the conversation that is being written now, whichever web process writes it."""
        running = self.channels.running(conversation)
        return running if running is not None and running.began.owner == owner else None

    def stop(self, owner: str, conversation: str) -> bool:
        """Ends the running answer, whichever web process writes it, and waits until it is stored. False when none was running,
        or when its end was not told in time."""
        until = time.monotonic() + STOP_SECONDS
        with self.channels.listen(conversation) as (listener, running):
            if running is None or running.began.owner != owner:
                return False
            self.channels.ask_stop(conversation)
            with suppress(Lagging):
                while (left := until - time.monotonic()) > 0:
                    if _ends(listener.next(left), running.began.answer.id):
                        return True
        return False

    # conversations

    def create(self, owner: str, role: str, model: str = "") -> Conversation:
        """A new conversation. Raises TooLong when the role does not fit the model, NotFound for a model that is not there."""
        self.check_role(role, model)
        made = self.store.create_conversation(owner, role=role, model=model)
        self._list_changed(owner)
        return made

    def change(self, owner: str, conversation: str, *, only_version: int | None = None, **changes: object) -> Conversation:
        """Changes title, role, pinned, speaks, markup or model and tells it. A title is a person's, and stays.

        Raises NotFound for a model that is not there, Conflict when `only_version` is another than the conversation's version.
        """
        if "model" in changes:
            self.engines.engine(str(changes["model"]))
        if "role" in changes:
            self.check_role(str(changes["role"]), self.store.conversation(owner, conversation).model)
        if "title" in changes:
            changes |= {"title": title_of(str(changes["title"])), "titled_by": "person"}
        changed = self.store.change_conversation(owner, conversation, only_version=only_version, **changes)
        self.told(owner, conversation, Changed())
        return changed

    def clear(self, owner: str, conversation: str) -> None:
        self.stop(owner, conversation)
        self.store.clear(owner, conversation)
        self.told(owner, conversation, Changed(cleared=True))

    def delete(self, owner: str, conversation: str, *, only_version: int | None = None, at_once: bool = False) -> None:
        """Deletes a conversation; it can be restored for a while, unless `at_once`. Raises Conflict as `change`."""
        about = self.store.conversation(owner, conversation)
        if only_version is not None and about.version != only_version:
            raise Conflict("The conversation was changed meanwhile. Please try again.")
        self.stop(owner, conversation)
        self.store.delete_conversation(owner, conversation, at_once=at_once)
        self.told(owner, conversation, Gone())

    def restore(self, owner: str, conversation: str) -> Conversation:
        """Brings a deleted conversation back. Raises NotFound once it is deleted for good."""
        restored = self.store.restore_conversation(owner, conversation)
        self.told(owner, conversation, Changed())
        return restored

    def show(self, owner: str, conversation: str, message: str) -> Conversation:
        """Shows the branch through that message. Raises Conflict while an answer is being written."""
        with self._alone(conversation):
            shown = self._ended(owner, conversation, lambda: self.store.show(owner, conversation, message))
        self.channels.post(conversation, Changed(cleared=True))
        return shown

    def share(self, owner: str, conversation: str) -> Share:
        """A link's token for the branch that is shown, as far as it goes now. Raises what Store.share raises."""
        with self._alone(conversation):
            return self._ended(owner, conversation, lambda: self.store.share(owner, conversation))

    def window(self, owner: str, conversation: str) -> Window | None:
        """What the model will see of the conversation in the next turn, without a question; None while no model is ready."""
        about = self.store.conversation(owner, conversation)
        engine = self.engines.engine(about.model)
        state = engine.state()
        return self.sight.window(about, engine, state) if state.status == "ready" else None

    def check_role(self, role: str, model: str = "") -> None:
        """Raises TooLong for a role over a quarter of the window; without a ready model only its bytes are checked."""
        if len(role.encode()) > self.limits.question_bytes:
            raise TooLong("The role is longer than {limit} bytes.", limit=self.limits.question_bytes)
        engine = self.engines.engine(model)
        state = engine.state()
        if state.status == "ready" and role:
            memory.check_role(self.sight.role_tokens(role, engine, state), budget_of(state))

    # its messages and files

    def pin(self, owner: str, conversation: str, message: str, pinned: bool) -> Message:
        """Keeps a message in the window with its turn, or no longer. Raises TooLong when it does not fit beside others."""
        about = self.store.conversation(owner, conversation)
        if pinned:
            engine = self.engines.engine(about.model)
            attached.check_pin(self.sight, about, message, engine, engine.state())
        changed = self.store.change_message(owner, conversation, message, pinned=pinned)
        self.channels.post(conversation, Changed())
        return changed

    def judge(self, owner: str, conversation: str, message: str, feedback: Feedback) -> Message:
        """Keeps what a person thinks of an answer. Raises BadInput for a question."""
        changed = self.store.change_message(owner, conversation, message, feedback=feedback)
        self.channels.post(conversation, Changed())
        return changed

    def attach(self, owner: str, conversation: str, name: str, data: bytes) -> File:
        """Keeps a file with the conversation; its text is seen from the next turn on. Raises what attached.read raises."""
        there = self.store.files(owner, conversation)
        file, text = attached.read(name, data, there, self.limits.file_megabytes)
        file = self.store.add_file(owner, conversation, file, text, data)
        self.channels.post(conversation, Changed())
        return file

    def detach(self, owner: str, conversation: str, file: str) -> None:
        self.store.delete_file(owner, conversation, file)
        self.channels.post(conversation, Changed())

    # for all of them

    def told(self, owner: str, conversation: str, news: News) -> None:
        """Tells what happened in a conversation, and that the list of its owner is another now."""
        self.channels.post(conversation, news)
        self._list_changed(owner)

    def _list_changed(self, owner: str) -> None:
        self.channels.post(list_of(owner), Listed())

    @contextmanager
    def _alone(self, conversation: str) -> Iterator[None]:
        """Keeps every turn of the conversation out meanwhile. Raises Conflict while one begins or runs."""
        self.channels.claim(conversation)
        try:
            yield
        finally:
            self.channels.release(conversation)

    def _ended(self, owner: str, conversation: str, call: Callable[[], T]) -> T:
        """What `call` of the store returns, for whoever has claimed the conversation: an answer that is stored as streaming then
        lost its end, and is ended first."""
        try:
            return call()
        except Conflict:
            if not self._end_lost(owner, conversation):
                raise
            return call()

    def _end_lost(self, owner: str, conversation: str) -> bool:
        """Ends the answer that is stored as streaming: while one is, it is the tip. False when it is not."""
        tip = self.store.conversation(owner, conversation).tip
        answer = self.store.message(owner, conversation, tip) if tip else None
        if answer is None or answer.status != "streaming":
            return False
        self.store.save_answer(owner, conversation, dataclasses.replace(answer, status="failed", error=INTERRUPTED))
        self.channels.post(conversation, Heard(answer.id, Failed(INTERRUPTED)))
        return True


def _ends(news: News | None, answer: str) -> bool:
    if isinstance(news, Heard):
        return news.answer == answer and isinstance(news.event, End)
    return isinstance(news, Gone)
