"""What is to be measured. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CONTEXT = 200
LEAST_TOKENS = 8  # of an answer: fewer say nothing
# Answers at once, or answers@tokens of context.
LOADS = {"cuda": ("1", "4", "16", "64", "256", "1@6144", "64@1000"), "cpu": ("1", "4", "8")}
TOKENS = {"cuda": 128, "cpu": 64}
QUICK_LOADS, QUICK_TOKENS = ("1", "4"), 16


@dataclass(frozen=True, slots=True)
class Load:
    """So many answers at once, whose prompts have `context` tokens."""

    streams: int
    context: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`folder` is the model's, or "" and a `shape`. `result` is the file that is written. `loads` are texts, () those that fit
    the device; prompts have `context` tokens where a load does not say it, answers `tokens` (0: as many as fit the device).

    `quick` measures little and only once, `check` looks first whether what is computed is right.
    """

    folder: str = ""
    shape: str = "1b"
    name: str = ""
    result: str = ""
    device: str = "auto"
    precision: str = "auto"
    weights: str = "auto"
    threads: int = 0
    loads: Sequence[str] = ()
    context: int = CONTEXT
    tokens: int = 0
    quick: bool = False
    check: bool = False

    def on(self, device: str) -> tuple[list[Load], int]:
        """The loads and the number of tokens on a device of this kind."""
        chosen = self.loads or (QUICK_LOADS if self.quick else LOADS[device])
        tokens = self.tokens or (QUICK_TOKENS if self.quick else TOKENS[device])
        return [load(text, self.context) for text in chosen], tokens


def load(text: str, context: int) -> Load:
    """"64" or "64@1000". Raises ValueError."""
    streams, _, own = text.partition("@")
    made = Load(int(streams), int(own) if own else context)
    if made.streams < 1 or made.context < 1:
        raise ValueError(text)
    return made
