"""Computes: one thread takes the scheduler's steps and runs the model.

The other threads submit requests and read their tokens.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import torch

from webbot.engines.llama.embedding import Embedding
from webbot.engines.llama.machine import ran_out
from webbot.engines.llama.sampling import Wish, choose
from webbot.engines.llama.scheduler import Answer, Copy, Scheduler, Step
from webbot.engines.llama.shaping import Choice, Shaping, choose_shaped
from webbot.engines.llama.slots import TOO_LONG, SlotCache
from webbot.errors import NoMemory, Problem, Unavailable
from webbot.modelhost import Step as Computing
from webbot.modelhost import begin_anew

# A piece of a prompt takes about so long, so that Stop is quick and running answers go on meanwhile.
PIECE_SECONDS = 0.08
FIRST_PIECE, SHORTEST_PIECE, LONGEST_PIECE = 32, 16, 1024
WARM_PASSES = 3
MOST_FAILURES = 3
LAST_WORDS_SECONDS = 0.5  # in which the last sentences still reach those who wait
log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True, kw_only=True)
class Request(Answer):
    """An answer with how it is sampled. `events` receives token ids (a Choice where there is a `shaping`), then "stop",
    "length" or a Problem."""

    temperature: float = 0.0
    top_p: float = 1.0
    random: Random = field(default_factory=Random)
    shaping: Shaping | None = None
    events: queue.SimpleQueue[int | Choice | str | Problem] = field(default_factory=queue.SimpleQueue)

    def wish(self) -> Wish:
        return Wish(self.temperature, self.top_p, self.random.random() if self.temperature > 0 else 0.0)


class Runner:
    """`model` must use the attention of `slots`; `ends` are the token ids that end an answer."""

    def __init__(self, model: Any, cache: SlotCache, scheduler: Scheduler, ends: Iterable[int]) -> None:
        self._model, self._cache, self._scheduler = model, cache, scheduler
        self._ends = frozenset(ends)
        self._work = threading.Condition()
        self._piece = float(FIRST_PIECE)
        self._failures = 0  # answers that failed since one ended well
        self._stopped = False
        self.step = Computing()
        self.steps = 0  # counts what was computed: it stands still when the model hangs or nothing is asked
        self._thread = threading.Thread(target=self._run, daemon=True, name="model")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._work:
            self._stopped = True
            self._work.notify()
        self._thread.join()

    def submit(self, request: Request | Embedding) -> None:
        """Queues a request. Raises TooMany."""
        with self._work:
            self._scheduler.submit(request)
            self._work.notify()

    def cancel(self, request: Request | Embedding) -> None:
        """Frees the slot at the next step, at once when the request still waits. Harmless for a finished one."""
        with self._work:
            request.cancelled = True
            self._work.notify()

    def load(self) -> tuple[int, int]:
        """How many answers are in work, and how many wait."""
        with self._work:
            return len(self._scheduler.active), self._scheduler.waiting

    def warm_up(self) -> None:
        """A few passes of each kind: the first person does not wait for them, an unfit model shows at once, and the size of
        a piece is known."""
        request = Request(prompt=[0] * FIRST_PIECE, limit=2, slot=0)
        for _ in range(WARM_PASSES):
            self._prefill(request)
        request.cached, request.written = FIRST_PIECE, [0]
        self._next_tokens([request])
        self._cache.clear()

    @torch.inference_mode()
    def _run(self) -> None:
        torch.set_num_threads(torch.get_num_threads())  # the threads of OpenMP belong to the thread that computes
        while not self._stopped:
            with self._work:
                copies, step = self._scheduler.next()
                if step is None:
                    self._work.wait()
                    continue
            try:
                with self.step:
                    self._do(copies, step)
            except Exception as error:
                self._fail_or_begin_anew(step, error)
            self.steps += 1

    def _do(self, copies: Sequence[Copy], step: Step) -> None:
        for copy in copies:
            self._cache.copy(copy.source, copy.target, copy.length)
        requests: list[Any] = list(step.answers)
        chosen: Sequence[int | Choice | None]
        if step.kind == "prefill":
            count, token = self._embed(requests[0]) if isinstance(requests[0], Embedding) else self._prefill(requests[0])
            chosen = [token]
        else:
            count, chosen = 1, list(self._next_tokens(requests))
        with self._work:
            for request, token in zip(requests, chosen, strict=True):
                self._scheduler.advance(request, count)
                if token is not None:
                    self._write(request, token)
                elif isinstance(request, Embedding) and request.prefilled:
                    self._end(request, "stop")

    def _prefill(self, request: Request) -> tuple[int, int | Choice | None]:
        """Computes the next piece of a prompt: its length, and at the end of the prompt the first token of the answer."""
        began = time.perf_counter()
        assert request.slot is not None
        start = request.cached
        stop = min(len(request.prompt), start + int(self._piece))
        self._cache.plan_prefill(request.slot, start, stop)
        ids = torch.tensor([request.prompt[start:stop]], device=self._cache.device)
        positions = torch.arange(start, stop, device=self._cache.device)[None]
        token: int | Choice | None = None
        if stop < len(request.prompt):
            self._forward(self._model.base_model, ids, positions)
            self._wait_for_device()
        else:
            logits = self._forward(self._model, ids, positions, logits_to_keep=1).logits
            token = self._choose(logits[:, -1], [request])[0]
        self._learn(stop - start, time.perf_counter() - began)
        return stop - start, token

    def _embed(self, embedding: Embedding) -> tuple[int, None]:
        """Reads the next piece of the texts of an embedding: its length."""
        began = time.perf_counter()
        assert embedding.slot is not None
        piece = embedding.piece(min(int(self._piece), self._cache.context))
        self._cache.plan_prefill(embedding.slot, piece.start, piece.start + len(piece.ids), piece.lengths)
        ids = torch.tensor([piece.ids], device=self._cache.device)
        positions = torch.tensor([piece.positions], device=self._cache.device)
        embedding.take(piece, self._forward(self._model.base_model, ids, positions).last_hidden_state[0])
        self._wait_for_device()
        self._learn(len(piece.ids), time.perf_counter() - began)
        return len(piece.ids), None

    def _next_tokens(self, requests: Sequence[Request]) -> Sequence[int | Choice]:
        slots = [request.slot for request in requests if request.slot is not None]
        positions = [request.cached for request in requests]
        ids = [request.written[-1] for request in requests]
        sent = torch.tensor([slots, positions, ids], device=self._cache.device)
        self._cache.plan_decode(slots, positions, sent[:2])
        logits = self._forward(self._model, sent[2, :, None], sent[1, :, None], logits_to_keep=1).logits
        return self._choose(logits[:, -1], requests)

    def _choose(self, logits: torch.Tensor, requests: Sequence[Request]) -> Sequence[int | Choice]:
        wishes, shapings = [request.wish() for request in requests], [request.shaping for request in requests]
        if not any(shapings):
            return choose(logits, wishes)
        return choose_shaped(logits, wishes, shapings, self._ends)

    def _forward(self, model: Any, ids: torch.Tensor, positions: torch.Tensor, **more: Any) -> Any:
        with torch.inference_mode():
            return model(
                input_ids=ids, position_ids=positions, past_key_values=self._cache, use_cache=True, slots=self._cache, **more
            )

    def _write(self, request: Request, chosen: int | Choice) -> None:
        """Passes a token on and ends the answer where it ends. Holds the lock."""
        choice = chosen if isinstance(chosen, Choice) else Choice(chosen)
        request.written.append(choice.token)
        end: str | Problem = "stop"
        if choice.problem is not None:
            end = choice.problem
        elif choice.token not in self._ends:
            request.events.put(chosen)
            if not choice.complete:
                end = "length" if len(request.written) >= request.limit else ""
        if end:
            self._end(request, end)

    def _end(self, request: Any, end: str | Problem) -> None:
        """Takes an answer out with how it ended. Holds the lock."""
        self._scheduler.finish(request)
        request.events.put(end)
        if not isinstance(end, Problem):
            self._failures = 0

    def _learn(self, tokens: int, seconds: float) -> None:
        """Fits the size of a piece to the time it should take; short pieces say little."""
        if tokens >= SHORTEST_PIECE:
            fitting = tokens * PIECE_SECONDS / seconds
            self._piece = min(max((self._piece + min(fitting, 2 * self._piece)) / 2, SHORTEST_PIECE), LONGEST_PIECE)

    def _wait_for_device(self) -> None:
        if self._cache.device.type == "cuda":
            torch.cuda.synchronize(self._cache.device)

    def _fail_or_begin_anew(self, step: Step, error: Exception) -> None:
        try:
            self._fail(step, error)
        except Exception:
            log.exception("the failure of a step could not be told")
            begin_anew()  # this thread must not end alone: nobody would compute any more

    def _fail(self, step: Step, error: Exception) -> None:
        """Ends what failed with a sentence. A model that keeps failing ends its process."""
        log.error("a step failed", exc_info=error)
        with self._work:
            if isinstance(error, NoMemory) or ran_out(error):
                self._free(step)
            else:
                self._fail_all()
        if self._cache.device.type == "cuda":
            torch.cuda.empty_cache()
        self._failures += not isinstance(error, NoMemory)  # where nothing was tried, nothing is broken
        if self._failures >= MOST_FAILURES:
            log.error("%d answers in a row failed; the process begins anew", self._failures)
            time.sleep(LAST_WORDS_SECONDS)
            begin_anew()  # a fault of the device, or a memory in pieces, stays until the process is new

    def _free(self, step: Step) -> None:
        """Ends the longest answer of a step for which there was no memory. The others go on, as long as their slots hold."""
        longest: Any = max(step.answers, key=lambda answer: answer.cached)
        self._end(longest, NoMemory(TOO_LONG))
        if not self._cache.capacity:
            self._fail_all()
        elif not self._scheduler.active:
            self._scheduler.forget()
            self._cache.clear()

    def _fail_all(self) -> None:
        """Ends every answer in work; the cache starts anew."""
        for request in self._scheduler.active:
            self._end(request, Unavailable("The model failed on this request. Please try again.", retry_after=5))
        self._scheduler.forget()
        self._cache.clear()
