"""The thread that computes for all who ask at once: windows of one length together, and a decoder step for all guesses in work.

A guess joins the others at any step and leaves them at its end; the tokens of a step are read while the next one is computed
(`ahead`). What one clip asks for is answered the same whoever is beside it, and what fails fails for that clip only.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from webbot.errors import NoMemory, Unavailable
from webbot.speech.detector import Left
from webbot.speech.torch_whisper.encoder import Encoder
from webbot.speech.torch_whisper.guessing import FIND_LANGUAGE, Call, Clip, Guessing, Job, Sound
from webbot.speech.torch_whisper.rows import Rows

FAILED = "The speech model failed. Please try again."
NO_MEMORY = "The speech model ran out of memory. Please try again in a moment."
MOST_FAILURES = 3  # steps, one after another: then the device itself is at fault
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Reading:
    """What a step found [4, rows] on its way to this side, and the guesses in it."""

    found: Tensor
    arrived: torch.cuda.Event | None
    guesses: Sequence[Guessing]


class Runner:
    """`broken` is called where nothing can be computed any more."""

    def __init__(self, encoder: Encoder, rows: Rows, device: torch.device, broken: Callable[[], Any], ahead: int = 1) -> None:
        self._encoder, self._rows, self._broken, self._ahead = encoder, rows, broken, ahead
        self._cuda = device.type == "cuda"
        self._asked: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._clips: deque[Clip] = deque()
        self._waiting: deque[Guessing] = deque()
        self._active: list[Guessing] = []
        self._sounds: list[Sound | None] = [None] * rows.count  # which each row has heard
        self._flight: deque[Reading] = deque()
        self._hosts = [torch.zeros(4, rows.count, pin_memory=self._cuda) for _ in range(ahead + 1)]
        self._failures = 0
        self._thread = threading.Thread(target=self._run, daemon=True, name="whisper")
        self._thread.start()

    def ask(self, job: Job) -> Any:
        """What the job computes. Raises Left for one whose client has gone, NoMemory, Unavailable, and what a Call raises."""
        self._asked.put(job)
        return job.result.result()

    def busy(self) -> int:
        """How many rows are in work."""
        return len(self._active)

    def close(self) -> None:
        """Ends the thread; what is in work fails."""
        self._asked.put(None)
        self._thread.join()

    @torch.inference_mode()
    def _run(self) -> None:
        while self._collect():
            self._leave()
            self._encode()
            self._begin()
            try:
                self._step()
            except torch.OutOfMemoryError as error:
                self._fail(self._active[-1:], error)  # the others have the step computed again
            except Exception as error:
                self._fail(list(self._active), error)
        self._fail([*self._active, *self._waiting, *self._clips], Unavailable(FAILED))

    # what is asked

    def _collect(self) -> bool:
        """Takes in what is asked; waits for it where there is nothing to compute. False at the end."""
        while True:
            idle = not (self._active or self._waiting or self._clips or self._flight)
            try:
                job = self._asked.get(block=idle)
            except queue.Empty:
                return True
            if isinstance(job, Clip):
                self._clips.append(job)
            elif isinstance(job, Guessing):
                self._waiting.append(job)
            elif isinstance(job, Call):
                self._call(job)
            else:
                return False

    def _call(self, job: Call) -> None:
        try:
            if job.gone():
                raise Left
            _answer(job, job.compute())
        except Exception as error:
            self._fail([job], error)

    def _leave(self) -> None:
        """Whoever has gone gives up a row. Asking also shows that this thread goes on."""
        for job in [*self._clips, *self._waiting, *self._active]:
            if job.gone():
                self._fail([job], Left())

    def _fail(self, jobs: Sequence[Job], error: Exception) -> None:
        """Answers jobs with what went wrong, and forgets them."""
        self._clips = deque(job for job in self._clips if job not in jobs)
        self._waiting = deque(job for job in self._waiting if job not in jobs)
        self._active = [job for job in self._active if job not in jobs]
        if isinstance(error, torch.OutOfMemoryError):
            log.warning("out of memory: %s", str(error).partition("\n")[0])
            torch.cuda.empty_cache()
            error = NoMemory(NO_MEMORY)
        elif isinstance(error, RuntimeError):
            log.error("a computation failed", exc_info=error)
            self._failures += 1
            error = Unavailable(FAILED)
        for job in jobs:
            _answer(job, error)
        if self._failures >= MOST_FAILURES:
            self._broken()

    # what is computed

    def _encode(self) -> None:
        """Takes in the clips that wait: those with windows of one length together, and each alone where that is too much."""
        while self._clips:
            frames = self._clips[0].frames
            clips = [clip for clip in self._clips if clip.frames == frames][: self._encoder.most]
            try:
                self._take_in(clips, frames)
            except Exception as error:
                if len(clips) == 1 or not isinstance(error, torch.OutOfMemoryError):
                    self._fail(clips, error)
                    continue
                torch.cuda.empty_cache()
                self._take_in_each(clips)

    def _take_in_each(self, clips: Sequence[Clip]) -> None:
        for clip in clips:
            try:
                self._take_in([clip], clip.frames)
            except Exception as error:
                self._fail([clip], error)

    def _take_in(self, clips: Sequence[Clip], frames: int) -> None:
        encoded = self._encoder.encode([clip.samples for clip in clips], frames)
        for clip, found in zip(clips, encoded, strict=True):
            self._clips.remove(clip)
            _answer(clip, Sound(found))

    def _begin(self) -> None:
        """Guesses that wait get free rows, first come, first served; one that is asked of the same sound again, its row."""
        while self._waiting and len(self._active) < self._rows.count:
            guess = self._waiting.popleft()
            taken = {other.row for other in self._active}
            free = [row for row in range(self._rows.count) if row not in taken]
            guess.row = next((row for row in free if self._sounds[row] is guess.sound), free[0])
            try:
                if self._sounds[guess.row] is not guess.sound:
                    self._sounds[guess.row] = None
                    self._rows.hear(guess.row, guess.sound.encoded)
                    self._sounds[guess.row] = guess.sound
                if guess.prompt:
                    self._rows.read(guess.row, guess.prompt)
                length = len(guess.prompt)
                self._rows.place(guess.row, guess.first, length, length + 1 + len(guess.forced))
            except Exception as error:
                self._fail([guess], error)
            else:
                self._active.append(guess)

    def _step(self) -> None:
        guesses = [guess for guess in self._active if guess.launched < guess.steps]
        if guesses:
            self._rows.step(max(guess.row for guess in guesses) + 1, max(len(guess.sound.encoded) for guess in guesses))
            for guess in guesses:
                guess.launched += 1
                try:
                    self._amend(guess, guess.launched - 1)
                except Exception as error:
                    self._fail([guess], error)
            self._flight.append(self._sent(guesses))
        while len(self._flight) > (self._ahead if guesses else 0):
            self._settle(self._flight.popleft())

    def _amend(self, guess: Guessing, number: int) -> None:
        """What the step of all, the guess's `number`th, did not know of its row."""
        if not number:
            self._rows.open(guess.row, guess.forced[:1] == (FIND_LANGUAGE,))
        if number >= len(guess.forced):
            if guess.temperature:
                self._rows.draw(guess.row, guess.temperature, guess.draws.random())
        elif guess.forced[number] != FIND_LANGUAGE:
            self._rows.force(guess.row, guess.forced[number])

    def _sent(self, guesses: Sequence[Guessing]) -> Reading:
        host = self._hosts.pop(0)
        self._hosts.append(host)
        host.copy_(self._rows.results(), non_blocking=True)
        arrived = torch.cuda.Event() if self._cuda else None
        if arrived is not None:
            arrived.record()
        return Reading(host, arrived, guesses)

    def _settle(self, reading: Reading) -> None:
        """A guess that has ended meanwhile is in one step more, of which nothing is taken."""
        if reading.arrived is not None:
            reading.arrived.synchronize()
        found = reading.found.T.tolist()
        for guess in reading.guesses:
            if guess in self._active and guess.settle(*found[guess.row]):
                self._active.remove(guess)
                self._failures = 0
                _answer(guess, guess)


def _answer(job: Job, result: Any) -> None:
    if isinstance(result, Exception):
        job.result.set_exception(result)
    else:
        job.result.set_result(result)
