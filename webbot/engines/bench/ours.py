"""Our side: the engine as the server runs it, without the process and the socket around it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from webbot.engines.bench.subject import Subject
from webbot.engines.compute.assembly import Wanted, assemble
from webbot.engines.compute.request import Request
from webbot.errors import Problem
from webbot.modelhost import apart

LONGEST_SECONDS = 600.0  # an answer without an end is a fault
TICK = 0.001


class Clocked(queue.SimpleQueue[Any]):
    """Where an answer's tokens go: with the moment at which each comes, and nobody has to read them."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.moments: list[float] = []
        self.end: str | Problem = ""
        self.began, self.ended = threading.Event(), threading.Event()
        self.cancel: Callable[[], None] = lambda: None

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        if isinstance(item, str | Problem):
            self.end = item
            self.began.set()
            self.ended.set()
            return
        self.moments.append(time.perf_counter())
        self.tokens.append(item)
        self.began.set()


class Ours:
    """The engine for a subject: at most `streams` answers at once, whose caches together hold `tokens` tokens. It is `awake` only
    while it is measured, so that its threads are not in the way of the other side's."""

    name = "webbot"

    def __init__(self, subject: Subject, streams: int, window: int, tokens: int, weights: str, threads: int) -> None:
        began = time.perf_counter()
        wanted = Wanted(
            context=window, parallel=streams, queue=2 * streams, queue_owner=2 * streams, threads=threads, weights=weights,
            cache_bytes=tokens * subject.token_bytes,
        )
        self.runner, self.threads = apart(lambda: (assemble(subject.loaded, wanted), torch.get_num_threads()))
        self.seconds = time.perf_counter() - began
        self._awake = False

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Meanwhile what was begun is computed."""
        if self._awake:
            yield
            return
        torch.set_num_threads(self.threads)
        self.runner.start()
        self._awake = True
        try:
            yield
        finally:
            self._awake = False
            self.runner.stop()

    def rate(self, prompts: Sequence[Sequence[int]], tokens: int) -> float:
        """Tokens a second while all answers write: from the last first token to the first last one."""
        answers = self.answers(prompts, tokens)
        begin, stop = max(each.moments[0] for each in answers), min(each.moments[-1] for each in answers)
        if stop <= begin:  # the first has ended before the last began
            begin, stop = min(each.moments[0] for each in answers), max(each.moments[-1] for each in answers)
        return sum(begin < moment <= stop for each in answers for moment in each.moments) / (stop - begin)

    def first(self, prompt: Sequence[int]) -> float:
        """Seconds to the first token of an answer."""
        with self.awake():
            began = time.perf_counter()
            return self.answers([prompt], 1)[0].moments[0] - began

    def answers(self, prompts: Sequence[Sequence[int]], tokens: int) -> list[Clocked]:
        """Those to all prompts, at once. Raises what ended one of them early."""
        with self.awake():
            running = [self.begin(prompt, tokens) for prompt in prompts]
            for answer in running:
                finish(answer)
            return running

    def begin(self, prompt: Sequence[int], tokens: int) -> Clocked:
        answer = Clocked()
        request = Request(prompt=list(prompt), limit=tokens, owner="bench", events=answer)
        answer.cancel = lambda: self.runner.cancel(request)
        self.runner.submit(request)
        return answer

    def idle(self) -> None:
        """Waits until nothing is in work."""
        until = time.monotonic() + LONGEST_SECONDS
        while any(self.runner.load()) and time.monotonic() < until:
            time.sleep(TICK)


def finish(answer: Clocked) -> None:
    """Waits for the end of an answer. Raises what ended it early."""
    if not answer.ended.wait(LONGEST_SECONDS):
        raise TimeoutError("an answer did not end")
    if isinstance(answer.end, Problem):
        raise answer.end
