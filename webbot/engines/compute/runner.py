"""Computes: one thread takes the scheduler's steps and runs the model.

The other threads submit requests and read their tokens. On a GPU the tokens of a step are read while the next one is computed.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch

from webbot.engines.compute.answer import Part, Step
from webbot.engines.compute.embedding import Embedding, Text
from webbot.engines.compute.figures import Figures
from webbot.engines.compute.launch import Flight, Launcher
from webbot.engines.compute.request import Request
from webbot.engines.compute.scheduler import TOO_LONG, Scheduler
from webbot.engines.compute.shaping import Choice
from webbot.engines.llama.machine import ran_out
from webbot.errors import NoMemory, Problem, Unavailable
from webbot.modelhost import Step as Computing
from webbot.modelhost import begin_anew

# A piece of a prompt takes about so long, so that Stop is quick and running answers go on meanwhile.
PIECE_SECONDS = {"cpu": 0.08, "cuda": 0.008}
FIRST_PIECE, SHORTEST_PIECE, LONGEST_PIECE = 32, 32, 2048
WARM_PASSES = 3
DRAFTS = 3  # guessed tokens: on a processor four at once cost about as much as one
MOST_FAILURES = 3
LAST_WORDS_SECONDS = 0.5  # in which the last sentences still reach those who wait
log = logging.getLogger(__name__)


class Runner:
    """`ends` are the token ids that end an answer. At most `lanes` texts of one embedding are in work at once."""

    def __init__(self, launcher: Launcher, scheduler: Scheduler, ends: Iterable[int], lanes: int = 4) -> None:
        self._launcher, self._scheduler, self._lanes = launcher, scheduler, lanes
        self._ends = frozenset(ends)
        self._work = threading.Condition()
        self._flight: Flight | None = None  # launched; its tokens are not read yet
        self.drafts = 0 if launcher.late else DRAFTS  # what is read late cannot be guessed from
        self._piece = float(FIRST_PIECE)
        self._failures = 0  # answers that failed since one ended well
        self._decode = 0.0  # seconds of a step that only writes
        self._settled = 0.0  # when the tokens of a step were read last
        self.figures = Figures(self._now)
        self._stopped = False
        self.step = Computing()
        self.steps = 0  # counts what was computed: it stands still when the model hangs or nothing is asked
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Also after a stop; what was asked meanwhile waits for it."""
        self._stopped = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="model")
        self._thread.start()

    def stop(self) -> None:
        """Returns once nothing computes any more. The threads with which it computed end, too."""
        with self._work:
            self._stopped = True
            self._work.notify()
        if self._thread is not None:
            self._thread.join()

    def submit(self, request: Request | Embedding) -> None:
        """Queues a request. Raises TooMany, and NoMemory for one that never fits."""
        with self._work:
            if isinstance(request, Embedding):
                self._begin(request, self._lanes)
            else:
                request.submitted = time.monotonic()
                self._scheduler.submit(request)
                if request.shaping is not None:
                    request.shaping.begin(request.prompt, request.limit)  # which may be less than what was asked for
            self._work.notify()

    def cancel(self, request: Request | Embedding) -> None:
        """Frees the pages at the next step, at once when the request still waits. Harmless for a finished one."""
        with self._work:
            if isinstance(request, Request) and not (request.over or request.cancelled):
                self._count(request)
            request.cancelled = True
            self._work.notify()

    def load(self) -> tuple[int, int]:
        """How many answers are in work, and how many wait."""
        with self._work:
            return len(self._scheduler.active), self._scheduler.waiting

    def _now(self) -> dict[str, Any]:
        """What stands at this moment, for `figures`."""
        pages, scheduler = self._scheduler.pages, self._scheduler
        memory = self._launcher.memory()
        held = {"used": pages.used, "kept": pages.kept, "free": pages.free, "size": pages.size,
                "bytes": pages.size * self._launcher.bytes_a_token}
        return {
            "running": len(scheduler.active), "waiting": scheduler.waiting, "preemptions": scheduler.preempted,
            "evictions": pages.evicted, "conversations": pages.texts, "pages": held, **({"gpu": memory} if memory else {}),
        }

    @torch.inference_mode()
    def warm_up(self) -> None:
        """A few passes of each kind: the first person does not wait for them, an unfit model shows at once, and the size of
        a piece is known."""
        for _ in range(WARM_PASSES):
            request = Request(prompt=[0] * FIRST_PIECE, limit=2, shares=False)
            self._scheduler.submit(request)
            while not request.over:
                step = self._scheduler.next(int(self._piece))
                assert step is not None
                self._compute(step)
                self._land()
        self._scheduler.forget()
        self.figures = Figures(self._now)

    @torch.inference_mode()
    def _run(self) -> None:
        torch.set_num_threads(torch.get_num_threads())  # the threads of OpenMP belong to the thread that computes
        while not self._stopped:
            if self._flight is not None and self._must_land():
                self._guarded(self._land, self._flight.step)
            with self._work:
                step = self._scheduler.next(int(self._piece))
                if step is None and self._flight is None:
                    self._work.wait()
                    continue
            if step is None:
                self._guarded(self._land, None)
            else:
                self._guarded(partial(self._compute, step), step)
            self.steps += 1

    def _guarded(self, act: Callable[[], None], step: Step | None) -> None:
        try:
            with self.step:
                act()
        except Exception as error:
            try:
                self._fail(step, error)
            except Exception:
                log.exception("the failure of a step could not be told")
                begin_anew()  # this thread must not end alone: nobody would compute any more

    def _must_land(self) -> bool:
        """Whether what comes next needs the tokens of the step in flight on this side."""
        with self._work:
            return any(answer.drafts or (isinstance(answer, Request) and answer.waits) for answer in self._scheduler.active)

    def _compute(self, step: Step) -> None:
        """Launches a step, then reads the tokens of the one before it; its own at once where nothing is gained by waiting."""
        began, before = time.monotonic(), self._flight
        flight = self._launcher.launch(step, before)
        flight.began = began
        for part in step.parts:
            if isinstance(part.answer, Request) and not part.answer.began:
                part.answer.began = began
        with self._work:
            self._scheduler.advance(step)
        self._flight = None
        try:
            if before is not None:
                self._settle(before)
        finally:
            self._flight = flight
        if not (self._launcher.late and step.decodes):
            self._land()
            self._learn(step, time.monotonic() - began)

    def _land(self) -> None:
        """Reads the tokens of the step in flight."""
        flight, self._flight = self._flight, None
        if flight is not None:
            self._settle(flight)

    def _settle(self, flight: Flight) -> None:
        """Passes what a step has chosen on to those who asked for it."""
        chosen = flight.read()
        seconds, self._settled = time.monotonic() - max(flight.began, self._settled), time.monotonic()
        if flight.step.decodes:
            self._decode += (seconds - self._decode) / 4
        read, written, drafted = 0, 0, 0
        with self._work:
            for part in flight.step.parts:
                answer: Any = part.answer
                drafted += len(part.draft)
                read += max(min(part.stop, len(answer.prompt)) - part.start, 0)
                if answer.over or answer.cancelled:
                    continue
                if part.chooses:
                    written += self._write(answer, part, chosen[part])
                    continue
                self._scheduler.settle(part, [])
                if isinstance(answer, Text):
                    self._read(answer, part, flight)
                elif answer.background and part.stop == answer.total:
                    self._end(answer, "stop")
        parts = sum(part.chooses for part in flight.step.parts)
        self.figures.step(seconds, read=read, written=written, drafted=drafted, accepted=max(written - parts, 0))

    def _read(self, text: Text, part: Part, flight: Flight) -> None:
        if text.embedding.cancelled:
            self._scheduler.finish(text)
        elif text.embedding.take(text, part.start, flight.hidden_of(part)):
            self._scheduler.finish(text)
            self._failures = 0
            self._begin(text.embedding)

    def _begin(self, embedding: Embedding, count: int = 1) -> None:
        """Queues the next texts of an embedding: whoever has one in the queue may have them all. Holds the lock."""
        for _ in range(count):
            text = embedding.begin()
            if text is not None:
                self._scheduler.submit(text, again=text.number > 0)

    def _write(self, request: Request, part: Part, chosen: Sequence[int | Choice]) -> int:
        """Passes tokens on and ends the answer where it ends: how many they were. Holds the lock."""
        request.first = request.first or self._settled
        kept: list[int] = []
        end: str | Problem = ""
        for number, found in enumerate(chosen):
            choice = found if isinstance(found, Choice) else Choice(found)
            kept.append(choice.token)
            if choice.problem is not None:
                end = choice.problem
            elif choice.token in self._ends:
                end = "stop"
            else:
                request.events.put(found)
                if choice.complete:
                    end = "stop"
                elif len(request.written) + len(kept) >= request.limit:
                    end = "length"
            if end or number == len(part.draft) or part.draft[number] != choice.token:
                break
        self._scheduler.settle(part, kept)
        if end:
            self._end(request, end)
        return len(kept)

    def _end(self, request: Any, end: str | Problem) -> None:
        """Takes an answer out with how it ended. Holds the lock."""
        self._scheduler.finish(request)
        request.events.put(end)
        if not isinstance(end, Problem):
            self._failures = 0
        self._count(request, failed=isinstance(end, Problem))

    def _count(self, request: Request, *, failed: bool = False) -> None:
        if not request.background:
            self.figures.answer(
                prompt=len(request.prompt), found=request.found, submitted=request.submitted, began=request.began or None,
                first=request.first or None, ended=time.monotonic(), failed=failed,
            )

    def _learn(self, step: Step, seconds: float) -> None:
        """Fits the size of a piece to the time that it should add to a step; short pieces say little."""
        tokens = sum(part.size for part in step.parts if part.size > 1 + len(part.draft))
        if tokens >= SHORTEST_PIECE:
            beside = self._decode if tokens < step.size else 0.0
            fitting = tokens * PIECE_SECONDS[self._launcher.device.type] / max(seconds - beside, seconds / 4)
            self._piece = min(max((self._piece + min(fitting, 2 * self._piece)) / 2, SHORTEST_PIECE), LONGEST_PIECE)

    def _fail(self, step: Step | None, error: Exception) -> None:
        """Ends what failed with a sentence. A model that keeps failing ends its process."""
        log.error("a step failed", exc_info=error)
        out_of_memory = isinstance(error, NoMemory) or ran_out(error)
        if self._flight is not None and out_of_memory:
            self._land()  # what was computed before is good
        with self._work:
            if out_of_memory and step is not None:
                self._free(step)
            else:
                self._fail_all()
        self._launcher.recover()
        self._failures += not isinstance(error, NoMemory)  # where nothing was tried, nothing is broken
        if self._failures >= MOST_FAILURES:
            log.error("%d answers in a row failed; the process begins anew", self._failures)
            time.sleep(LAST_WORDS_SECONDS)
            begin_anew()  # a fault of the device, or a memory in pieces, stays until the process is new

    def _free(self, step: Step) -> None:
        """Ends the answer of a step for which there was no memory: the one with the most to compute. The others go on, with
        smaller pieces."""
        self._piece = max(self._piece / 2, SHORTEST_PIECE)
        largest = max(step.parts, key=lambda part: (part.size, part.stop)).answer
        self._end_any(largest, NoMemory(TOO_LONG))

    def _fail_all(self) -> None:
        """Ends every answer in work; the cache starts anew."""
        self._flight = None
        for answer in self._scheduler.active:
            self._end_any(answer, Unavailable("The model failed on this request. Please try again.", retry_after=5))
        self._scheduler.forget()

    def _end_any(self, answer: Any, problem: Problem) -> None:
        if isinstance(answer, Text):
            answer.embedding.cancelled = answer.cancelled = True
            self._scheduler.finish(answer)
            answer.embedding.events.put(problem)
        else:
            self._end(answer, problem)
