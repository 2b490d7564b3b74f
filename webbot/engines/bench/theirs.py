"""The other side: transformers, in the ways in which it generates. Each has the same prompts and writes as many tokens."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch

from webbot.engines.bench.bandwidth import wait
from webbot.engines.bench.subject import Subject

COMPILE_SECONDS = 180  # more nobody waits for
PAGE = 256  # tokens, as the manager has by itself


class Left(Exception):
    """A side cannot be measured here; the message says why."""


class Generate:
    """`model.generate` as it is, on all prompts as one batch."""

    name = "generate"
    most = 1024  # answers at once

    def __init__(self, subject: Subject, threads: int) -> None:
        self.model, self.device, self.threads = subject.theirs, subject.device, threads

    def rate(self, prompts: Sequence[Sequence[int]], tokens: int) -> float:
        """Tokens a second after the first: what the first takes is measured alone and taken off."""
        first, whole = self.seconds(prompts, 1), self.seconds(prompts, tokens)
        return len(prompts) * (tokens - 1) / max(whole - first, 1e-9)

    def first(self, prompt: Sequence[int]) -> float:
        return self.seconds([prompt], 1)

    def seconds(self, prompts: Sequence[Sequence[int]], tokens: int, **more: Any) -> float:
        torch.set_num_threads(self.threads)
        ids = torch.tensor(prompts, device=self.device)
        wishes = {"attention_mask": torch.ones_like(ids), "do_sample": False, "pad_token_id": 0, **more}
        wait(self.device)
        began = time.perf_counter()
        self.model.generate(ids, max_new_tokens=tokens, **wishes)
        wait(self.device)
        return time.perf_counter() - began


class Compiled(Generate):
    """`generate` with a static cache, whose step transformers compiles where there is a GPU. A first run with the same numbers
    compiles it."""

    name = "compiled"
    most = 1  # each number of answers would be compiled anew

    def __init__(self, subject: Subject, threads: int) -> None:
        super().__init__(subject, threads)
        if self.device.type == "cpu":
            raise Left("transformers compiles it on a GPU only.")
        if not any(shutil.which(name) for name in ("cc", "gcc", "clang")):
            raise Left("There is no C compiler.")
        self._ready: set[tuple[int, int, int]] = set()

    def rate(self, prompts: Sequence[Sequence[int]], tokens: int) -> float:
        numbers = (len(prompts), len(prompts[0]), tokens)
        if numbers not in self._ready:
            with _at_most(COMPILE_SECONDS):
                for _ in range(2):
                    self._whole(prompts, tokens)
            self._ready.add(numbers)
        first, whole = self.seconds(prompts, 1), self._whole(prompts, tokens)
        return len(prompts) * (tokens - 1) / max(whole - first, 1e-9)

    def _whole(self, prompts: Sequence[Sequence[int]], tokens: int) -> float:
        return self.seconds(prompts, tokens, cache_implementation="static")


class Manager:
    """transformers' own continuous batching, with the attention that ships with torch."""

    name = "manager"
    most = 1024

    def __init__(self, subject: Subject, threads: int) -> None:
        if not hasattr(subject.theirs, "generate_batch"):
            raise Left("This model has none.")
        self.model, self.device, self.threads = subject.theirs, subject.device, threads

    def rate(self, prompts: Sequence[Sequence[int]], tokens: int) -> float:
        """As of our side, by the moments that it notes for each token."""
        from transformers import ContinuousBatchingConfig, GenerationConfig

        torch.set_num_threads(self.threads)
        pages = len(prompts) * (-(-(len(prompts[0]) + tokens) // PAGE) + 1)
        # Without a number of pages it takes most of the free memory; looking for flash attention may ask a network.
        config = ContinuousBatchingConfig(num_blocks=max(pages, 16), max_batch_tokens=max(2048, len(prompts)),
                                          auto_switch_to_flash=False, allow_block_sharing=False)
        found = self.model.generate_batch(
            [list(prompt) for prompt in prompts], record_timestamps=True, continuous_batching_config=config,
            generation_config=GenerationConfig(max_new_tokens=tokens, do_sample=False, eos_token_id=-1, pad_token_id=0),
        )
        moments = [output.timestamps for output in found.values() if not output.error and output.timestamps]
        if len(moments) < len(prompts):  # its loop has crashed: it tells that in the log only
            raise Left(f"It finished {len(moments)} of {len(prompts)} answers.")
        begin, stop = max(times[0] for times in moments), min(times[-1] for times in moments)
        if stop <= begin:
            begin, stop = min(times[0] for times in moments), max(times[-1] for times in moments)
        return sum(begin < moment <= stop for times in moments for moment in times) / (stop - begin)


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    """Raises Left when it takes longer. Only in the main thread."""
    def late(_: int, __: FrameType | None) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    except _TooLong:
        raise Left(f"Compiling took longer than {seconds} s.") from None
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class _TooLong(BaseException):
    """Nobody in between may take it for an error of the compiler."""
