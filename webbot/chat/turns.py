"""The turn: store the question, choose what the model sees, stream the answer, store it. No Flask, no torch, no SQL.

Every door (page, terminal, program) asks here, so that a turn is the same whatever door it comes through.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from webbot import memory, metrics
from webbot.channel import Channels
from webbot.chat.completing import Completing
from webbot.chat.growing import Growing
from webbot.chat.news import Changed, Gone
from webbot.chat.sight import Sight, budget_of
from webbot.chat.waiting import woken
from webbot.engines.base import Engine, Engines, EngineState
from webbot.errors import BadInput, Conflict, NotFound, Problem, TooLong, Unavailable
from webbot.messages import Conversation, Delta, Event, Failed, Finished, Message, Options, Preparing, Started, Window
from webbot.reply import Began, Reply
from webbot.store.base import Store

TITLE_CHARACTERS = 60
TICK_SECONDS = 0.1
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
        self, engines: Engines, store: Store, *, options: Callable[[EngineState], Options] = lambda state: Options(),
        limits: Limits | None = None,
    ) -> None:
        """`options` says how the engine of that state is sampled where a door does not."""
        self.engines, self.store = engines, store
        self.options, self.limits = options, limits or Limits()
        self.channels = Channels()
        self._running: dict[str, Reply] = {}
        self._beginning: set[str] = set()
        self.sight = Sight(store)
        self.programs = Completing(engines, self.limits.max_answer)
        self._lock = threading.Lock()
        self._closing = False

    # turns

    def ask(
        self, owner: str, conversation: str, text: str, *, options: Options | None = None, spoken: dict | None = None,
        replace_from: int | None = None, role: str | None = None, model: str | None = None,
    ) -> Reply:
        """Commits the question and starts its answer, which runs on by itself. `role` and `model` take the place of the
        conversation's own in this turn alone.

        Raises BadInput for an empty question, TooLong for one that the window cannot hold, Conflict while another answer of
        the conversation is being written, NotFound for a model that is not there, Unavailable for one that cannot be loaded.
        Then nothing was stored. While the model is still being loaded the question is stored at once, and what speaks against
        it then is how its answer failed.
        """
        self._check(text)
        about = self.store.conversation(owner, conversation)
        own = {name: value for name, value in (("role", role), ("model", model)) if value is not None}
        about = dataclasses.replace(about, **own)  # type: ignore[arg-type]
        with self._claimed(conversation):
            engine = self.engines.engine(about.model)
            state, window = woken(engine), None
            if state.status == "failed":
                raise Unavailable(state.sentence or "The language model is not running.", retry_after=5)
            question = Message(role="user", text=text, spoken=spoken or {})
            if state.status == "ready":
                if role:
                    memory.check_role(self.sight.role_tokens(role, engine, state), budget_of(state))
                question, window = self._seen(about, engine, state, question, replace_from)
            question, answer = self._begin(owner, conversation, question, replace_from)
            if window is not None:
                window = self._mark(about, state, window, question)
            reply = Reply(owner, conversation, question, answer, self.limits.grace)
            self._running[conversation] = reply
        self.channels.post(conversation, Began(reply, replace_from))
        reply.run(lambda reply: self._turn(reply, about, engine, window, options), self.channels, self._done)
        return reply

    def _seen(
        self, about: Conversation, engine: Engine, state: EngineState, question: Message, before: int | None
    ) -> tuple[Message, Window]:
        """The question, counted, and what the model sees in its turn. Raises TooLong."""
        tokens = engine.count([question.text])[0]
        window = self.sight.window(about, engine, state, tokens, before=before)
        return dataclasses.replace(question, tokens=tokens, counted_by=state.tokenizer), window

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

    def _turn(
        self, reply: Reply, about: Conversation, engine: Engine, window: Window | None, options: Options | None
    ) -> Iterator[Event]:
        """One turn: what the model sees, the answer as it grows, its end in the store whatever happens."""
        answer = Growing(self.store, reply)
        try:
            if window is None:
                window = yield from self._prepared(reply, about, engine)
            yield Started(window)
            prompt = self.sight.prompt(about, window, reply.question)
            chosen = options or self.options(engine.state())
            room = dataclasses.replace(chosen, max_tokens=self._room(chosen, window))
            for event in engine.answer(prompt, room, owner=reply.owner):
                if isinstance(event, Delta):
                    answer.grow(event.text)
                    yield event
                elif isinstance(event, Finished):
                    answer.end("complete", usage=event.usage, error=CUT if event.reason == "length" else "")
                    self.sight.forget(reply.owner, reply.conversation, reply.answer.number, engine)
                    self._measure(event)
                    yield event
        except Problem as problem:
            metrics.answers.labels("failed").inc()
            answer.end("failed", error=str(problem))
            yield Failed(str(problem), problem.status)
        except GeneratorExit:
            metrics.answers.labels("stopped").inc()
            answer.end("stopped")
            self.sight.forget(reply.owner, reply.conversation, reply.answer.number, engine)
            raise
        except Exception:
            answer.end("failed", error="The answer ended unexpectedly. Please try again.")
            raise

    def _prepared(self, reply: Reply, about: Conversation, engine: Engine) -> Generator[Event, None, Window]:
        """Waits until the model is loaded, and says how far it is; then what it sees. Raises TooLong and Unavailable."""
        told = None
        while (state := woken(engine)).status != "ready":
            if state.status == "failed":
                raise Unavailable(state.sentence or "The language model is not running.")
            preparing = Preparing(state.name, state.progress, state.sentence)
            yield preparing if preparing != told else Delta("")  # a sign of life: whoever reads may stop it
            told = preparing
            time.sleep(TICK_SECONDS)
        question, window = self._seen(about, engine, state, reply.question, reply.question.number)
        self.store.save_counts(reply.owner, reply.conversation, {question.id: question.tokens or 0}, question.counted_by)
        return self._mark(about, state, window, question)

    def _mark(self, about: Conversation, state: EngineState, window: Window, question: Message) -> Window:
        """Keeps what this turn forgot, so that it stays forgotten, and gives the first turn's conversation its title."""
        window = dataclasses.replace(window, first=window.first or question.number)
        changes: dict[str, object] = {} if about.title else {"title": title_of(question.text)}
        if about.cut_for != state.tokenizer or window.first > about.remembers_from:
            changes |= {"remembers_from": window.first, "cut_for": state.tokenizer}
        try:
            if changes:
                self.store.change_conversation(about.owner, about.id, **changes)
                self.channels.post(about.id, Changed())
        except Problem as problem:
            log.warning("a conversation's mark was not kept: %s", problem)  # the turn is stored; the next one keeps it
        return window

    def _done(self, reply: Reply) -> None:
        with self._lock:
            if self._running.get(reply.conversation) is reply:
                del self._running[reply.conversation]

    # conversations

    def create(self, owner: str, role: str, model: str = "") -> Conversation:
        """A new conversation. Raises TooLong when the role does not fit the model, NotFound for a model that is not there."""
        self.check_role(role, model)
        return self.store.create_conversation(owner, role=role, model=model)

    def change(self, owner: str, conversation: str, **changes: object) -> Conversation:
        """Changes title, role, pinned, speaks, markup or model and tells the page's tabs. Raises NotFound for a model that is
        not there."""
        if "model" in changes:
            self.engines.engine(str(changes["model"]))
        if "role" in changes:
            self.check_role(str(changes["role"]), self.store.conversation(owner, conversation).model)
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
