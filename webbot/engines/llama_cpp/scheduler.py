"""Who computes next: which answers wait, which have a slot, and what the next step is. No torch, no threads, no clock.

A slot whose answer is finished remembers its tokens: the next question of the same conversation finds them there and only
computes what is new. Slots are shared between answers of one owner only, so that nobody can learn from the time an answer
takes what others have asked.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Literal

from webbot.errors import TooMany

RETRY_SECONDS = 5
# A slot is taken over in place when so much of what it holds is of use; otherwise the common part is copied to another one.
WORTH_KEEPING = 0.5


@dataclass(eq=False, slots=True, kw_only=True)
class Answer:
    """One answer from the queue to its end. `cached` counts the tokens whose keys and values its slot holds.

    Of an answer with `shares` false the slot's content is of use to nobody else, nor is anybody's to it.
    """

    prompt: Sequence[int]
    limit: int
    owner: str = ""
    written: list[int] = field(default_factory=list)
    cached: int = 0
    found: int = 0
    slot: int | None = None
    cancelled: bool = False
    shares: bool = True

    @property
    def prefilled(self) -> bool:
        return self.cached >= len(self.prompt)


@dataclass(frozen=True, slots=True)
class Copy:
    """Before anything else: the first `length` tokens of slot `source` to slot `target`."""

    source: int
    target: int
    length: int


@dataclass(frozen=True, slots=True)
class Step:
    """What is computed next: a piece of one prompt, or one token of each answer (ascending slots)."""

    kind: Literal["prefill", "decode"]
    answers: Sequence[Answer]


@dataclass(slots=True)
class _Slot:
    tokens: list[int] = field(default_factory=list)
    owner: str = ""
    answer: Answer | None = None
    used: int = 0


class Scheduler:
    """At most `slots` answers at once; of the others `queue` may wait, `queue_owner` of them of one owner."""

    def __init__(self, slots: int, queue: int, queue_owner: int) -> None:
        self._slots = [_Slot() for _ in range(slots)]
        self._queue, self._queue_owner = queue, queue_owner
        self._waiting: OrderedDict[str, deque[Answer]] = OrderedDict()
        self._prefilling: deque[Answer] = deque()
        self._prefilled_last = False
        self._clock = count(1)

    @property
    def active(self) -> list[Answer]:
        """The answers that have a slot, by slot."""
        return [slot.answer for slot in self._slots if slot.answer is not None]

    @property
    def waiting(self) -> int:
        return sum(len(line) for line in self._waiting.values())

    def submit(self, answer: Answer) -> None:
        """Queues an answer. Raises TooMany when the queue, or the owner's part of it, is full."""
        waiting, free = self.waiting, len(self._slots) - len(self.active)
        line = self._waiting.get(answer.owner, ())
        if waiting >= self._queue + free or len(line) >= self._queue_owner + free:
            raise TooMany("Too many answers are waiting. Please try again in a moment.", retry_after=RETRY_SECONDS)
        self._waiting.setdefault(answer.owner, deque()).append(answer)

    def next(self) -> tuple[list[Copy], Step | None]:
        """What to compute now. Prompts and answers take turns, and so do several prompts: nobody stalls."""
        self._drop_cancelled()
        copies = self._admit()
        writing = [answer for answer in self.active if answer.prefilled]
        if self._prefilling and not (writing and self._prefilled_last):
            self._prefilled_last = True
            self._prefilling.rotate(-1)
            return copies, Step("prefill", [self._prefilling[-1]])
        self._prefilled_last = False
        return copies, Step("decode", writing) if writing else None

    def advance(self, answer: Answer, tokens: int) -> None:
        """`tokens` more of this answer's prompt and text are in its slot."""
        if not answer.prefilled and answer.cached + tokens >= len(answer.prompt):
            self._prefilling.remove(answer)
        answer.cached += tokens

    def finish(self, answer: Answer) -> None:
        """Takes an answer out; its slot keeps what was computed."""
        if answer.slot is None:
            self._leave_queue(answer)
            return
        slot = self._slots[answer.slot]
        slot.tokens = [*answer.prompt, *answer.written][: answer.cached] if answer.shares else []
        slot.answer, slot.used, answer.slot = None, next(self._clock), None
        if answer in self._prefilling:
            self._prefilling.remove(answer)

    def forget(self) -> None:
        """What the free slots hold is void."""
        for slot in self._slots:
            slot.tokens = []

    def _drop_cancelled(self) -> None:
        gone = [answer for line in self._waiting.values() for answer in line if answer.cancelled]
        for answer in [*gone, *(answer for answer in self.active if answer.cancelled)]:
            self.finish(answer)

    def _leave_queue(self, answer: Answer) -> None:
        line = self._waiting.get(answer.owner)
        if line and answer in line:
            line.remove(answer)
            if not line:
                del self._waiting[answer.owner]

    def _admit(self) -> list[Copy]:
        """Gives free slots to waiting answers, one owner after the other."""
        copies = []
        while self._waiting and any(slot.answer is None for slot in self._slots):
            owner, line = next(iter(self._waiting.items()))
            answer = line.popleft()
            self._waiting.move_to_end(owner)
            if not line:
                del self._waiting[owner]
            copies += self._place(answer)
            self._prefilling.append(answer)
        return copies

    def _place(self, answer: Answer) -> list[Copy]:
        """Finds the slot with the longest common beginning; the last token of a prompt is always computed."""
        shared = [self._shared(slot, answer) for slot in self._slots]
        best = max(range(len(shared)), key=shared.__getitem__)
        free = [number for number, slot in enumerate(self._slots) if slot.answer is None]
        source = self._slots[best]
        answer.cached = answer.found = shared[best]
        if source.answer is None and shared[best] >= WORTH_KEEPING * len(source.tokens):
            self._take(best, answer)
            return []
        # The emptiest of the free slots, then the one that was not used for the longest time.
        target = min(free, key=lambda number: (bool(self._slots[number].tokens), self._slots[number].used, number))
        self._take(target, answer)
        return [Copy(best, target, shared[best])] if shared[best] and target != best else []

    def _take(self, number: int, answer: Answer) -> None:
        slot = self._slots[number]
        slot.tokens, slot.owner, slot.answer, answer.slot = [], answer.owner, answer, number

    def _shared(self, slot: _Slot, answer: Answer) -> int:
        if slot.owner != answer.owner or not answer.shares or (slot.answer is not None and not slot.answer.shares):
            return 0
        held = slot.tokens
        if slot.answer is not None:
            held = [*slot.answer.prompt, *slot.answer.written][: slot.answer.cached]
        return min(_common(held, answer.prompt), len(answer.prompt) - 1)


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """The length of the common beginning."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))
