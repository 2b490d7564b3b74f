"""What one answer wants of its tokens beside how they are drawn: penalties, a bias, log probabilities, a grammar.

Only rows that ask pay: without them `webbot.engines.compute.sampling.choose` is all there is. Rows that ask are altered together
and their tokens are read at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch

from webbot.engines.compute import marks, masks
from webbot.engines.compute.likeliest import Likeliest
from webbot.engines.compute.marks import Marks
from webbot.engines.compute.masks import Mask
from webbot.engines.compute.sampling import Wish, choose
from webbot.engines.llama.closing import Closing
from webbot.engines.llama.grammar import Constraint, refusal
from webbot.errors import Problem


@dataclass(eq=False, slots=True, kw_only=True)
class Shaping:
    """The wishes of one answer, and what they need to know of the tokens it has.

    `presence`, `frequency`, `repetition` (1: none) and `bias` are those of `Marks`. `likeliest` asks for the log probability of
    each token and of so many others. `closing` brings what `constraint` holds to an end in time.
    """

    presence: float = 0.0
    frequency: float = 0.0
    repetition: float = 1.0
    bias: Mapping[int, float] = field(default_factory=dict)
    likeliest: int | None = None
    constraint: Constraint | None = None
    closing: Closing | None = None
    marks: Marks = field(init=False)

    def __post_init__(self) -> None:
        self.marks = Marks(self.bias, self.presence, self.frequency, self.repetition)

    @property
    def asks(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.waits or self.bias or self.likeliest is not None)

    @property
    def waits(self) -> bool:
        """Whether the logits of the next step can only be altered once the token of this one is known on this side: then no
        step with this answer may be launched before the one before it was read. A bias and log probabilities do not wait."""
        return self.marks.grows or self.constraint is not None

    def begin(self, prompt: Sequence[int], limit: int) -> None:
        """The answer comes after these tokens and has room for `limit` of its own."""
        self.marks.begin(prompt)
        if self.closing is not None:
            self.closing.begin(limit)

    def mask(self, vocabulary: int) -> Mask | None:
        """What may come next, None where everything may. Raises a Problem when nothing may."""
        if self.constraint is None:
            return None
        mask = Mask.of(self.constraint.bits(), vocabulary)
        if not mask.bits.any():
            raise refusal("nothing fits it", "response_format")
        forced = self.closing.pick(mask) if self.closing else None
        return mask if forced is None else Mask.only(forced, vocabulary)

    def accept(self, token: int) -> bool:
        """Notes the token that was chosen; true when the grammar lets nothing follow. Raises a Problem when it does not fit."""
        self.marks.note(token)
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
    logits: torch.Tensor, wishes: Sequence[Wish], shapings: Sequence[Shaping | None], ends: frozenset[int] = frozenset(),
    guesses: Sequence[int | None] = (),
) -> list[int | Choice]:
    """A token for each row of `logits` [rows, vocabulary]; a Choice for a row with wishes. The logits are changed.

    Where tokens of an answer were guessed, its rows follow one another: `guesses` has for each row the token that the row
    before must have chosen, None for the first row of an answer. With wishes, nothing is chosen after a wrong guess or after
    the end: what stands there must not be used.
    """
    natural = Likeliest(logits, [None if shaping is None else shaping.likeliest for shaping in shapings])
    logits = logits.float()
    chosen: list[int | Choice] = [Choice(guess or 0, complete=True) for guess in guesses or [None] * len(logits)]
    depths = _depths(shapings, guesses)
    for depth in range(max(depths) + 1):
        rows = [
            row for row, own in enumerate(depths) if own == depth and (not depth or _follows(chosen[row - 1], guesses[row], ends))
        ]
        some = logits if len(rows) == len(logits) else logits[rows]
        found = _choose(some, [wishes[row] for row in rows], [shapings[row] for row in rows], ends) if rows else []
        for row, choice in zip(rows, found, strict=True):
            chosen[row] = choice
    known = natural.of([each.token if isinstance(each, Choice) else each for each in chosen])
    return [
        replace(each, logprob=known[row][0], likeliest=known[row][1]) if isinstance(each, Choice) and row in known else each
        for row, each in enumerate(chosen)
    ]


def _depths(shapings: Sequence[Shaping | None], guesses: Sequence[int | None]) -> list[int]:
    """How many rows of the same answer must be chosen before each row: what they choose alters it."""
    depths = [0] * len(shapings)
    for row, guess in enumerate(guesses):
        if guess is not None and shapings[row] is not None:
            depths[row] = depths[row - 1] + 1
    return depths


def _follows(before: int | Choice, guess: int | None, ends: frozenset[int]) -> bool:
    """Whether a row is the answer's next one, after what the row before it chose."""
    assert isinstance(before, Choice)
    return before.token == guess and not before.complete and before.problem is None and before.token not in ends


def _choose(
    logits: torch.Tensor, wishes: Sequence[Wish], shapings: Sequence[Shaping | None], ends: frozenset[int]
) -> list[int | Choice]:
    """For rows that do not wait for one another. Only what concerns a row fails with it."""
    problems: dict[int, Problem] = {}
    allowed: list[tuple[int, Mask]] = []
    for row, shaping in enumerate(shapings):
        try:
            mask = shaping.mask(logits.shape[-1]) if shaping is not None else None
            allowed += [(row, mask)] if mask is not None else []
        except Problem as problem:
            problems[row] = problem
    marks.alter(logits, [(row, shaping.marks) for row, shaping in enumerate(shapings) if shaping is not None])
    masks.apply(logits, allowed)
    chosen: list[int | Choice] = []
    for row, (token, shaping) in enumerate(zip(choose(logits, wishes).tolist(), shapings, strict=True)):
        if shaping is None:
            chosen.append(token)
            continue
        complete = False
        try:
            complete = row not in problems and token not in ends and shaping.accept(token)
        except Problem as problem:
            problems[row] = problem
        chosen.append(Choice(token, complete=complete, problem=problems.get(row)))
    return chosen
