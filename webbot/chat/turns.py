"""The turn: store the question, choose what the model sees, stream the answer, store it. No Flask, no torch, no SQL.

Every door (page, terminal, program) asks here, so that a turn is the same whatever door it comes through.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from webbot import memory, metrics
from webbot.channel import Channels
from webbot.chat.completing import Completing
from webbot.chat.growing import Growing
from webbot.chat.news import Changed, Gone
from webbot.chat.sight import Sight, budget_of
from webbot.chat.waiting import ready
from webbot.engines.base import Engine, EngineState
from webbot.errors import BadInput, Conflict, NotFound, Problem, TooLong, Unavailable
from webbot.messages import Conversation, Delta, Event, Failed, Finished, Message, Options, Started, Window
from webbot.reply import Began, Reply
from webbot.store.base import Store

TITLE_CHARACTERS = 60
CUT = "The answer was cut here: it reached its limit. Ask for the rest to read on."
INTERRUPTED = "The server stopped in the middle of this answer."

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a turn may take: bytes of a question, tokens of an answer (0: what the window leaves), seconds unheard."""

    question_bytes: int = 65536
    max_answer: int = 0
    grace: float = 300.0


class Chat:
    """The turns of all conversations."""

    def __init__(
        self, engine: Engine, store: Store, *, options: Callable[[EngineState], Options] = lambda state: Options(),
        limits: Limits | None = None,
    ) -> None:
        """`options` says how the engine of that state is sampled where a door does not."""
        self.engine, self.store = engine, store
        self.options, self.limits = options, limits or Limits()
        self.channels = Channels()
        self._running: dict[str, Reply] = {}
        self._beginning: set[str] = set()
        self.sight = Sight(engine, store)
        self.programs = Completing(engine, self.limits.max_answer)
        self._lock = threading.Lock()
        self._closing = False

    # turns

    def ask(
        self, owner: str, conversation: str, text: str, *, options: Options | None = None, spoken: dict | None = None,
        replace_from: int | None = None, role: str | None = None,
    ) -> Reply:
        """Commits the question and starts its answer, which runs on by itself. `role` takes the place of the conversation's
        own in this turn alone.

        Raises BadInput for an empty question, TooLong for one that the window cannot hold, Conflict while another answer of
        the conversation is being written, Unavailable when no model comes up in time. Then nothing was stored.
        """
        self._check(text)
        about = self.store.conversation(owner, conversation)
        if role is not None:
            about = dataclasses.replace(about, role=role)
        with self._claimed(conversation):
            state = ready(self.engine)
            if role is not None:
                self.check_role(role)
            tokens = self.engine.count([text])[0]
            window = self.sight.window(about, state, tokens, before=replace_from)
            question = Message(role="user", text=text, tokens=tokens, counted_by=state.tokenizer, spoken=spoken or {})
            question, answer = self._begin(owner, conversation, question, replace_from)
            window = dataclasses.replace(window, first=window.first or question.number)
            self._mark(about, state, window, text)
            reply = Reply(owner, conversation, question, answer, self.limits.grace)
            self._running[conversation] = reply
        self.channels.post(conversation, Began(reply, replace_from))
        reply.run(lambda reply: self._turn(reply, about, window, options or self.options(state)), self.channels, self._done)
        return reply

    @contextmanager
    def _claimed(self, conversation: str) -> Iterator[None]:
        """Keeps every other turn of the conversation out while one begins. Raises Conflict while one begins or runs."""
        with self._lock:
            if conversation in self._running or conversation in self._beginning:
                raise Conflict("An answer is still being written in this conversation. Stop it or wait for its end.")
            self._beginning.add(conversation)
        try:
            yield
        finally:
            self._beginning.discard(conversation)

    def _begin(self, owner: str, conversation: str, question: Message, replace_from: int | None) -> tuple[Message, Message]:
        """Commits the turn. An answer that is stored as streaming though nobody writes it lost its end, and is ended first."""
        try:
            return self.store.begin_turn(owner, conversation, question, replace_from=replace_from)
        except Conflict:
            last = self.store.messages(owner, conversation, limit=1)
            if not last or last[0].status != "streaming":
                raise
            self.store.save_answer(owner, conversation, dataclasses.replace(last[0], status="failed", error=INTERRUPTED))
            return self.store.begin_turn(owner, conversation, question, replace_from=replace_from)

    def again(self, owner: str, conversation: str, *, options: Options | None = None) -> Reply:
        """Answers the last question once more; the answer it had is dropped."""
        question = self._last_question(owner, conversation)
        return self.ask(
            owner, conversation, question.text, options=options, spoken=question.spoken, replace_from=question.number
        )

    def edit(self, owner: str, conversation: str, message: str, text: str) -> Reply:
        """Puts `text` in place of the last question and answers it. Raises Conflict when `message` is not the last question."""
        question = self._last_question(owner, conversation)
        if question.id != message:
            raise Conflict("Only the last question can be edited, and this is no longer the last one.")
        return self.ask(owner, conversation, text, replace_from=question.number)

    def stop(self, owner: str, conversation: str) -> bool:
        """Ends the running answer and waits until it is stored. False when none was running."""
        reply = self.running(owner, conversation)
        if reply is None:
            return False
        reply.stop()
        return reply.wait(5)

    def running(self, owner: str, conversation: str) -> Reply | None:
        """The answer of the conversation that is being written now."""
        with self._lock:
            reply = self._running.get(conversation)
        return reply if reply is not None and reply.owner == owner else None

    def _turn(self, reply: Reply, about: Conversation, window: Window, options: Options) -> Iterator[Event]:
        """One turn: what the model sees, the answer as it grows, its end in the store whatever happens."""
        answer = Growing(self.store, reply)
        try:
            yield Started(window)
            prompt = self.sight.prompt(about, window, reply.question)
            room = dataclasses.replace(options, max_tokens=self._room(options, window))
            for event in self.engine.answer(prompt, room, owner=reply.owner):
                if isinstance(event, Delta):
                    answer.grow(event.text)
                    yield event
                elif isinstance(event, Finished):
                    answer.end("complete", usage=event.usage, error=CUT if event.reason == "length" else "")
                    self.sight.forget(reply.owner, reply.conversation, reply.answer.number)
                    self._measure(event)
                    yield event
        except Problem as problem:
            metrics.answers.labels("failed").inc()
            answer.end("failed", error=str(problem))
            yield Failed(str(problem), problem.status)
        except GeneratorExit:
            metrics.answers.labels("stopped").inc()
            answer.end("stopped")
            self.sight.forget(reply.owner, reply.conversation, reply.answer.number)
            raise
        except Exception:
            answer.end("failed", error="The answer ended unexpectedly. Please try again.")
            raise

    def _mark(self, about: Conversation, state: EngineState, window: Window, text: str) -> None:
        """Keeps what this turn forgot, so that it stays forgotten, and gives the first turn's conversation its title."""
        changes: dict[str, object] = {} if about.title else {"title": title_of(text)}
        if about.cut_for != state.tokenizer or window.first > about.remembers_from:
            changes |= {"remembers_from": window.first, "cut_for": state.tokenizer}
        try:
            if changes:
                self.store.change_conversation(about.owner, about.id, **changes)
                self.channels.post(about.id, Changed())
        except Problem as problem:
            log.warning("a conversation's mark was not kept: %s", problem)  # the turn is stored; the next one keeps it

    def _done(self, reply: Reply) -> None:
        with self._lock:
            if self._running.get(reply.conversation) is reply:
                del self._running[reply.conversation]

    # conversations

    def create(self, owner: str, role: str) -> Conversation:
        """A new conversation. Raises TooLong when the role does not fit the model."""
        self.check_role(role)
        return self.store.create_conversation(owner, role=role)

    def change(self, owner: str, conversation: str, **changes: object) -> Conversation:
        """Changes title, role, pinned, speaks or markup and tells the page's tabs."""
        if "role" in changes:
            self.check_role(str(changes["role"]))
        if "title" in changes:
            changes["title"] = title_of(str(changes["title"]))
        changed = self.store.change_conversation(owner, conversation, **changes)
        self.channels.post(conversation, Changed())
        return changed

    def clear(self, owner: str, conversation: str) -> None:
        self.stop(owner, conversation)
        self.store.clear(owner, conversation)
        self.channels.post(conversation, Changed(cleared=True))

    def delete(self, owner: str, conversation: str) -> None:
        self.stop(owner, conversation)
        self.store.delete_conversation(owner, conversation)
        self.channels.post(conversation, Gone())

    def window(self, owner: str, conversation: str) -> Window | None:
        """What the model will see of the conversation in the next turn, without a question; None while no model is ready."""
        state = self.engine.state()
        return self.sight.window(self.store.conversation(owner, conversation), state) if state.status == "ready" else None

    def check_role(self, role: str) -> None:
        """Raises TooLong for a role over a quarter of the window; without a ready model only its bytes are checked."""
        if len(role.encode()) > self.limits.question_bytes:
            raise TooLong("The role is longer than {limit} bytes.", limit=self.limits.question_bytes)
        state = self.engine.state()
        if state.status == "ready" and role:
            memory.check_role(self.sight.role_tokens(role, state), budget_of(state))

    # checks

    def _room(self, options: Options, window: Window) -> int:
        limits = [limit for limit in (options.max_tokens, self.limits.max_answer, window.reserve) if limit]
        return max(1, min(limits))

    def _check(self, text: str) -> None:
        if self._closing:
            raise Unavailable("The server is restarting. Please try again in a moment.", retry_after=5)
        if not text.strip():
            raise BadInput("The question is empty.")
        if len(text.encode()) > self.limits.question_bytes:
            raise TooLong("The question is longer than {limit} bytes. Please shorten it.", limit=self.limits.question_bytes)

    def _last_question(self, owner: str, conversation: str) -> Message:
        questions = [m for m in self.store.messages(owner, conversation, limit=2) if m.role == "user"]
        if not questions:
            raise NotFound("There is no question in this conversation yet.")
        return questions[-1]

    @staticmethod
    def _measure(event: Finished) -> None:
        metrics.answers.labels("complete").inc()
        metrics.answer_tokens.inc(event.usage.answer_tokens)
        metrics.first_token_seconds.observe(event.usage.first_token_seconds)

    def close(self, seconds: float = 10.0) -> None:
        """Ends every running answer; what was written is stored."""
        self._closing = True
        with self._lock:
            running = list(self._running.values())
        for reply in running:
            reply.stop()
        until = time.monotonic() + seconds
        for reply in running:
            reply.wait(max(0.0, until - time.monotonic()))


def title_of(text: str) -> str:
    """A title from a question: its first line, on one line, cut at a word."""
    line = " ".join(text.split())
    if len(line) <= TITLE_CHARACTERS:
        return line
    return line[:TITLE_CHARACTERS].rsplit(" ", 1)[0].rstrip(" ,;:.") + " …"
