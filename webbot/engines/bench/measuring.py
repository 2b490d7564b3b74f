"""One run over a subject: both sides are made, then they take turns."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import torch

from webbot import __version__
from webbot.engines.bench import rates, waits
from webbot.engines.bench.ours import Ours
from webbot.engines.bench.rates import Side
from webbot.engines.bench.subject import Subject
from webbot.engines.bench.tables import SIDES, number
from webbot.engines.bench.theirs import Compiled, Generate, Left, Manager
from webbot.engines.bench.wanted import Load, Wanted
from webbot.engines.llama import loading
from webbot.engines.llama.machine import free_bytes
from webbot.engines.processor import physical_cores

ROUNDS, QUICK_ROUNDS = 3, 1
ROOM = 0.35  # of the free memory, for our cache: the other side needs one, too
SPARE = 64  # tokens
Told = Callable[[str, str], None]


def described(subject: Subject, wanted: Wanted) -> dict[str, Any]:
    """What the result says of the model and the machine."""
    machine = loading.describe_machine(subject.device)
    if subject.device.type == "cpu":
        machine += f", {physical_cores()} cores"
    held = "" if wanted.weights == "auto" else f", weights {wanted.weights}"
    return {
        "subject": subject.name, "machine": machine, "device": subject.device.type, "system": platform.system(),
        "precision": f"{str(subject.loaded.precision).removeprefix('torch.')}{held}", "weights": wanted.weights,
        "weight_bytes": subject.weight_bytes, "token_bytes": subject.token_bytes,
        "versions": {"webbot": __version__, "torch": torch.__version__, "transformers": version("transformers")},
    }


class Measuring:
    """`band` is what the memory can do, in bytes a second. `left` is told what is left out and why."""

    def __init__(self, subject: Subject, wanted: Wanted, band: float, left: Told, say: Callable[[str], None]) -> None:
        self.subject, self.wanted, self.band, self.left, self.say = subject, wanted, band, left, say
        self.threads = {"transformers": torch.get_num_threads()}
        self.rounds = QUICK_ROUNDS if wanted.quick else ROUNDS
        loads, self.tokens = wanted.on(subject.device.type)
        self.cold, self.long = (waits.QUICK_COLD, waits.QUICK_LONG) if wanted.quick else (waits.COLD, waits.LONG)
        self.room = self._room()
        self.loads = [load for load in loads if self._fits(load)]

    def rows(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """The rows of the result, each with the part that it belongs to."""
        theirs = self._theirs()
        self.say("Starting the engine.")
        ours = self._ours()
        self.threads["webbot"] = ours.threads
        yield "waits", {"what": "Start of the engine, once the weights are in memory", "webbot": ours.seconds}
        for load in self.loads:
            row = rates.measure([ours, *theirs], self.subject, load.streams, load.context, self.tokens, rounds=self.rounds,
                                band=self.band, left=self.left)
            self.say(f"{load.streams} at once, {load.context} tokens of context: " + ", ".join(
                f"{SIDES[side]} {number(row[side])}" for side in SIDES if side in row) + " tokens/s")
            yield "rates", row
        generate = next((side for side in theirs if type(side) is Generate), None)
        for row in waits.Waits(ours, generate, self.subject, self._window(), self.rounds).rows(self.cold, self.long):
            self.say(f"{row['what']}: {row['webbot'] * 1000:.1f} ms")
            yield "waits", row

    def _theirs(self) -> list[Side]:
        if self.subject.theirs is None:
            self.left("transformers", "The memory does not hold the weights twice.")
            return []
        made: list[Side] = []
        for side in (Generate, Compiled, Manager):
            if self.wanted.quick and side is not Generate:
                self.left(SIDES[side.name], "A quick run.")
                continue
            try:
                made.append(side(self.subject, self.threads["transformers"]))
            except Left as reason:
                self.left(SIDES[side.name], str(reason))
        return made

    def _ours(self) -> Ours:
        streams = max([waits.OTHERS + 1, *(load.streams for load in self.loads)])
        return Ours(self.subject, streams, self._window(), self._held(), self.wanted.weights, self.wanted.threads)

    def _window(self) -> int:
        """The longest conversation, in tokens."""
        longest = max([self.long, *(load.context + self.tokens for load in self.loads)])
        return min(self.subject.window, longest + 2 * SPARE, max(self.room, SPARE))

    def _held(self) -> int:
        """The tokens that our cache must hold at once."""
        beside = self.cold + waits.OTHERS * (waits.OTHERS_PROMPT + waits.OTHERS_TOKENS)
        return min(max([beside, 2 * self._window(), *(self._taken(load) for load in self.loads)]) + SPARE, self.room)

    def _taken(self, load: Load) -> int:
        return load.streams * (load.context + self.tokens + SPARE)

    def _room(self) -> int:
        free = free_bytes(self.subject.device)
        return int(ROOM * free / self.subject.token_bytes) if free is not None else 1 << 20

    def _fits(self, load: Load) -> bool:
        what = f"{load.streams} at once with {load.context} tokens of context"
        if load.context + self.tokens > self.subject.window:
            self.left(what, f"The model reads {self.subject.window} tokens.")
        elif self._taken(load) > self.room:
            self.left(what, "They do not fit the memory.")
        else:
            return True
        return False
