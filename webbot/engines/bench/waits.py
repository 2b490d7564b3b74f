"""Seconds to the first token, of us and of `generate`: of a long prompt, of a conversation that goes on, and beside others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count, pairwise
from typing import Any

from webbot.engines.bench.ours import TICK, Clocked, Ours, finish
from webbot.engines.bench.subject import Subject
from webbot.engines.bench.theirs import Generate

COLD, LONG, QUICK_COLD, QUICK_LONG = 2000, 6000, 64, 128  # tokens
QUESTION, ANSWER = 40, 16  # tokens that a conversation goes on with
OTHERS, OTHERS_PROMPT, OTHERS_TOKENS = 16, 64, 512
ENOUGH_SECONDS, LONGEST_READING = 10.0, 20.0
PATIENCE = 120.0
Row = dict[str, Any]


class Waits:
    """`window` tokens are what both sides may hold of one conversation. The best of `rounds` counts."""

    def __init__(self, ours: Ours, theirs: Generate | None, subject: Subject, window: int, rounds: int) -> None:
        self.ours, self.theirs, self.subject, self.window, self.rounds = ours, theirs, subject, window, rounds
        self._seeds = count(7_000_000)

    def rows(self, cold: int, long: int) -> Iterator[Row]:
        """Of prompts of so many tokens, or of what fits."""
        cold = min(cold, self.window - 2 * ANSWER)
        first = self._row(f"First token of a prompt of {cold:,} tokens", lambda: self.ours.first(self._prompt(cold)), cold)
        yield first
        slowest = max(first["webbot"], first.get("generate", 0.0)) / cold
        long = min(long, self.window - QUESTION - 3 * ANSWER, max(int(LONGEST_READING / slowest), 2 * QUESTION))
        yield self._row(f"First token after {long:,} tokens of a conversation", lambda: self._again(long), long)
        there, pause = min((self._beside(cold) for _ in range(self.rounds)), key=lambda pair: pair[0])
        yield {"what": f"First token of {cold:,} tokens while {OTHERS} others write", "webbot": there}
        yield {"what": f"Longest pause of these {OTHERS} meanwhile", "webbot": pause}

    def _prompt(self, length: int) -> list[int]:
        return self.subject.prompts(1, length, next(self._seeds))[0]

    def _row(self, what: str, own: Callable[[], float], length: int) -> Row:
        """The sides take turns; what takes long has fewer of them. `generate` reads all the tokens each time."""
        mine: list[float] = []
        others: list[float] = []
        while len(mine) < self.rounds and sum(mine) + sum(others) < ENOUGH_SECONDS:
            mine.append(own())
            if self.theirs is not None:
                others.append(self.subject.alone(partial(self.theirs.first, self._prompt(length))))
        return {"what": what, "webbot": min(mine)} | ({"generate": min(others)} if others else {})

    def _again(self, length: int) -> float:
        """The first token of a second question, after a turn with so many tokens."""
        begun = self._prompt(length)
        with self.ours.awake():
            answer = self.ours.answers([begun], ANSWER)[0]
            return self.ours.first([*begun, *answer.tokens, *self._prompt(QUESTION)])

    def _beside(self, length: int) -> tuple[float, float]:
        """The first token of a prompt while others write, and the longest pause that one of these had meanwhile."""
        with self.ours.awake():
            return self._beside_others(length)

    def _beside_others(self, length: int) -> tuple[float, float]:
        others = [self.ours.begin(self._prompt(OTHERS_PROMPT), OTHERS_TOKENS) for _ in range(OTHERS)]
        try:
            for other in others:
                other.began.wait(PATIENCE)
            time.sleep(20 * TICK)
            began = time.perf_counter()
            answer = self.ours.begin(self._prompt(length), 1)
            finish(answer)
            there = answer.moments[0]
            while not all(other.ended.is_set() or other.moments[-1] > there for other in others):
                time.sleep(TICK)
            return there - began, _pause(others, began, there)
        finally:
            for other in others:
                other.cancel()
            self.ours.idle()


def _pause(others: Sequence[Clocked], began: float, there: float) -> float:
    """The longest time between two tokens of one answer, of those that touch the time from `began` to `there`."""
    return max((after - before for other in others for before, after in pairwise(other.moments)
                if after >= began and before <= there), default=0.0)
