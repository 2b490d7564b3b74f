"""Answers to messages that a program brings along. Nothing of them is stored."""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections.abc import Callable, Iterator, Sequence

from webbot import metrics
from webbot.chat.waiting import ready
from webbot.engines.base import Engine, EngineState, refuse_unable
from webbot.errors import TooLong
from webbot.messages import Called, Delta, Finished, Message, Options

MOST_BYTES_A_TOKEN = 64  # a text with more bytes than this for each token of the window cannot fit: found before it is read
CODE = "context_length_exceeded"
Part = Delta | Called | Finished


class Completing:
    """Asks the engine for a program. `max_answer` is the server's own limit in tokens, 0 for none."""

    def __init__(self, engine: Engine, max_answer: int = 0) -> None:
        self.engine, self.max_answer = engine, max_answer

    def answers(self, owner: str, messages: Sequence[Message], options: Options, count: int = 1) -> Iterator[tuple[int, Part]]:
        """(number of the answer, part) of `count` answers to the same messages, as they grow; each ends with one Finished.

        Yields an empty Delta at least every 0.1 s; closing it frees the model. Raises what Engine.answer raises, and
        BadInput for an option that the engine would not honour.
        """
        state = self._checked(options)
        check_size(state, [message.text for message in messages], "messages", state.frame * len(messages))

        def answer(options: Options) -> Iterator[Part]:
            return self.engine.answer(messages, options, owner=owner)

        yield from self._run(answer, options, count, "messages")

    def texts(self, owner: str, prompt: str | Sequence[int], options: Options, count: int = 1) -> Iterator[tuple[int, Part]]:
        """Like `answers`, for a text or token ids that the model goes on with."""
        state = self._checked(options)
        if isinstance(prompt, str):
            check_size(state, [prompt], "prompt")
        elif len(prompt) >= state.context:
            raise _too_long(len(prompt), state.context, "prompt")

        def complete(options: Options) -> Iterator[Part]:
            return self.engine.complete(prompt, options, owner=owner)

        yield from self._run(complete, options, count, "prompt")

    def _checked(self, options: Options) -> EngineState:
        state = ready(self.engine)
        refuse_unable(options, state)
        return state

    def _run(
        self, start: Callable[[Options], Iterator[Part]], options: Options, count: int, parameter: str
    ) -> Iterator[tuple[int, Part]]:
        limits = [limit for limit in (options.max_tokens, self.max_answer) if limit]
        options = dataclasses.replace(options, max_tokens=min(limits, default=None))
        # One seed must not give the same answer `count` times.
        seeds = [None if options.seed is None else options.seed + number for number in range(count)]
        running = [start(dataclasses.replace(options, seed=seed)) for seed in seeds]
        parts: Iterator[tuple[int, Part]] = ((0, part) for part in running[0]) if count == 1 else merged(running)
        end = "stopped"
        try:
            for number, part in parts:
                if isinstance(part, Finished):
                    end = "complete"
                    metrics.answer_tokens.inc(part.usage.answer_tokens)
                    metrics.first_token_seconds.observe(part.usage.first_token_seconds)
                yield number, part
        except TooLong as problem:
            problem.parameter, problem.code = parameter, CODE
            raise
        except Exception:
            end = "failed"
            raise
        finally:
            parts.close()  # type: ignore[attr-defined]
            if count == 1:
                running[0].close()  # type: ignore[attr-defined] # a generator: this frees the model
            metrics.answers.labels(end).inc()


def check_size(state: EngineState, texts: Sequence[str], parameter: str, frames: int = 0) -> None:
    """Raises TooLong for texts that cannot fit, without counting their tokens."""
    least = state.opening + frames + sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) // MOST_BYTES_A_TOKEN
    if least >= state.context:
        raise _too_long(least, state.context, parameter)


def _too_long(count: int, limit: int, parameter: str) -> TooLong:
    return TooLong("The prompt has at least {count} tokens, the model reads {limit}.", count=count, limit=limit,
                   parameter=parameter, code=CODE)


def merged(running: Sequence[Iterator[Part]]) -> Iterator[tuple[int, Part]]:
    """The parts of several answers as they come, each read in a thread of its own. Closing it ends them all."""
    parts: queue.SimpleQueue[tuple[int, Part | Exception | None]] = queue.SimpleQueue()
    ended = threading.Event()

    def read(number: int, answer: Iterator[Part]) -> None:
        try:
            for part in answer:
                parts.put((number, part))
                if ended.is_set():
                    break
            parts.put((number, None))
        except Exception as error:
            parts.put((number, error))
        finally:
            answer.close()  # type: ignore[attr-defined]

    threads = [
        threading.Thread(target=read, args=(number, answer), daemon=True, name="answer") for number, answer in enumerate(running)
    ]
    for thread in threads:
        thread.start()
    left = len(threads)
    try:
        while left:
            number, part = parts.get()
            if isinstance(part, Exception):
                raise part
            if part is None:
                left -= 1
            else:
                yield number, part
    finally:
        ended.set()
        for thread in threads:
            thread.join(5)
