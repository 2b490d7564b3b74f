"""What is said over one socket: questions in, the frames of answers out, of several conversations at once.

A conversation is followed from the first frame that names it, and every one in which an answer runs from the beginning: then
the answer is told from its text so far. Whatever begins a turn, this socket, a page or another program, it is told alike. Frames
are made only when the socket can take them; of an answer that comes faster than it is read the pieces are joined.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack

from webbot.channel import Listener
from webbot.errors import NotFound, Problem
from webbot.messages import Cancelled, Conversation, Delta, Event, Failed, Finished, Preparing, Queued
from webbot.news import Began, Changed, Gone, Heard, News, Running
from webbot.reply import problem_of
from webbot.services import Services
from webbot.web.pybot import sent, wire
from webbot.web.pybot.titles import Titles

MOST_FOLLOWED = 32  # conversations; those that were named longest ago and are silent are followed no more
MOST_ASKED = 4
log = logging.getLogger(__name__)


class Followed:
    """A conversation that the socket hears of. `answer` is the one that is being told, `asked` are the questions that the socket
    has sent and has heard no answer of yet."""

    def __init__(self, about: Conversation, listener: Listener, held: ExitStack) -> None:
        self.id, self.title, self.listener, self.held = about.id, about.title, listener, held
        self.answer = ""
        self.asked: deque[sent.Sent] = deque(maxlen=MOST_ASKED)
        self.titled = self.naming = False


class SocketTalk:
    """The talk of a socket whose person is `owner` in the store and `user` on the wire. `send` sends a frame at once, `wake` says
    that there is one to be asked for."""

    def __init__(
        self, services: Services, titles: Titles, owner: str, user: str, send: Callable[[str], None], wake: Callable[[], None]
    ) -> None:
        self.services, self.chat, self.titles = services, services.chat, titles
        self.owner, self.user, self.send, self.wake = owner, user, send, wake
        self._followed: dict[str, Followed] = {}
        self._told: dict[str, None] = {}  # the conversations with news
        self._frames: deque[tuple[str, str]] = deque()  # those that are made, each with the answer that it tells
        self._lock = threading.RLock()
        self._closed = False

    # in the thread that reads

    def begin(self) -> None:
        """Follows what runs."""
        try:
            for key in self.chat.channels.claimed():
                try:
                    about = self.chat.store.conversation(self.owner, key)
                except NotFound:
                    continue  # somebody else's
                self._follow(about)
        except Problem as problem:
            log.info("running answers are not told: %s", problem)

    def hear(self, text: str) -> None:
        conversation = id = ""
        try:
            frame = sent.read(text)
            conversation, id = frame.conversation, frame.id
            about = self.chat.store.conversation(self.owner, frame.conversation)
            if frame.type == "text":
                self._ask(about, frame)
            elif frame.type == "follow":
                self._follow(about, again=True)
            else:
                self._follow(about)
                if self.chat.running(self.owner, about.id) is not None:
                    self.chat.channels.ask_stop(about.id)
        except sent.BadFrame as problem:
            self.send(wire.error(problem.conversation or None, problem, parent=problem.id))
        except Problem as problem:
            self.send(wire.error(conversation, problem, parent=id))
        except Exception:
            log.exception("a frame could not be answered")
            failed = Problem("Something went wrong here. Nothing that was stored is lost. Please try again.")
            self.send(wire.error(conversation or None, failed, parent=id))

    def _ask(self, about: Conversation, frame: sent.Sent) -> None:
        followed = self._follow(about)
        followed.asked.append(frame)
        try:
            self.chat.ask(self.owner, about.id, frame.content)
        except BaseException:
            if frame in followed.asked:
                followed.asked.remove(frame)
            raise

    # whom it hears

    def _follow(self, about: Conversation, *, again: bool = False) -> Followed:
        """The conversation is heard of from now on; `again`: a running answer is told from its text so far also where it is."""
        with self._lock:
            followed = self._followed.pop(about.id, None)
            if followed is not None and not again:
                self._followed[about.id] = followed  # the last one named
                return followed
        if followed is not None:
            followed.held.close()
        held = ExitStack()
        listener, running = held.enter_context(self.chat.channels.listen(about.id, lambda: self._hears(about.id)))
        followed = Followed(about, listener, held)
        with self._lock:
            self._followed[about.id] = followed
            self._told[about.id] = None
            left = self._silent() if len(self._followed) > MOST_FOLLOWED else None
            if running is not None and running.began.owner == self.owner:
                self._begun(followed, running)
        if left is not None:
            self._leave(left.id)
        self.wake()
        return followed

    def _silent(self) -> Followed:
        return next((each for each in self._followed.values() if not each.answer and not each.asked),
                    next(iter(self._followed.values())))

    def _leave(self, key: str) -> None:
        with self._lock:
            followed = self._followed.pop(key, None)
            self._told.pop(key, None)
        if followed is not None:
            followed.held.close()

    def _hears(self, key: str) -> None:
        """Something was told in a conversation: called by whoever told it."""
        with self._lock:
            self._told[key] = None
        self.wake()

    def speaks(self) -> bool:
        """Whether an answer is being told, or anything else waits to be."""
        with self._lock:
            return bool(self._frames or self._told) or any(each.answer for each in self._followed.values())

    def close(self) -> None:
        with self._lock:
            self._closed = True
            followed, self._followed = self._followed, {}
        for each in followed.values():
            each.held.close()

    # in the thread that writes

    def next(self) -> str | None:
        while True:
            with self._lock:
                if self._frames:
                    return self._frames.popleft()[1]
                key = next(iter(self._told), None)
                if key is None:
                    return None
                followed = self._followed.get(key)
                if followed is None:
                    del self._told[key]
            if followed is not None:
                self._tell(followed)

    def _say(self, frame: str, answer: str = "") -> None:
        """Makes a frame wait for the socket; `answer` is the one that it tells of."""
        with self._lock:
            self._frames.append((answer, frame))

    def _tell(self, followed: Followed) -> None:
        """Makes frames of the next news of a conversation; of the next pieces of an answer one frame."""
        news = followed.listener.next(0)
        if news is None:
            with self._lock:
                if followed.listener.unread.empty():
                    self._told.pop(followed.id, None)
            return
        parts: list[str] = []
        while isinstance(news, Heard) and isinstance(news.event, Delta):
            if news.answer == followed.answer:
                parts.append(news.event.text)
            news = followed.listener.next(0)
        if parts:
            self._say(wire.frame("stream/text", followed.id, "".join(parts), id=followed.answer), followed.answer)
        if news is not None:
            self._news(followed, news)
        with self._lock:  # the next conversation, if there is another one
            if self._told.pop(followed.id, 0) is None:
                self._told[followed.id] = None

    def _news(self, followed: Followed, news: News) -> None:
        if isinstance(news, Began):
            self._began(followed, news)
        elif isinstance(news, Heard) and news.answer == followed.answer:
            self._heard(followed, news.event)
        elif isinstance(news, Changed) and not followed.naming:
            self._renamed(followed)
        elif isinstance(news, Gone):
            self._say(wire.info(followed.id, "conversation-deleted"))
            self._leave(followed.id)

    def _began(self, followed: Followed, began: Began) -> None:
        question = began.question
        asked = next((each for each in followed.asked if each.content == question.text), None)
        if asked is not None:
            followed.asked.remove(asked)
            followed.titled = asked.titled
            self._start(followed, began, began.answer.text, asked.id or question.id)
            return
        self._say(
            wire.frame("text", followed.id, question.text, id=question.id, parent=question.parent, sender=self.user)
        )
        self._start(followed, began, began.answer.text, question.id)

    def _begun(self, followed: Followed, running: Running) -> None:
        """An answer that has run for a while. What waits to be told of it is part of its text so far: nobody makes frames pile
        up by asking for it again and again."""
        answer = running.began.answer.id
        self._frames = deque(frame for frame in self._frames if frame[0] != answer)
        self._start(followed, running.began, running.text, running.began.question.id)
        for event in (running.queued, running.preparing):
            if event is not None:
                self._heard(followed, event)

    def _start(self, followed: Followed, began: Began, text: str, parent: str) -> None:
        followed.answer = began.answer.id
        self._say(wire.frame("stream/start", followed.id, text or None, id=began.answer.id, parent=parent), began.answer.id)

    def _heard(self, followed: Followed, event: Event) -> None:
        if isinstance(event, Queued):
            waits = {"position": event.position, "seconds": round(event.seconds, 1)}
            self._say(wire.info(followed.id, "queued", waits), followed.answer)
        elif isinstance(event, Preparing):
            load = {"name": event.name, "progress": event.progress, "sentence": event.sentence}
            self._say(wire.info(followed.id, "preparing", load), followed.answer)
        elif isinstance(event, Failed):
            self._say(wire.error(followed.id, problem_of(event), id=followed.answer))
            self._ended(followed, "error")
        elif isinstance(event, Cancelled):
            self._ended(followed, "cancelled")
        elif isinstance(event, Finished):
            self._ended(followed, event.reason)
            if followed.titled and not followed.naming:
                followed.naming = True
                threading.Thread(target=self._name, args=(followed,), daemon=True, name="naming").start()

    def _ended(self, followed: Followed, reason: str) -> None:
        self._say(wire.frame("stream/end", followed.id, id=followed.answer, more={"finish_reason": reason}), followed.answer)
        followed.answer = ""

    # titles

    def _renamed(self, followed: Followed) -> None:
        """The model has named the conversation, perhaps."""
        try:
            about = self.chat.store.conversation(self.owner, followed.id)
        except Problem:
            return
        if about.title != followed.title:
            followed.title = about.title
            if about.titled_by == "model":
                self._say(wire.info(followed.id, "title-generated", about.title))

    def _name(self, followed: Followed) -> None:
        """In a thread of its own: names the conversation as the client has asked."""
        try:
            followed.title = self.titles.name(self.owner, followed.id, lambda: self._closed)
        except NotFound:
            return
        except Problem as problem:
            self._say(wire.error(followed.id, problem))
        except Exception:
            log.exception("a conversation got no title")
        else:
            self._say(wire.info(followed.id, "title-generated", followed.title))
        finally:
            self.wake()
            followed.titled = followed.naming = False
