"""One turn: what the model sees of it, its answer as it grows, and the answer's end in the store whatever happens."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

from webbot import memory, metrics
from webbot.channel import Channels
from webbot.chat.allowance import Allowance, Spending, Unlimited
from webbot.chat.growing import Growing
from webbot.chat.seam import Seam
from webbot.chat.sight import Sight, budget_of
from webbot.chat.titles import title_of
from webbot.chat.waiting import measured, woken
from webbot.chat.wishes import GO_ON
from webbot.engines.base import Engine, EngineState
from webbot.errors import Problem, TooLong, Unavailable
from webbot.messages import (
    Conversation,
    Delta,
    Event,
    Failed,
    Finished,
    Message,
    Options,
    Preparing,
    Queued,
    Started,
    Usage,
    Window,
)
from webbot.news import Changed, Listed, list_of
from webbot.reply import Reply
from webbot.store.base import Store

TICK_SECONDS = 0.1
CUT = "The answer was cut here: it reached its limit. Ask for the rest to read on."

log = logging.getLogger(__name__)


class WouldCut(TooLong):
    """A turn was to see the whole conversation, and the window does not hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked. `about` is the conversation as it holds for this turn, with the marks of the place where the turn goes on.

    Of the branch, the messages with the number `before` and greater are not seen (None: all are). `goes_on` is an answer to
    the question that is gone on with. With `whole` nothing of the branch may be left out. `options` says how the engine of that
    state is sampled.
    """

    about: Conversation
    question: Message
    before: int | None = None
    goes_on: Message | None = None
    whole: bool = False
    options: Callable[[EngineState], Options] = lambda state: Options()


class Turn:
    """A turn on its way. `finished` once its answer has come to its end, `cut` where the memory was cut after it."""

    def __init__(
        self, store: Store, sight: Sight, channels: Channels, engine: Engine, asked: Asked, allowance: Allowance | None = None,
        common: Callable[[str], bool] = lambda role: False,
    ) -> None:
        self.store, self.sight, self.channels, self.engine = store, sight, channels, engine
        self.allowance, self.common = allowance or Unlimited(), common
        self.asked, self.about, self.question = asked, asked.about, asked.question
        self.window: Window | None = None
        self.finished = self.cut = self._in_line = False

    # before it begins

    def look(self, check_role: bool) -> None:
        """What the model sees, where it is ready; what speaks against the turn is raised: Unavailable, TooLong."""
        state = woken(self.engine)
        if state.status == "failed":
            raise Unavailable(state.sentence or "The language model is not running.", retry_after=5)
        if state.status == "ready":
            if check_role and self.about.role:
                memory.check_role(self.sight.role_tokens(self.about.role, self.engine, state), budget_of(state))
            self._see(state, self.asked.before)

    def _see(self, state: EngineState, before: int | None) -> None:
        counts = self.engine.count([self.question.text, *(message.text for message in self._wish(state))])
        asked = counts[0] + sum(count + 2 * state.frame for count in counts[1:])  # its frame, and that of the answer before it
        going_on = self.asked.goes_on
        try:
            self.window = self.sight.window(self.about, self.engine, state, asked, before, going_on)
        except TooLong:
            if going_on is None:
                raise
            raise TooLong("This answer fills the window of the model: it cannot be gone on with.") from None
        self.question = dataclasses.replace(self.question, tokens=counts[0], counted_by=state.tokenizer)
        if self.asked.whole:
            self._refuse_cut(state, self.window, before)

    def _wish(self, state: EngineState) -> list[Message]:
        """What stands behind an answer that is gone on with, where the model would answer anew."""
        if self.asked.goes_on is None or "go_on" in state.abilities:
            return []
        return [Message(role="user", text=GO_ON)]

    def _refuse_cut(self, state: EngineState, window: Window, before: int | None) -> None:
        said = self.store.messages(self.about.owner, self.about.id, before=before)
        whole = memory.turns([message for message in said if message.status != "streaming"], budget_of(state))
        if len({*window.kept, *window.held}) < 2 * len(whole):
            raise WouldCut("The conversation does not fit the window of {limit} tokens.", limit=state.context)

    def begun(self, question: Message) -> None:
        """The question is stored."""
        self.question = dataclasses.replace(question, tokens=self.question.tokens, counted_by=self.question.counted_by)
        if self.window is not None:
            self._mark(self.engine.state())

    def _mark(self, state: EngineState) -> None:
        """Keeps what this turn forgot, so that it stays forgotten, and gives the first turn's conversation its title."""
        assert self.window is not None
        self.window = window = dataclasses.replace(self.window, first=self.window.first or self.question.number)
        changes: dict[str, Any] = {}
        if not self.about.title:
            changes = {"title": title_of(self.question.text), "titled_by": "question"}
        if self.about.cut_for != state.tokenizer or window.first > self.about.remembers_from:
            changes |= {"remembers_from": window.first, "cut_for": state.tokenizer}
        try:
            if changes:
                self.store.change_conversation(self.about.owner, self.about.id, **changes)
                self.channels.post(self.about.id, Changed())
                if "title" in changes:
                    self.channels.post(list_of(self.about.owner), Listed())
        except Problem as problem:
            log.warning("a conversation's mark was not kept: %s", problem)  # the turn is stored; the next one keeps it

    # while it runs

    def events(self, reply: Reply, limit: int) -> Iterator[Event]:
        """The events of the answer, of at most `limit` tokens (0: what the window leaves)."""
        answer = Growing(self.store, reply)
        try:
            if self.window is None:
                yield from self._prepared(reply)
            assert self.window is not None
            yield Started(self.window)
            for event in self._answered(reply, self.window, limit):
                if isinstance(event, Delta):
                    answer.grow(event.text)
                elif isinstance(event, Finished):
                    error = CUT if event.reason == "length" else ""
                    answer.end("complete", usage=event.usage, error=error, **self._counted(answer.text))
                    self.cut = self.sight.forget(reply.owner, reply.conversation, reply.answer.number, self.engine)
                    self.finished = True
                yield event
        except Problem as problem:
            metrics.answers.labels("failed").inc()
            answer.end("failed", error=str(problem))
            yield Failed(str(problem), problem.status)
        except GeneratorExit:
            metrics.answers.labels("stopped").inc()
            answer.end("stopped")
            self.cut = self.sight.forget(reply.owner, reply.conversation, reply.answer.number, self.engine)
            raise
        except Exception:
            answer.end("failed", error="The answer ended unexpectedly. Please try again.")
            raise
        finally:
            if not self._in_line:
                self._give_back()

    def _give_back(self) -> None:
        """The place in the line is not needed any more."""
        try:
            self.engine.give_back(self.about.owner)
        except Problem as problem:
            log.debug("a place stays kept for a moment: %s", problem)

    def _counted(self, text: str) -> dict[str, Any]:
        """The tokens of an answer, stored with it: else the memory would store them right after it, with a second write."""
        try:
            return {"tokens": self.engine.count([text])[0], "counted_by": self.engine.state().tokenizer}
        except Problem:
            return {}

    def _prepared(self, reply: Reply) -> Generator[Event]:
        """Waits until the model is loaded, and says how far it is; then what it sees. Raises TooLong and Unavailable."""
        told = None
        while (state := woken(self.engine)).status != "ready":
            if state.status == "failed":
                raise Unavailable(state.sentence or "The language model is not running.")
            preparing = Preparing(state.name, state.progress, state.sentence)
            yield preparing if preparing != told else Delta("")  # a sign of life: whoever reads may stop it
            told = preparing
            time.sleep(TICK_SECONDS)
        self._see(state, self.question.number)
        self.store.save_counts(reply.owner, reply.conversation, {self.question.id: self.question.tokens or 0}, state.tokenizer)
        self._mark(state)

    def _answered(self, reply: Reply, window: Window, limit: int) -> Iterator[Queued | Delta | Finished]:
        state = self.engine.state()
        earlier = self.asked.goes_on
        wish = self._wish(state)
        prompt = [*self.sight.prompt(self.about, window, self.question, self.engine, earlier), *wish]
        options = self._options(state, window, limit)
        seam = Seam(earlier.text) if earlier is not None and wish else None
        spending = Spending(self.allowance, reply.owner, self.engine, window.context - window.reserve)
        self._in_line = True
        try:
            for event in measured(self.engine.answer(prompt, options, owner=reply.owner)):
                spending.hear(event)
                if isinstance(event, Queued):
                    yield event
                elif isinstance(event, Delta):
                    yield event if seam is None else Delta(seam.push(event.text))
                elif isinstance(event, Finished):
                    _measure(event)
                    if seam is not None and (rest := seam.finish()):
                        yield Delta(rest)
                    yield event if earlier is None else dataclasses.replace(event, usage=summed(earlier.usage, event.usage))
        finally:
            spending.end()

    def _options(self, state: EngineState, window: Window, limit: int) -> Options:
        chosen = self.asked.options(state)
        limits = [most for most in (chosen.max_tokens, limit, window.reserve) if most]
        spoken = chosen.spoken or bool(self.asked.question.spoken)
        return dataclasses.replace(
            chosen, max_tokens=max(1, min(limits)), spoken=spoken, common=self.common(self.about.role)
        )

    def prepare(self) -> None:
        """After an answer whose memory was cut everything behind the role has moved: the model may read it again while the person
        reads the answer."""
        if self.cut:
            try:
                begun = self.sight.beginning(self.about.owner, self.about.id, self.engine)
                self.engine.prepare(begun, owner=self.about.owner, common=self.common(self.about.role))
            except Problem as problem:
                log.debug("the next question is not prepared for: %s", problem)


def summed(earlier: Usage | None, usage: Usage) -> Usage:
    """What an answer took that was gone on with."""
    if earlier is None:
        return usage
    return Usage(
        prompt_tokens=earlier.prompt_tokens + usage.prompt_tokens, answer_tokens=earlier.answer_tokens + usage.answer_tokens,
        cached_tokens=earlier.cached_tokens + usage.cached_tokens, first_token_seconds=earlier.first_token_seconds,
        seconds=earlier.seconds + usage.seconds,
    )


def _measure(event: Finished) -> None:
    metrics.answers.labels("complete").inc()
    metrics.answer_tokens.inc(event.usage.answer_tokens)
    metrics.first_token_seconds.observe(event.usage.first_token_seconds)
