"""Answers to messages that a program brings along. Nothing of them is stored."""

from __future__ import annotations

import dataclasses
import json
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial

from webbot import metrics
from webbot.chat import allowance as allowances
from webbot.chat.allowance import Allowance, Spending, Unlimited
from webbot.chat.waiting import admitted, measured, ready
from webbot.engines.base import Engine, Engines, EngineState, refuse_unable
from webbot.errors import CONTEXT_EXCEEDED, BadInput, TooLong
from webbot.messages import Called, Delta, Finished, Message, Options, Queued

MOST_BYTES_A_TOKEN = 64  # a text with more bytes than this for each token of the window cannot fit: found before it is read
AT_ONCE = 8  # answers of one request in work together: it must not fill the queue alone
Part = Delta | Called | Finished


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What begins an answer, and what the model reads for it: texts, or how many tokens."""

    start: Callable[..., Iterator[Queued | Part]]
    prompt: int | Sequence[str]


class Completing:
    """Asks the model of a name for a program, "" the one that serves. `max_answer` is the server's own limit in tokens, 0 for
    none; `allowance` limits what an owner may ask in a while."""

    def __init__(self, engines: Engines, max_answer: int = 0, allowance: Allowance | None = None) -> None:
        self.engines, self.max_answer, self.allowance = engines, max_answer, allowance or Unlimited()

    def answers(
        self, owner: str, messages: Sequence[Message], options: Options, count: int = 1, model: str = ""
    ) -> Iterator[tuple[int, Part]]:
        """(number of the answer, part) of `count` answers to the same messages, as they grow; each ends with one Finished.

        Yields an empty Delta at least every 0.1 s; closing it frees the model. Raises what Engine.answer raises, NotFound for
        an unknown model, TooMany where the owner has no allowance left, and BadInput for an option that the engine would not
        honour.
        """
        engine = self.engines.engine(model)
        state = _able(engine, options)
        check_size(state, _texts(messages, options), "messages", state.frame * len(messages))
        asked = Asked(partial(engine.answer, messages), [message.text for message in messages])
        yield from self._run(engine, [asked], owner, options, count, "messages")

    def texts(
        self, owner: str, prompts: Sequence[str | Sequence[int]], options: Options, count: int = 1, model: str = ""
    ) -> Iterator[tuple[int, Part]]:
        """Like `answers`, for texts or token ids that the model goes on with. The answers to prompt p have the numbers
        p * count and so on; at most AT_ONCE answers are in work together.
        """
        engine = self.engines.engine(model)
        state = _able(engine, options)
        for prompt in prompts:
            if isinstance(prompt, str):
                check_size(state, [prompt], "prompt")
            elif len(prompt) >= state.context:
                raise _too_long(len(prompt), state.context, "prompt")
        asked = [
            Asked(partial(engine.complete, prompt), [prompt] if isinstance(prompt, str) else len(prompt)) for prompt in prompts
        ]
        yield from self._run(engine, asked, owner, options, count, "prompt")

    def check(self, options: Options, model: str = "") -> EngineState:
        """The state of the model, which is waited for. Raises BadInput for an option that it would not honour."""
        return _able(self.engines.engine(model), options)

    def _run(
        self, engine: Engine, asked: Sequence[Asked], owner: str, options: Options, count: int, parameter: str
    ) -> Iterator[tuple[int, Part]]:
        limits = [limit for limit in (options.max_tokens, self.max_answer) if limit]
        options = dataclasses.replace(options, max_tokens=min(limits, default=None))
        # One seed must not give the same answer `count` times.
        seeds = [None if options.seed is None else _int64(options.seed + number) for number in range(count)]
        self._check_allowance(engine, owner)
        running = [
            self._paid(Spending(self.allowance, owner, engine, each.prompt),
                       measured(each.start(dataclasses.replace(options, seed=seed), owner=owner)))
            for each in asked for seed in seeds
        ]
        end = "stopped"
        try:
            with closing(together(running)) as parts:
                for number, part in parts:
                    if isinstance(part, Finished):
                        end = "complete"
                        metrics.answer_tokens.inc(part.usage.answer_tokens)
                        metrics.first_token_seconds.observe(part.usage.first_token_seconds)
                    yield number, part
        except TooLong as problem:
            problem.parameter, problem.code = parameter, CONTEXT_EXCEEDED
            raise
        except BadInput as problem:
            problem.parameter = problem.parameter or parameter
            raise
        except Exception:
            end = "failed"
            raise
        finally:
            metrics.answers.labels(end).inc()

    def _check_allowance(self, engine: Engine, owner: str) -> None:
        """Counts what is asked, but for what finds no room: that is refused first."""
        if not isinstance(self.allowance, Unlimited):
            with admitted(engine, owner):
                allowances.ask(self.allowance, owner)

    @staticmethod
    def _paid(spending: Spending, parts: Iterator[Queued | Part]) -> Generator[Part]:
        """The parts for a program: where it stands in the line is a sign of life."""
        with closing(parts):  # type: ignore[type-var] # a generator: closing it frees the model
            try:
                for part in parts:
                    spending.hear(part)
                    yield Delta("") if isinstance(part, Queued) else part
            finally:
                spending.end()


def _able(engine: Engine, options: Options) -> EngineState:
    state = ready(engine)
    refuse_unable(options, state)
    return state


def check_size(state: EngineState, texts: Iterable[str], parameter: str, frames: int = 0) -> None:
    """Raises TooLong for texts that cannot fit, without counting their tokens."""
    least = state.opening + frames + sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) // MOST_BYTES_A_TOKEN
    if least >= state.context:
        raise _too_long(least, state.context, parameter)


def _texts(messages: Sequence[Message], options: Options) -> Iterator[str]:
    """All that the model's template is given to write."""
    for message in messages:
        yield message.text
        yield from (call.arguments for call in message.tool_calls)
    if options.tool_choice != "none":
        for tool in options.tools:
            yield tool.description
            yield json.dumps(tool.parameters, ensure_ascii=False)


def _int64(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


def _too_long(count: int, limit: int, parameter: str) -> TooLong:
    return TooLong("The prompt has at least {count} tokens, the model reads {limit}.", count=count, limit=limit,
                   parameter=parameter, code=CONTEXT_EXCEEDED)


def together(running: Sequence[Iterator[Part]]) -> Generator[tuple[int, Part]]:
    """The parts of all answers with their numbers, AT_ONCE answers at a time. Closing it ends those that have begun."""
    if len(running) == 1:
        with closing(running[0]) as parts:  # type: ignore[type-var] # a generator: closing it frees the model
            for part in parts:
                yield 0, part
        return
    for first in range(0, len(running), AT_ONCE):
        with closing(merged(running[first:first + AT_ONCE])) as numbered:
            for number, part in numbered:
                yield first + number, part


def merged(running: Sequence[Iterator[Part]]) -> Generator[tuple[int, Part]]:
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
