"""Who computes next and in which of llama.cpp's slots. No llama.cpp, no threads, no clock.

A slot is given to an answer of the owner whose conversation it holds where there is one: llama.cpp computes only what is new
then. What another owner has asked is never looked at again.
"""

from __future__ import annotations

from dataclasses import dataclass

from webbot.engines.llama_cpp.scheduler import WORTH_KEEPING, Answer, Copy, Scheduler


@dataclass(eq=False, slots=True, kw_only=True)
class Seated(Answer):
    """An answer that llama.cpp computes. `keeps`: what its slot holds is of its owner, and may be found again."""

    keeps: bool = False


class Line(Scheduler):
    """The queue of webbot's own scheduler, in front of slots that cannot be copied."""

    def seat(self) -> None:
        """Gives free slots to waiting answers, one owner after the other."""
        self._drop_cancelled()
        self._admit()

    def _place(self, answer: Answer) -> list[Copy]:
        free = [number for number, slot in enumerate(self._slots) if slot.answer is None]
        best = max(free, key=lambda number: self._shared(self._slots[number], answer))
        shared = self._shared(self._slots[best], answer)
        if not shared or shared < WORTH_KEEPING * len(self._slots[best].tokens):
            # The emptiest of the free slots, then the one that was not used for the longest time.
            best = min(free, key=lambda number: (bool(self._slots[number].tokens), self._slots[number].used, number))
        if isinstance(answer, Seated):
            answer.keeps = bool(self._slots[best].tokens) and self._slots[best].owner == answer.owner
        self._take(best, answer)
        answer.cached = len(answer.prompt)
        return []
