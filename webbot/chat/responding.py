"""Turns as programs ask for them by the id of an earlier answer: gone on with, branched off, found again, deleted.

A turn after an answer, be it the last one or an earlier one, is one more turn of its conversation: a branch of it, so that
nothing is lost. Only where a program brings earlier turns along does a new conversation begin, with a copy of what was said up
to there. It knows nothing of HTTP.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webbot import memory
from webbot.chat.completing import MOST_BYTES_A_TOKEN
from webbot.chat.sight import budget_of
from webbot.chat.turn import WouldCut
from webbot.chat.turns import Chat
from webbot.chat.waiting import ready
from webbot.engines.base import Engine, refuse_unable
from webbot.errors import CONTEXT_EXCEEDED, BadInput, Conflict, NotFound, Problem, TooLong
from webbot.messages import Called, Cancelled, Conversation, Delta, Failed, Finished, Message, Options
from webbot.news import Changed
from webbot.reply import Reply, follow, problem_of

TICK_SECONDS = 0.1
Part = Delta | Called | Finished | Cancelled
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a program says. `instructions` hold for this turn alone, `system` from this turn on; `earlier` are finished turns,
    questions and answers by turns, that were before `question`."""

    question: str
    instructions: str = ""
    system: str = ""
    earlier: Sequence[Message] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class After:
    """Where a turn goes on: after `answer`, None for the end of the conversation. `request` is what was kept with the answer."""

    about: Conversation
    answer: Message | None = None
    request: Mapping[str, Any] | None = None

    def role(self, said: Said) -> str:
        """The role that holds for a turn. A program's instructions are not carried over to its next turn; a role that a person
        gave the conversation holds until a program says another."""
        if self.request is not None:
            return joined(said.instructions, self.request["system"], said.system)
        return joined(said.instructions, said.system) or self.about.role

    def system(self, said: Said) -> str:
        """What holds for the turns that come after the one that is asked for."""
        return joined(self.request["system"] if self.request is not None else "", said.system)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An answer that was found again, with the messages that its request brought, the question last."""

    about: Conversation
    answer: Message
    brought: Sequence[Message]
    request: Mapping[str, Any] | None


class Responding:
    """The turns that programs ask for."""

    def __init__(self, chat: Chat) -> None:
        self.chat, self.store, self.engines = chat, chat.store, chat.engines

    # asking

    def after(self, about: Conversation, message: str) -> After:
        """The place behind that answer. Raises NotFound, and Conflict while it is still being written."""
        answer = self._answer(about, message)
        if answer.status == "streaming":
            raise Conflict("That answer is still being written. Wait for its end or stop it.", code="conversation_busy")
        return After(about=about, answer=answer, request=self.store.request(about.owner, about.id, message))

    def ask(
        self, owner: str, after: After | None, said: Said, options: Options, request: Mapping[str, Any], *, cut: bool,
        model: str = "",
    ) -> Reply:
        """Asks in a stored conversation, a new one where `after` is None, and keeps `request` (JSON) with the answer.

        With `cut` the oldest turns are left out where the window is full; without it TooLong is raised. Raises what Chat.ask
        raises; nothing is stored then.
        """
        engine = self.engines.engine(model)
        state = ready(engine)
        refuse_unable(options, state)
        role = joined(said.instructions, said.system) if after is None else after.role(said)
        self._check_role(role, model)
        about, began = self._conversation(owner, after, said, role)
        try:
            place = after.answer.id if after is not None and after.answer is not None and not began else None
            reply = self.chat.ask(about.owner, about.id, said.question, options=options, role=role, model=model, after=place,
                                  whole=not cut)
        except BaseException as error:
            if began:
                self.store.delete_conversation(about.owner, about.id, at_once=True)
            if isinstance(error, WouldCut):
                raise TooLong("The conversation does not fit the window of {limit} tokens. With truncation auto its oldest turns "
                              "are left out.", limit=state.context, parameter="truncation", code=CONTEXT_EXCEEDED) from None
            raise
        first = reply.question.number - len(said.earlier)
        system = said.system if after is None else after.system(said)
        kept = {"system": system, "began": began, "first": first, "asked": dict(request)}
        try:
            self.store.keep_request(about.owner, about.id, reply.answer.id, kept)
        except Problem as problem:
            log.warning("what a program asked for was not kept: %s", problem)  # the turn is stored and goes on
        return reply

    def follow(self, reply: Reply) -> Iterator[Part | None]:
        """The parts of a stored answer as it grows, None every 0.1 s while nothing comes. Closing it stops the answer.

        Raises what the model failed with. What was refused before a word of it was written is not stored.
        """
        try:
            for event in follow(reply, TICK_SECONDS):
                if isinstance(event, Failed):
                    if event.status < 500 and not reply.text:
                        self._drop(reply.owner, reply.conversation, reply.answer.id)
                    raise problem_of(event)
                yield event if isinstance(event, Delta | Finished | Cancelled) else None
        finally:
            reply.stop()

    def unstored(
        self, owner: str, after: After | None, said: Said, options: Options, *, cut: bool, model: str = ""
    ) -> Iterator[Part | None]:
        """Like `ask` and `follow`, but nothing is stored."""
        role = joined(said.instructions, said.system) if after is None else after.role(said)
        past = [*(self._past(after) if after is not None else ()), *said.earlier]
        question = Message(role="user", text=said.question)
        if cut:
            past = self._newest(role, past, said.question, self.engines.engine(model))
        system = [Message(role="system", text=role)] if role else []
        answers = self.chat.programs.answers(owner, [*system, *past, question], options, model=model)
        try:
            for _, part in answers:
                yield part if not isinstance(part, Delta) or part.text else None
        finally:
            answers.close()  # type: ignore[attr-defined] # a generator: this frees the model

    def _conversation(self, owner: str, after: After | None, said: Said, role: str) -> tuple[Conversation, bool]:
        """The conversation of a turn, and whether it was made for it."""
        now = time.time()
        earlier = [dataclasses.replace(message, created_at=now) for message in said.earlier]
        if after is None:
            return self.store.create_conversation(owner, role=role, beginning=earlier), True
        about = after.about
        if after.answer is None:
            if earlier:
                raise BadInput("A conversation goes on with one message; its earlier ones are stored here.", parameter="input")
            return about, False
        if not earlier:
            return about, False
        beginning = [*self._past(after), *earlier]
        return self.store.create_conversation(about.owner, title=about.title, role=about.role, beginning=beginning), True

    def _past(self, after: After) -> list[Message]:
        """What was said in the branch up to the place, without what is still being written or was never answered."""
        about, tip = after.about, after.answer
        messages = self.store.messages(about.owner, about.id) if tip is None else self._branch(about, tip)
        past: list[Message] = []
        for question, answer in itertools.pairwise(messages):
            if question.role == "user" and answer.role == "assistant" and answer.status != "streaming":
                past += [question, answer]
        return past

    def _branch(self, about: Conversation, last: Message, start: int = 0) -> Sequence[Message]:
        """The branch up to the message `last`, from the number `start` on, whichever branch is shown."""
        shown = self.store.messages(about.owner, about.id, start=start, before=last.number + 1)
        if shown and shown[-1].id == last.id:
            return shown
        messages = {message.id: message for message in self.store.tree(about.owner, about.id)}
        branch, message = [last], messages.get(last.parent)
        while message is not None and message.number >= start:
            branch.append(message)
            message = messages.get(message.parent)
        return branch[::-1]

    def _check_role(self, role: str, model: str) -> None:
        try:
            self.chat.check_role(role, model)
        except TooLong as problem:
            problem.parameter, problem.code = "instructions", CONTEXT_EXCEEDED
            raise

    def _newest(self, role: str, past: Sequence[Message], question: str, engine: Engine) -> list[Message]:
        """The newest turns of `past` that fit the window; all, where they do."""
        state = ready(engine)
        room, newest = state.context * MOST_BYTES_A_TOKEN, []  # what is longer by this measure need not be counted
        for message in reversed(past):
            room -= len(message.text.encode("utf-8", "surrogatepass"))
            if room < 0:
                break
            newest.append(message)
        counts = engine.count([role, question, *(message.text for message in newest)])
        budget = budget_of(state)
        role_tokens = counts[0] if role else 0
        told = [dataclasses.replace(message, id=str(number), number=number, tokens=count)
                for number, (message, count) in enumerate(zip(newest[::-1], counts[:1:-1], strict=True), start=1)]
        whole = budget.role(role_tokens) + sum(budget.cost(count) for count in counts[1:])
        if len(newest) == len(past) and whole <= budget.context - budget.least_answer:
            return told
        kept = set(memory.fit(role_tokens, memory.turns(told, budget), counts[1], budget).kept)
        return [message for message in told if message.id in kept]

    # what was asked

    def find(self, about: Conversation, message: str) -> Found:
        """The answer with that id. Raises NotFound."""
        answer = self._answer(about, message)
        request = self.store.request(about.owner, about.id, message)
        if not answer.parent:
            return Found(about=about, answer=answer, brought=(), request=request)
        question = self.store.message(about.owner, about.id, answer.parent)
        first = min(request["first"], question.number) if request else question.number
        return Found(about=about, answer=answer, brought=self._branch(about, question, first), request=request)

    def stop(self, about: Conversation, message: str) -> bool:
        """Stops the answer with that id and waits until it is stored; False when it is not being written."""
        running = self.chat.running(about.owner, about.id)
        return running is not None and running.began.answer.id == message and self.chat.stop(about.owner, about.id)

    def delete(self, about: Conversation, message: str) -> None:
        """Deletes an answer and its question, stopped first where it is running; what came before and after stays, and so does a
        question that has other answers. A conversation that a program began and that is empty then goes with them.
        """
        self._answer(about, message)
        self.stop(about, message)
        self._drop(about.owner, about.id, message)

    def _drop(self, owner: str, conversation: str, message: str) -> None:
        about = self.store.conversation(owner, conversation)
        found = self.find(about, message)
        began = bool(found.request and found.request["began"])
        others = self.store.versions(owner, conversation, [message])
        question = [question.id for question in found.brought[-1:] if question.role == "user" and message not in others]
        self.store.delete_messages(owner, conversation, [*question, message])
        if began and not about.pinned and not self.store.tree(owner, conversation):
            self.chat.delete(owner, conversation, at_once=True)
        else:
            self.chat.told(owner, conversation, Changed(cleared=True))

    def _answer(self, about: Conversation, message: str) -> Message:
        answer = self.store.message(about.owner, about.id, message)
        if answer.role != "assistant":
            raise NotFound("This message is not here. It may have been deleted.")
        return answer


def joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part.strip())

