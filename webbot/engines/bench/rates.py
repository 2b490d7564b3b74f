"""Tokens a second at several numbers of answers at once: the sides take turns, in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Protocol

from webbot.engines.bench.subject import Subject

ROUNDS = 3
SIDE_SECONDS = 8.0  # a side that took so long in a row has no more turns in it
WARM_TOKENS = 8
Told = Callable[[str, str], None]  # what is left out, and why


class Side(Protocol):
    """`rate` gives tokens a second for prompts of one length."""

    name: str

    def rate(self, prompts: Sequence[Sequence[int]], tokens: int) -> float: ...


def measure(sides: Sequence[Side], subject: Subject, streams: int, context: int, tokens: int, *, rounds: int, band: float,
            left: Told) -> dict[str, Any]:
    """One row. Of several turns the best counts: whatever else the machine does only slows down. `band` is in bytes a second."""
    rates: dict[str, float] = {}
    used: dict[str, float] = {}
    for turn, side in _turns(sides, rounds):
        most = getattr(side, "most", streams)
        if streams > most or used.get(side.name, 0.0) > SIDE_SECONDS:
            continue
        count = tokens if turn or side.name == "compiled" else min(WARM_TOKENS, tokens)
        try:
            prompts = subject.prompts(streams, context, seed=1000 * streams + turn)
            rate = subject.alone(partial(side.rate, prompts, count))
        except Exception as error:
            left(f"{side.name}, {streams} at once", f"{type(error).__name__}: {error}".split("\n", maxsplit=1)[0][:300])
            used[side.name] = float("inf")
            continue
        if turn:
            rates[side.name] = max(rates.get(side.name, 0.0), rate)
            used[side.name] = used.get(side.name, 0.0) + streams * count / rate
    middle = context + tokens / 2
    limit = streams * band / (subject.weight_bytes + streams * middle * subject.token_bytes)
    return {"streams": streams, "context": context, "tokens": tokens, "limit": limit, **rates}


def _turns(sides: Sequence[Side], rounds: int) -> Iterator[tuple[int, Side]]:
    """Turn 0 warms up."""
    return ((turn, side) for turn in range(rounds + 1) for side in sides)
