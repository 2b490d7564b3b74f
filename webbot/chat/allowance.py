"""What one owner may ask of the models in a while: turns a minute, tokens a day. Who keeps the figures stands elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from webbot import metrics
from webbot.engines.base import Engine
from webbot.errors import Problem, TooMany
from webbot.messages import Delta, Finished

log = logging.getLogger(__name__)


class Allowance(Protocol):
    """The limits of all owners."""

    def ask(self, owner: str) -> None:
        """Before a turn is stored, or an answer of a program begins: counts it. Raises TooMany with `retry_after`."""

    def used(self, owner: str, tokens: int) -> None:
        """After it: what it took, prompt and answer, as far as that is known."""


class Unlimited:
    """Everything is allowed, and nothing is counted."""

    def ask(self, owner: str) -> None:
        """Nothing speaks against it."""

    def used(self, owner: str, tokens: int) -> None:
        """Nobody wants to know."""


def ask(allowance: Allowance, owner: str) -> None:
    """Raises what `Allowance.ask` raises."""
    try:
        allowance.ask(owner)
    except TooMany:
        metrics.refused.labels("allowance").inc()
        raise


class Spending:
    """What one answer takes, while it is written: told to the allowance once, at its end, also where it was stopped.

    `prompt` are the tokens of what the model reads, or its texts where nobody has counted them.
    """

    def __init__(self, allowance: Allowance, owner: str, engine: Engine, prompt: int | Sequence[str]) -> None:
        self.allowance, self.owner, self.engine, self._prompt = allowance, owner, engine, prompt
        self._parts: list[str] = []
        self._told = isinstance(allowance, Unlimited)

    def hear(self, part: object) -> None:
        if isinstance(part, Delta) and part.text and not self._told:
            self._parts.append(part.text)
        elif isinstance(part, Finished):
            self._tell(part.usage.prompt_tokens + part.usage.answer_tokens)

    def end(self) -> None:
        """The answer is over. Of one that was cut short before a word of it came nothing is known."""
        if self._told or not self._parts:
            return
        texts = ["".join(self._parts), *(() if isinstance(self._prompt, int) else self._prompt)]
        try:
            tokens = sum(self.engine.count(texts))
        except Problem as problem:
            log.debug("what an answer took is not known: %s", problem)
            return
        self._tell(tokens + (self._prompt if isinstance(self._prompt, int) else 0))

    def _tell(self, tokens: int) -> None:
        if self._told:
            return
        self._told = True
        try:
            self.allowance.used(self.owner, tokens)
        except Problem as problem:
            log.warning("what an answer took was not kept: %s", problem)
