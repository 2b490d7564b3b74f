"""The memory of a conversation: which messages fit the model's window. Pure arithmetic, no model, no store.

First in, first out, by whole turns (a question and its answer). A quarter of the context stays free for the new turn, three
quarters hold the role (system prompt) and the memories. The role never leaves. When memory is over its limit it is cut to
`LOW_WATER` of it, not to just below: dropping one turn a time would shift the prompt on every turn and void the
model's prefix cache each time (docs/performance.md has the figures).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from webbot.errors import TooLong
from webbot.messages import Message, Window

RESERVE = 0.25
LOW_WATER = 0.75
LEAST_ANSWER = 1 / 32  # of the context: a question may not leave less than this for its answer


@dataclass(frozen=True, slots=True)
class Budget:
    """The sizes of a model's window, in tokens; see EngineState for `opening` and `frame`."""

    context: int
    opening: int = 0
    frame: int = 0

    @property
    def least_answer(self) -> int:
        return max(8, int(self.context * LEAST_ANSWER))

    def cost(self, tokens: int) -> int:
        """What a message of `tokens` takes with its frame."""
        return tokens + self.frame

    def role(self, tokens: int) -> int:
        """What the role takes (the opening is counted here); no role, no frame."""
        return self.opening + (self.cost(tokens) if tokens else 0)

    def memory_limit(self, role: int) -> int:
        return max(0, self.context - int(self.context * RESERVE) - role)


@dataclass(frozen=True, slots=True)
class Turn:
    """A finished question and answer, in order, and their cost with frames."""

    question: Message
    answer: Message
    cost: int


def turns(messages: Sequence[Message], budget: Budget) -> list[Turn]:
    """The turns that can be remembered: each question with a non-empty answer. Every message must have been counted."""
    found = []
    question = None
    for message in messages:
        if message.role == "user":
            question = message
        elif message.role == "assistant" and question is not None:
            if message.text and message.status != "streaming":
                found.append(Turn(question, message, sum(budget.cost(m.tokens or 0) for m in (question, message))))
            question = None
    return found


def check_role(tokens: int, budget: Budget) -> None:
    """Raises TooLong when a role would take more than a quarter of the window."""
    limit = int(budget.context * RESERVE) - budget.opening - budget.frame
    if tokens > limit:
        raise TooLong("The role has {count} tokens; {limit} fit this model.", count=tokens, limit=limit)


def fit(role_tokens: int, past: Sequence[Turn], question_tokens: int | None, budget: Budget) -> Window:
    """Chooses the newest turns of `past` that fit beside the role and the question (None: nothing is asked yet).

    Raises TooLong when the question alone does not fit, with its count and the limit. `first` is 0 when nothing is kept.
    """
    role = budget.role(role_tokens)
    asked = 0 if question_tokens is None else budget.cost(question_tokens)
    room = budget.context - role - budget.least_answer
    if asked > room:
        raise TooLong(
            "The question has {count} tokens; {limit} fit this model. Please shorten it.",
            count=question_tokens, limit=max(0, room - budget.frame),
        )
    limit = budget.memory_limit(role)
    kept = newest(past, min(limit, room - asked), limit)
    memory = sum(turn.cost for turn in kept)
    return Window(
        context=budget.context, role=role, memory=memory, question=asked,
        reserve=budget.context - role - memory - asked, memory_limit=limit,
        first=kept[0].question.number if kept else 0,
        kept=tuple(message.id for turn in kept for message in (turn.question, turn.answer)),
    )


def newest(past: Sequence[Turn], limit: int, full: int) -> Sequence[Turn]:
    """All turns when they fit `limit` tokens; else the newest ones that fit the low-water mark of `full` (and `limit`)."""
    if sum(turn.cost for turn in past) <= limit:
        return past
    left = min(limit, int(full * LOW_WATER))
    for start in range(len(past), 0, -1):
        left -= past[start - 1].cost
        if left < 0:
            return past[start:]
    return past


def after_reply(role_tokens: int, past: Sequence[Turn], budget: Budget) -> Sequence[Turn]:
    """What is remembered for the next turn, cut right after the reply so that no person waits for the cut."""
    limit = budget.memory_limit(budget.role(role_tokens))
    return newest(past, limit, limit)
