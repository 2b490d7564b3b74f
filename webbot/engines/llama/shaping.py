"""What one answer wants of its tokens beside temperature and top_p: penalties, a bias, log probabilities, a grammar.

Only rows that ask pay: without them `webbot.engines.llama.sampling.choose` is all there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch

from webbot.engines.llama.closing import Closing
from webbot.engines.llama.grammar import Constraint
from webbot.engines.llama.sampling import Wish, choose
from webbot.errors import Problem


@dataclass(eq=False, slots=True, kw_only=True)
class Shaping:
    """The wishes of one answer, and what they need to know of the tokens it has.

    The penalties are subtracted from the logit of a token that the answer holds, `presence` once and `frequency` for each
    time; `bias` is added to those of its token ids. `likeliest` asks for the log probability of each token and of so many others.
    `closing` brings what `constraint` holds to an end in time.
    """

    presence: float = 0.0
    frequency: float = 0.0
    bias: Mapping[int, float] = field(default_factory=dict)
    likeliest: int | None = None
    constraint: Constraint | None = None
    closing: Closing | None = None
    _added: torch.Tensor | None = None  # [vocabulary], what is added to the logits
    _seen: set[int] = field(default_factory=set)

    def alter(self, logits: torch.Tensor) -> None:
        """Changes a row of logits [vocabulary] in place. Raises a Problem when the grammar has come to an impossible place."""
        if self.bias and self._added is None:
            self._added = torch.zeros_like(logits)
            self._added[torch.tensor(list(self.bias), device=logits.device)] = torch.tensor(
                list(self.bias.values()), dtype=logits.dtype, device=logits.device
            )
        if self._added is not None:
            logits += self._added
        if self.constraint is not None:
            allowed = self.constraint.allowed()[: len(logits)]
            logits[: len(allowed)].masked_fill_(~allowed.to(logits.device), float("-inf"))
            logits[len(allowed) :] = float("-inf")
            forced = self.closing.pick(allowed) if self.closing else None
            if forced is not None:
                logits[torch.arange(len(logits), device=logits.device) != forced] = float("-inf")

    def accept(self, token: int, logits: torch.Tensor) -> bool:
        """Notes the token that was chosen; true when the grammar lets nothing follow. `logits` says where to compute."""
        if self.presence or self.frequency:
            if self._added is None:
                self._added = torch.zeros_like(logits)
            self._added[token] -= self.frequency + (0.0 if token in self._seen else self.presence)
            self._seen.add(token)
        if self.closing is not None:
            self.closing.note(token)
        return self.constraint is not None and self.constraint.accept(token)


@dataclass(frozen=True, slots=True)
class Choice:
    """A token of an answer with wishes; `logprob` and `likeliest` (id, logprob) are the model's own, where they were asked for.

    `complete` is true when nothing may follow, `problem` says why the answer cannot go on: then there is no token.
    """

    token: int
    logprob: float | None = None
    likeliest: tuple[tuple[int, float], ...] = ()
    complete: bool = False
    problem: Problem | None = None


def choose_shaped(
    logits: torch.Tensor, wishes: Sequence[Wish], shapings: Sequence[Shaping | None], ends: frozenset[int] = frozenset()
) -> list[int | Choice]:
    """A token for each row of `logits` [rows, vocabulary]; a Choice for a row with wishes. The logits are changed."""
    natural = _natural(logits, shapings)
    logits = logits.float()
    problems: dict[int, Problem] = {}
    for row, shaping in enumerate(shapings):
        if shaping is not None:
            try:
                shaping.alter(logits[row])
            except Problem as problem:
                problems[row] = problem
    chosen: list[int | Choice] = []
    for row, (token, shaping) in enumerate(zip(choose(logits, wishes), shapings, strict=True)):
        if shaping is None:
            chosen.append(token)
            continue
        complete = False
        try:
            complete = row not in problems and token not in ends and shaping.accept(token, logits[row])
        except Problem as problem:
            problems[row] = problem
        logprob, likeliest = natural[row].of(token, shaping.likeliest) if row in natural else (None, ())
        chosen.append(Choice(token, logprob, likeliest, complete, problems.get(row)))
    return chosen


@dataclass(frozen=True, slots=True)
class _Natural:
    """The log probabilities of the model in one row: [vocabulary], and the likeliest of them."""

    all: torch.Tensor
    values: Sequence[float]
    ids: Sequence[int]

    def of(self, token: int, count: int | None) -> tuple[float, tuple[tuple[int, float], ...]]:
        return self.all[token].item(), tuple(zip(self.ids, self.values, strict=True))[:count]


def _natural(logits: torch.Tensor, shapings: Sequence[Shaping | None]) -> dict[int, _Natural]:
    """What rows that ask for log probabilities need of the logits before they are changed."""
    wished = {row: shaping.likeliest for row, shaping in enumerate(shapings) if shaping is not None}
    counts = {row: count for row, count in wished.items() if count is not None}
    if not counts:
        return {}
    every = logits[list(counts)].float().log_softmax(-1)
    values, ids = every.topk(min(max(counts.values()), every.shape[-1]))
    rows = zip(counts, every, values.tolist(), ids.tolist(), strict=True)
    return {row: _Natural(all_, values_, ids_) for row, all_, values_, ids_ in rows}
