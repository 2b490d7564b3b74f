"""What the model sees of the branch that is shown: counted, chosen by memory, built into a prompt, cut after the reply.

A prompt is the role, the files as one turn, the pinned and the remembered turns in order of their numbers, then the question, and
behind it an answer that is gone on with.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection, Sequence

from webbot import memory
from webbot.chat.enclosed import Enclosed
from webbot.engines.base import Engine, EngineState
from webbot.errors import NotFound, Problem
from webbot.memory import Budget, Held, Turn
from webbot.messages import Conversation, Message, Window
from webbot.store.base import Store

MOST_ROLES = 1000  # whose token counts are kept
PAGE = 200  # messages that are read at once
LAST = 2**62  # a number behind those of all messages
NEAR = 4  # messages in which the newest answer is found: a question without an answer may stand before another

log = logging.getLogger(__name__)


def budget_of(state: EngineState) -> Budget:
    return Budget(state.context, state.opening, state.frame)


class Sight:
    """Joins the pure arithmetic of `memory` to an engine that counts and a store that remembers.

    `state` is that of the engine, taken once a turn, so that one turn is counted in one way. `before` is the number of a message
    of the shown branch: that one and those behind it are left out, and what was forgotten is what the newest answer before it
    had forgotten. `going_on` is the answer that is gone on with, when `before` is the number of its question: what it has
    forgotten holds, and its tokens so far are a part of the question's.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._enclosed = Enclosed(store)
        self._roles: dict[tuple[str, str], int] = {}

    def window(
        self, about: Conversation, engine: Engine, state: EngineState, question_tokens: int | None = None,
        before: int | None = None, going_on: Message | None = None,
    ) -> Window:
        """The window of a turn whose question has so many tokens (None: of the next turn, before anything is asked).

        Raises TooLong when the question does not fit.
        """
        role = self.role_tokens(about.role, engine, state)
        past, held = self._past(about, engine, state, before, going_on)
        if going_on is not None:
            question_tokens = (question_tokens or 0) + engine.count([going_on.text])[0]
        return memory.fit(role, past, question_tokens, budget_of(state), held)

    def prompt(
        self, about: Conversation, window: Window, question: Message, engine: Engine, going_on: Message | None = None
    ) -> list[Message]:
        """The messages that the model is sent: exactly those that the window names, and the question."""
        role = [Message(role="system", text=about.role)] if about.role else []
        files = []
        if window.files:
            limit = window.held_limit - window.pinned
            files = self._enclosed.shown(about, limit, engine, engine.state(), [file.id for file in window.seen_files]).turn()
        answer = [going_on] if going_on is not None else []
        return [*role, *files, *self._seen(about, window, question.number), question, *answer]

    def forget(self, owner: str, conversation: str, answered: int, engine: Engine) -> bool:
        """Right after the reply with the number `answered`: moves the conversation's mark when memory is over its limit. Whether
        it was moved.

        Done here so that no question waits for it. What cannot be cut now is cut by the next turn.
        """
        try:
            state = engine.state()
            if state.status != "ready":
                return False
            about = self.store.conversation(owner, conversation)
            past, held = self._past(about, engine, state)
            loose = held.loose(past)
            kept = memory.after_reply(self.role_tokens(about.role, engine, state), past, budget_of(state), held)
            if len(kept) < len(loose):
                first = kept[0].question.number if kept else answered + 1
                # Another branch may be shown by now; its memory is not for this reply to cut.
                self.store.change_conversation(
                    owner, conversation, only_version=about.version, remembers_from=first, cut_for=state.tokenizer
                )
                return True
        except Problem as problem:
            log.warning("memory was not cut: %s", problem)
        return False

    def beginning(self, owner: str, conversation: str, engine: Engine) -> list[Message]:
        """The messages before the next question, as the model will be sent them."""
        about, state = self.store.conversation(owner, conversation), engine.state()
        window = self.window(about, engine, state)
        return self.prompt(about, window, Message(role="user", text="", number=LAST), engine)[:-1]

    def role_tokens(self, role: str, engine: Engine, state: EngineState) -> int:
        """The tokens of a role, counted once: a page is shown without asking the model, which may be busy or hang."""
        if not role:
            return 0
        key = (state.tokenizer, role)
        if key not in self._roles:
            if len(self._roles) > MOST_ROLES:
                self._roles.clear()
            self._roles[key] = engine.count([role])[0]
        return self._roles[key]

    def pinned_with(self, about: Conversation, message: str, engine: Engine, state: EngineState) -> list[Turn]:
        """The turns that are held once that message is pinned, too, of the shown branch."""
        more = self.store.message(about.owner, about.id, message)
        if more.role == "assistant":
            turn = [self.store.message(about.owner, about.id, more.parent), more] if more.parent else []
        else:
            turn = list(self.store.messages(about.owner, about.id, start=more.number))[:2]
            turn = turn if turn and turn[0].id == message else []
        held = [found for found in self.store.held(about.owner, about.id) if found.id not in {m.id for m in turn}]
        return memory.turns(self._counted(about, engine, state, [*held, *turn]), budget_of(state))

    def _past(
        self, about: Conversation, engine: Engine, state: EngineState, before: int | None = None, going_on: Message | None = None
    ) -> tuple[list[Turn], Held]:
        """The turns from the mark on, and what is held; every message and file counted for this model."""
        budget = budget_of(state)
        limit = budget.held_limit(budget.role(self.role_tokens(about.role, engine, state)))
        held = [found for found in self.store.held(about.owner, about.id) if before is None or found.number < before]
        start = self._mark(about, state, before, going_on)
        held = self._counted(about, engine, state, held)
        past = self._newest(about, engine, state, start, before, {found.id for found in held})
        pinned = memory.pinned(memory.turns(held, budget), limit)
        left = limit - sum(turn.cost for turn in pinned)
        files = self._enclosed.shown(about, left, engine, state)
        return past, Held(files.tokens, files.seen, pinned)

    def _newest(
        self, about: Conversation, engine: Engine, state: EngineState, start: int, before: int | None, held: Collection[str]
    ) -> list[Turn]:
        """The turns from the number `start` on, counted; of a long conversation the newest ones that are more than any window
        holds, so that one of ten thousand messages costs no more than one of fifty."""
        budget, messages = budget_of(state), list[Message]()
        while True:
            page = self.store.messages(about.owner, about.id, start=start, before=before, limit=PAGE)
            messages = [*self._counted(about, engine, state, page), *messages]
            found = memory.turns(messages, budget)
            if len(page) < PAGE or sum(turn.cost for turn in found if turn.question.id not in held) > budget.context:
                return found
            before = page[0].number

    def _mark(self, about: Conversation, state: EngineState, before: int | None, going_on: Message | None) -> int:
        """The number of the first message that is not forgotten: 0 where another tokenizer has cut."""
        kept: Conversation | Message | None = going_on
        if kept is None:
            kept = about if before is None else self._newest_answer(about, before)
        return kept.remembers_from if kept is not None and kept.cut_for == state.tokenizer else 0

    def _newest_answer(self, about: Conversation, before: int) -> Message | None:
        near = self.store.messages(about.owner, about.id, before=before, limit=NEAR)
        return next((message for message in reversed(near) if message.role == "assistant"), None)

    def _counted(self, about: Conversation, engine: Engine, state: EngineState, messages: Sequence[Message]) -> list[Message]:
        uncounted = [m for m in messages if (m.tokens is None or m.counted_by != state.tokenizer) and m.status != "streaming"]
        if not uncounted:
            return list(messages)
        counts = dict(zip([m.id for m in uncounted], engine.count([m.text for m in uncounted]), strict=True))
        self.store.save_counts(about.owner, about.id, counts, state.tokenizer)
        return [dataclasses.replace(m, tokens=counts.get(m.id, m.tokens)) for m in messages]

    def _seen(self, about: Conversation, window: Window, before: int) -> list[Message]:
        """The messages of the remembered and the pinned turns in order of their numbers. One that was unpinned or deleted since
        the window was chosen is still looked for."""
        wanted = {*window.kept, *window.held}
        start = window.first if window.kept else before
        found = {m.id: m for m in self.store.messages(about.owner, about.id, start=start, before=before) if m.id in wanted}
        if wanted - found.keys():
            found |= {m.id: m for m in self.store.held(about.owner, about.id) if m.id in wanted}
        for missing in wanted - found.keys():
            try:
                found[missing] = self.store.message(about.owner, about.id, missing)
            except NotFound:
                continue
        return sorted(found.values(), key=lambda message: message.number)
