"""The turns of all conversations. No Flask, no torch, no SQL.

Every door (page, terminal, program) asks here, so that a turn is the same whatever door it comes through: a new question, another
version of one, another answer to it, or an answer that is gone on with. `turn` is what happens then.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from webbot.channel import Channels
from webbot.chat import allowance as allowances
from webbot.chat.allowance import Allowance, Unlimited
from webbot.chat.completing import Completing
from webbot.chat.conversations import Conversations, Limits
from webbot.chat.titling import Titling
from webbot.chat.turn import CUT, Asked, Turn
from webbot.chat.waiting import admitted
from webbot.engines.base import Engines, EngineState
from webbot.errors import BadInput, Conflict, NotFound, Problem, TooLong, Unavailable
from webbot.messages import Conversation, Message, Options
from webbot.reply import Reply
from webbot.store.base import Store

log = logging.getLogger(__name__)
Begin = Callable[[Message], tuple[Message, Message]]


class Chat(Conversations):
    """Turns, and what else is done with conversations."""

    def __init__(
        self, engines: Engines, store: Store, *, channels: Channels | None = None,
        options: Callable[[EngineState], Options] = lambda state: Options(), limits: Limits | None = None, titles: bool = False,
        allowance: Allowance | None = None,
    ) -> None:
        """`options` says how the engine of that state is sampled where a door does not. `channels` of another kind reach other
        web processes. With `titles` the model names new conversations; without it their first question does. `allowance` limits
        what an owner may ask in a while."""
        super().__init__(engines, store, channels or Channels(), limits or Limits())
        self.options = options
        self.allowance = allowance or Unlimited()
        self.common: Callable[[str], bool] = lambda role: False  # whether a role is no secret: see Options.common
        self.programs = Completing(engines, self.limits.max_answer, self.allowance)
        self.titling = Titling(store, self.told) if titles else None
        self._running: dict[str, Reply] = {}  # those that this process writes
        self._lock = threading.Lock()
        self._closing = False

    # turns

    def ask(  # noqa: PLR0913 - what a door may say of a turn
        self, owner: str, conversation: str, text: str, *, options: Options | None = None, spoken: dict | None = None,
        role: str | None = None, model: str | None = None, after: str | None = None, whole: bool = False,
    ) -> Reply:
        """Commits the question and starts its answer, which runs on by itself. It follows the message `after`, whose branch is
        shown then (None: the last one shown, "": nothing, it is another first question). `role` and `model` take the place of
        the conversation's own in this turn alone.

        Raises BadInput for an empty question, TooLong for one that the window cannot hold (with `whole`, WouldCut where it does
        not hold the whole branch), Conflict while another answer of the conversation is being written, NotFound for a model or a
        message that is not there, Unavailable for a model that cannot be loaded, TooMany where the owner could not even wait for
        it or has no allowance left. Then nothing was stored. While the model is still being loaded the question is stored at
        once, and what speaks against it then is how its answer failed.
        """
        self._check(text)
        with self._claimed(owner, conversation) as about, self._shown(about, after) as (place, before):
            asked = Asked(
                about=_with(place, role=role, model=model), question=Message(role="user", text=text, spoken=spoken or {}),
                before=before, whole=whole, options=self._sampled(options),
            )

            def begin(question: Message) -> tuple[Message, Message]:
                return self.store.begin_turn(owner, conversation, question, after=after)

            return self._start(asked, begin, check_role=role is not None)

    def edit(self, owner: str, conversation: str, message: str, text: str) -> Reply:
        """Asks `text` beside that question of the branch that is shown, which stays as another version. Raises what `ask`
        raises, and Conflict when the question is not shown any more."""
        question = self._in_sight(owner, conversation, message)
        if question.role != "user":
            raise BadInput("Only a question can be edited.", parameter="message")
        return self.ask(owner, conversation, text, after=question.parent)

    def again(self, owner: str, conversation: str, message: str = "", *, options: Options | None = None) -> Reply:
        """One more answer beside those that a question of the branch that is shown has: that with the id `message`, or the one
        that this is an answer to; "" is the last. Raises what `ask` raises."""
        self._check_open()
        with self._claimed(owner, conversation) as about:
            asked_again = self._question(about, message)
            with self._shown(about, asked_again.parent) as (place, before):
                asked = Asked(about=place, question=asked_again, before=before, options=self._sampled(options))
                return self._start(asked, lambda question: self.store.begin_answer(owner, conversation, question.id))

    def go_on(self, owner: str, conversation: str, message: str = "", *, options: Options | None = None) -> Reply:
        """Goes on with the last answer shown ("" or its id), which was cut at its limit, stopped or lost: its text grows on.

        Raises what `ask` raises, and Conflict for an answer that has come to its end or is not the last one.
        """
        self._check_open()
        with self._claimed(owner, conversation) as about:
            answer = self._cut(about, message)
            question = self.store.message(owner, conversation, answer.parent)
            asked = Asked(
                about=about, question=question, before=question.number, goes_on=answer, options=self._sampled(options)
            )
            return self._start(asked, lambda question: self.store.resume_answer(owner, conversation, answer.id))

    def _start(self, asked: Asked, begin: Begin, *, check_role: bool = False) -> Reply:
        """Begins the turn, in a conversation that is claimed for it; the claim is the reply's from here on."""
        owner, key = asked.about.owner, asked.about.id
        engine = self.engines.engine(asked.about.model)
        if self.titling is not None:
            self.titling.hush()
        turn = Turn(self.store, self.sight, self.channels, engine, asked, self.allowance, self.common)
        with admitted(engine, owner):
            turn.look(check_role)
            allowances.ask(self.allowance, owner)
            question, answer = self._ended(owner, key, lambda: begin(turn.question))
        turn.begun(question)
        after = self.store.message(owner, key, question.parent).number if question.parent else 0
        reply = Reply(owner, key, turn.question, answer, after=after, grace=self.limits.grace)
        with self._lock:
            self._running[key] = reply
        reply.run(lambda reply: turn.events(reply, self.limits.max_answer), self.channels, lambda reply: self._done(reply, turn))
        return reply

    def _done(self, reply: Reply, turn: Turn) -> None:
        with self._lock:
            if self._running.get(reply.conversation) is reply:
                del self._running[reply.conversation]
        turn.prepare()
        if turn.finished and self.titling is not None and turn.about.titled_by in ("", "question"):
            self.titling.wish(reply.owner, reply.conversation, turn.engine)

    # where a turn goes on

    @contextmanager
    def _claimed(self, owner: str, conversation: str) -> Iterator[Conversation]:
        """The conversation, with every other turn of it kept out: until the end of the reply that begins meanwhile, or until
        something goes wrong. Raises Conflict while a turn begins or runs."""
        self.store.conversation(owner, conversation)
        self.channels.claim(conversation)
        try:
            yield self.store.conversation(owner, conversation)
        except BaseException:
            with suppress(Problem):
                self.channels.release(conversation)
            raise

    @contextmanager
    def _shown(self, about: Conversation, after: str | None) -> Iterator[tuple[Conversation, int | None]]:
        """The conversation with the marks that it had at the message `after`, and the number from which on its messages are not
        seen. Where another branch is shown, that of `after` is shown meanwhile, and on when a turn begins."""
        if after is None:
            yield about, None
            return
        if not after:
            yield dataclasses.replace(about, remembers_from=0, cut_for=""), 0
            return
        last = self.store.message(about.owner, about.id, after)
        marked = self._answer_at(about, last)
        marks = (marked.remembers_from, marked.cut_for) if marked is not None else (0, "")
        turned = not self._is_shown(about, last)
        if turned:
            self._ended(about.owner, about.id, lambda: self.store.show(about.owner, about.id, after))
        try:
            yield dataclasses.replace(about, remembers_from=marks[0], cut_for=marks[1]), last.number + 1
        except BaseException:
            if turned and about.tip:
                with suppress(Problem):
                    self.store.show(about.owner, about.id, about.tip)
            raise

    def _answer_at(self, about: Conversation, message: Message) -> Message | None:
        """The newest answer of the branch up to that message."""
        while message.role != "assistant":
            if not message.parent:
                return None
            message = self.store.message(about.owner, about.id, message.parent)
        return message

    def _is_shown(self, about: Conversation, message: Message) -> bool:
        found = self.store.messages(about.owner, about.id, start=message.number, before=message.number + 1)
        return any(shown.id == message.id for shown in found)

    def _in_sight(self, owner: str, conversation: str, message: str) -> Message:
        """The message with that id. Raises Conflict when another branch is shown."""
        found = self.store.message(owner, conversation, message)
        if not self._is_shown(self.store.conversation(owner, conversation), found):
            raise Conflict("Another version of this message is shown by now. Please look at it first.")
        return found

    def _question(self, about: Conversation, message: str) -> Message:
        """The question with that id, or that of the answer with it; the last one for ""."""
        if not message and not about.tip:
            raise NotFound("There is no question in this conversation yet.")
        found = self._in_sight(about.owner, about.id, message or about.tip)
        while found.role != "user":
            if not found.parent:
                raise NotFound("There is no question in this conversation yet.")
            found = self.store.message(about.owner, about.id, found.parent)
        return found

    def _cut(self, about: Conversation, message: str) -> Message:
        """The last answer, which did not come to its end."""
        if message and message != about.tip:
            self._in_sight(about.owner, about.id, message)
            raise Conflict("Only the last answer can be gone on with.")
        if not about.tip:
            raise NotFound("There is no answer in this conversation yet.")
        answer = self.store.message(about.owner, about.id, about.tip)
        if answer.status == "streaming":  # though nobody writes it: the conversation is claimed
            self._end_lost(about.owner, about.id)
            answer = self.store.message(about.owner, about.id, about.tip)
        if answer.role != "assistant" or not answer.parent:
            raise NotFound("There is no answer in this conversation yet.")
        if not answer.text:
            raise Conflict("Nothing of this answer was written. Please ask for another one.")
        if answer.status == "complete" and not was_cut(answer):
            raise Conflict("This answer has come to its end.")
        return answer

    # checks

    def _sampled(self, options: Options | None) -> Callable[[EngineState], Options]:
        return self.options if options is None else lambda state: options

    def _check_open(self) -> None:
        if self._closing:
            raise Unavailable("The server is restarting. Please try again in a moment.", retry_after=5)

    def _check(self, text: str) -> None:
        self._check_open()
        if not text.strip():
            raise BadInput("The question is empty.")
        if len(text.encode()) > self.limits.question_bytes:
            raise TooLong("The question is longer than {limit} bytes. Please shorten it.", limit=self.limits.question_bytes)

    def close(self, seconds: float = 10.0) -> None:
        """Ends every answer that this process writes; what was written is stored."""
        self._closing = True
        if self.titling is not None:
            self.titling.close()
        with self._lock:
            running = list(self._running.values())
        for reply in running:
            reply.stop()
        until = time.monotonic() + seconds
        for reply in running:
            reply.wait(max(0.0, until - time.monotonic()))


def was_cut(answer: Message) -> bool:
    """Whether a stored answer ended at its limit."""
    return answer.status == "complete" and answer.error == CUT


def _with(about: Conversation, **own: str | None) -> Conversation:
    """The conversation as it holds for a turn that has a role or a model of its own."""
    return dataclasses.replace(about, **{name: value for name, value in own.items() if value is not None})  # type: ignore[arg-type]
