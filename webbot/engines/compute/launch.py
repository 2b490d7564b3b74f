"""One step on the device: from the scheduler's parts to the tokens that are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from webbot.engines.compute.answer import Answer, Part, Step
from webbot.engines.compute.batch import lay_out
from webbot.engines.compute.captured import Captured
from webbot.engines.compute.network import Network
from webbot.engines.compute.sampling import choose
from webbot.engines.compute.shaping import Choice, choose_shaped


class Flight:
    """A step whose work was given to the device. `ids` [samples] are the tokens that it chooses, known only there until `read`;
    `places` says where in them an answer's newest token is."""

    def __init__(self, step: Step, ids: torch.Tensor | None, choices: Sequence[int | Choice] | None = None,
                 hidden: torch.Tensor | None = None) -> None:
        self.step, self.ids, self._choices, self._hidden = step, ids, choices, hidden
        self.began = 0.0  # time.monotonic when it was launched
        self.places: dict[Answer, int] = {}
        self._samples: dict[Part, slice] = {}
        samples = tokens = 0
        self._tokens: dict[Part, slice] = {}
        for part in step.parts:
            if part.chooses:
                count = 1 + len(part.draft)
                self._samples[part] = slice(samples, samples + count)
                samples += count
                self.places[part.answer] = samples - 1
            self._tokens[part] = slice(tokens, tokens + part.size)
            tokens += part.size
        self._arrived: torch.cuda.Event | None = None
        self._landed = self._copy(ids) if ids is not None else None

    def read(self) -> Mapping[Part, Sequence[int | Choice]]:
        """The chosen tokens of each part that chooses. Waits for the device."""
        chosen = self._choices
        if chosen is None:
            if self._arrived is not None:
                self._arrived.synchronize()
            chosen = self._landed.tolist() if self._landed is not None else []
        return {part: chosen[where] for part, where in self._samples.items()}

    def hidden_of(self, part: Part) -> torch.Tensor:
        """The last hidden states of a part's tokens [tokens, hidden size]."""
        assert self._hidden is not None
        return self._hidden[self._tokens[part]]

    def _copy(self, ids: torch.Tensor) -> torch.Tensor:
        """Begins to bring the tokens here, in memory that the device can write to by itself: a later step may overwrite them."""
        if ids.device.type != "cuda":
            return ids.clone()
        landed = torch.empty(ids.shape, dtype=ids.dtype, pin_memory=True)
        landed.copy_(ids, non_blocking=True)
        self._arrived = torch.cuda.Event()
        self._arrived.record()
        return landed


class Launcher:
    """Gives steps to a device. `size` is that of the cache's pages, a token of which takes `bytes_a_token`; `captured` replays
    steps of one token each, where it can; `ends` are the token ids that end an answer. With `late` the tokens of a step are read
    while the next one is computed, which pays where another device computes."""

    def __init__(self, network: Network, size: int, device: torch.device, ends: frozenset[int] = frozenset(),
                 captured: Captured | None = None, bytes_a_token: int = 0, late: bool | None = None) -> None:
        self.network, self.device, self.bytes_a_token = network, device, bytes_a_token
        self.late = device.type == "cuda" if late is None else late
        self._size, self._ends, self._captured = size, ends, captured

    def launch(self, step: Step, before: Flight | None) -> Flight:
        """`before` is the step whose tokens may not be known on this side yet."""
        late, chosen = (before.places, before.ids) if before is not None else (None, None)
        if step.reads:
            return Flight(step, None, hidden=self.network.hidden(lay_out(step, self._size, self.device)))
        parts = [part for part in step.parts if part.chooses]
        shapings: list[Any] = [getattr(part.answer, "shaping", None) for part in parts]
        wishes = [part.answer.wish(ahead) for part in parts for ahead in range(1 + len(part.draft))]  # type: ignore[attr-defined]
        if not any(shapings) and self._captured is not None and self._captured.fits(step):
            return Flight(step, self._captured.replay(step, wishes, late, chosen))
        logits = self.network.logits(lay_out(step, self._size, self.device, late, chosen))
        if not parts:
            return Flight(step, None)
        if not any(shapings):
            return Flight(step, choose(logits, wishes))
        spread = [shaping for shaping, part in zip(shapings, parts, strict=True) for _ in range(1 + len(part.draft))]
        guesses = [guess for part in parts for guess in (None, *part.draft)]
        return Flight(step, None, choose_shaped(logits, wishes, spread, self._ends, guesses))

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def memory(self) -> dict[str, int]:
        """Bytes of the device that torch has in use and that it holds; nothing on a processor."""
        if self.device.type != "cuda":
            return {}
        return {"allocated": torch.cuda.memory_allocated(self.device), "reserved": torch.cuda.memory_reserved(self.device)}

    def recover(self) -> None:
        """After a failure: what the device keeps for later is free for others."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
