"""The memory of a conversation: which messages fit the model's window. Pure arithmetic, no model, no store.

First in, first out, by whole turns (a question and its answer). A quarter of the context stays free for the new turn, three
quarters hold the role (system prompt), what is held, and the memories. The role never leaves. What is held, the files and the
pinned turns, stays until a person lets it go, and takes no more than `HELD` of what the role leaves: memory takes the rest.
When memory is over its limit it is cut to `LOW_WATER` of it, not to just below: dropping one turn a time would shift the prompt
on every turn and void the model's prefix cache each time (docs/performance.md has the figures).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from webbot.errors import TooLong
from webbot.messages import Message, SeenFile, Window

RESERVE = 0.25
LOW_WATER = 0.75
HELD = 0.5  # of what role and reserve leave: with more, a talk about a file would forget its own beginning after few turns
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

    def held_limit(self, role: int) -> int:
        """The most that files and pinned turns may take together, beside a role of that cost."""
        return int(self._room(role) * HELD)

    def memory_limit(self, role: int, held: int = 0) -> int:
        """The most that memory may take beside a role and what is held, both with their frames."""
        return max(0, self._room(role) - held)

    def _room(self, role: int) -> int:
        return max(0, self.context - int(self.context * RESERVE) - role)


@dataclass(frozen=True, slots=True)
class Turn:
    """A finished question and answer, in order, and their cost with frames."""

    question: Message
    answer: Message
    cost: int


@dataclass(frozen=True, slots=True)
class Held:
    """What stays in the window: the `files` with their frames, in tokens, and the pinned turns that fit beside them."""

    files: int = 0
    seen_files: tuple[SeenFile, ...] = ()
    turns: Sequence[Turn] = ()

    @property
    def pinned(self) -> int:
        return sum(turn.cost for turn in self.turns)

    @property
    def cost(self) -> int:
        return self.files + self.pinned

    def loose(self, past: Sequence[Turn]) -> Sequence[Turn]:
        """The turns of `past` that may leave."""
        held = {turn.question.id for turn in self.turns}
        return [turn for turn in past if turn.question.id not in held] if held else past


NOTHING = Held()


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


def pinned(held: Sequence[Turn], limit: int) -> Sequence[Turn]:
    """Those of the pinned turns that fit `limit` tokens, in their order; where they do not all fit, the newest first."""
    kept: list[Turn] = []
    for turn in reversed(held):
        if turn.cost <= limit:
            limit -= turn.cost
            kept.append(turn)
    return kept[::-1]


def fit(
    role_tokens: int, past: Sequence[Turn], question_tokens: int | None, budget: Budget, held: Held = NOTHING
) -> Window:
    """Chooses the newest turns of `past` that fit beside the role, what is held and the question (None: nothing is asked yet;
    of an answer that is gone on with, its tokens so far are counted in). A turn that is held is no memory.

    Raises TooLong when the question does not fit, with its count and the limit. `first` is 0 when nothing is kept.
    """
    role = budget.role(role_tokens)
    asked = 0 if question_tokens is None else budget.cost(question_tokens)
    room = budget.context - role - held.cost - budget.least_answer
    if asked > room:
        raise _too_long(role_tokens, question_tokens, room, budget, held)
    limit = budget.memory_limit(role, held.cost)
    kept = newest(held.loose(past), min(limit, room - asked), limit)
    memory = sum(turn.cost for turn in kept)
    return Window(
        context=budget.context, role=role, memory=memory, question=asked,
        reserve=budget.context - role - held.cost - memory - asked, memory_limit=limit,
        first=kept[0].question.number if kept else 0, kept=_ids(kept), files=held.files, pinned=held.pinned,
        held_limit=budget.held_limit(role), held=_ids(held.turns), seen_files=held.seen_files,
    )


def _ids(found: Sequence[Turn]) -> tuple[str, ...]:
    return tuple(message.id for turn in found for message in (turn.question, turn.answer))


def _too_long(role: int, question: int | None, room: int, budget: Budget, held: Held) -> TooLong:
    if question is None:
        return TooLong("The role has {count} tokens; {limit} fit this model.", count=role, limit=max(0, role + room))
    sentence = "The question has {count} tokens; {limit} fit this model. Please shorten it."
    if held.cost:
        sentence = ("The question has {count} tokens; {limit} fit beside the files and the pinned messages. Please shorten it, "
                    "or take one of them out.")
    return TooLong(sentence, count=question, limit=max(0, room - budget.frame))


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


def after_reply(role_tokens: int, past: Sequence[Turn], budget: Budget, held: Held = NOTHING) -> Sequence[Turn]:
    """What of the turns that may leave is remembered for the next turn, cut right after the reply so that no person waits for
    the cut."""
    limit = budget.memory_limit(budget.role(role_tokens), held.cost)
    return newest(held.loose(past), limit, limit)
