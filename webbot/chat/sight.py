"""What the model sees of a conversation: counted, chosen by memory, built into a prompt, cut after the reply."""

from __future__ import annotations

import dataclasses
import logging

from webbot import memory
from webbot.engines.base import Engine, EngineState
from webbot.errors import Problem
from webbot.memory import Budget, Turn
from webbot.messages import Conversation, Message, Window
from webbot.store.base import Store

MOST_ROLES = 1000  # whose token counts are kept

log = logging.getLogger(__name__)


def budget_of(state: EngineState) -> Budget:
    return Budget(state.context, state.opening, state.frame)


class Sight:
    """Joins the pure arithmetic of `memory` to an engine that counts and a store that remembers.

    `state` is that of the engine, taken once a turn, so that one turn is counted in one way.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._roles: dict[tuple[str, str], int] = {}

    def window(
        self, about: Conversation, engine: Engine, state: EngineState, question_tokens: int | None = None,
        before: int | None = None,
    ) -> Window:
        """The window of a turn whose question has so many tokens (None: of the next turn, before anything is asked).

        `before` leaves out the messages from that number on. Raises TooLong when the question does not fit.
        """
        role = self.role_tokens(about.role, engine, state)
        return memory.fit(role, self._past(about, engine, state, before), question_tokens, budget_of(state))

    def prompt(self, about: Conversation, window: Window, question: Message) -> list[Message]:
        """The messages that the model is sent: exactly those that the window names."""
        kept = set(window.kept)
        past = self.store.messages(about.owner, about.id, start=window.first, before=question.number) if kept else []
        role = [Message(role="system", text=about.role)] if about.role else []
        return [*role, *(message for message in past if message.id in kept), question]

    def forget(self, owner: str, conversation: str, answered: int, engine: Engine) -> None:
        """Right after the reply with the number `answered`: moves the conversation's mark when memory is over its limit.

        Done here so that no question waits for it. What cannot be cut now is cut by the next turn.
        """
        try:
            state = engine.state()
            if state.status != "ready":
                return
            about = self.store.conversation(owner, conversation)
            past = self._past(about, engine, state)
            kept = memory.after_reply(self.role_tokens(about.role, engine, state), past, budget_of(state))
            if len(kept) < len(past):
                first = kept[0].question.number if kept else answered + 1
                self.store.change_conversation(owner, conversation, remembers_from=first, cut_for=state.tokenizer)
        except Problem as problem:
            log.warning("memory was not cut: %s", problem)

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

    def _past(self, about: Conversation, engine: Engine, state: EngineState, before: int | None = None) -> list[Turn]:
        """The turns from the conversation's mark on, every message counted for this model."""
        start = about.remembers_from if about.cut_for == state.tokenizer else 0
        messages = list(self.store.messages(about.owner, about.id, start=start, before=before))
        uncounted = [m for m in messages if (m.tokens is None or m.counted_by != state.tokenizer) and m.status != "streaming"]
        if uncounted:
            counts = dict(zip([m.id for m in uncounted], engine.count([m.text for m in uncounted]), strict=True))
            self.store.save_counts(about.owner, about.id, counts, state.tokenizer)
            messages = [dataclasses.replace(m, tokens=counts.get(m.id, m.tokens)) for m in messages]
        return memory.turns(messages, budget_of(state))
