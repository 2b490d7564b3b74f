"""An answer with how it is sampled, and where its tokens go."""

from __future__ import annotations

import queue
from dataclasses import dataclass, field

from webbot.engines.compute.answer import Answer
from webbot.engines.compute.sampling import Uniforms, Wish
from webbot.engines.compute.shaping import Choice, Shaping
from webbot.errors import Problem


@dataclass(eq=False, slots=True, kw_only=True)
class Request(Answer):
    """`events` receives token ids (a Choice where there is a `shaping`), then "stop", "length" or a Problem. `submitted`,
    `began` and `first` are the moments of its submission, its first step and its first token (time.monotonic; 0: not yet)."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    uniforms: Uniforms = field(default_factory=Uniforms)
    shaping: Shaping | None = None
    events: queue.SimpleQueue[int | Choice | str | Problem] = field(default_factory=queue.SimpleQueue)
    submitted: float = 0.0
    began: float = 0.0
    first: float = 0.0

    @property
    def waits(self) -> bool:
        """Whether its next step needs the token of the one before on this side."""
        return self.shaping is not None and self.shaping.waits

    def wish(self, ahead: int = 0) -> Wish:
        """For the token `ahead` places after the next one that is chosen."""
        if self.temperature <= 0:
            return Wish()
        number = self.uniforms[len(self.written) + self.pending + ahead]
        return Wish(self.temperature, self.top_p, self.top_k, self.min_p, number)
