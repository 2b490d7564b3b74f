"""The asking side of a model that lives in a process of its own. Knows the frames that go there, and no model library."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from typing import Any

from webbot.engines.base import Embeddings, Engine, EngineState
from webbot.errors import BadInput, Problem, Unavailable
from webbot.messages import Called, Delta, Finished, Message, Options, Token, Tool, ToolCall, Usage
from webbot.modelhost import ModelHost

# The process gives a sign of life every second, on a busy machine a little later.
LEAST_PATIENCE = 3.0
INFO = ("context", "opening", "frame", "tokenizer", "parallel")


class HostedEngine(Engine):
    """An engine whose model is in `host`, a process that knows the requests of webbot.engines.worker. `name` is for people,
    `starter` marks the model in the box."""

    def __init__(self, host: ModelHost, name: str, starter: bool) -> None:
        self.host, self.name, self.starter = host, name, starter
        self.host.start()

    def state(self) -> EngineState:
        state = self.host.state()
        info = {name: state.info[name] for name in INFO if name in state.info}
        return EngineState(
            name=self.name, status=state.status, progress=state.progress, sentence=state.sentence, starter=self.starter,
            abilities=frozenset(state.info.get("abilities", ())), memory=self.host.memory, **info,
        )

    def count(self, texts: Sequence[str]) -> list[int]:
        for text in texts:
            _check_text(text)
        with closing(self.host.ask({"count": list(texts)})) as frames:  # type: ignore[type-var]
            for frame in frames:
                if frame:
                    return frame["counts"]
        raise Unavailable("The model gave no answer. Please try again.")

    def answer(self, messages: Sequence[Message], options: Options, *, owner: str = "") -> Iterator[Delta | Called | Finished]:
        yield from self._stream({"messages": _sent(messages), "options": packed(options), "owner": owner})

    def prepare(self, messages: Sequence[Message], *, owner: str = "", common: bool = False) -> None:
        with suppress(Problem), closing(
            self.host.ask({"prepare": _sent(messages), "owner": owner, "common": common})  # type: ignore[type-var] # a generator
        ) as frames:
            for _ in frames:
                pass

    def complete(self, prompt: str | Sequence[int], options: Options, *, owner: str = "") -> Iterator[Delta | Called | Finished]:
        text = _check_text(prompt, "prompt") if isinstance(prompt, str) else list(prompt)
        yield from self._stream({"complete": text, "options": packed(options), "owner": owner})

    def embedding(self, texts: Sequence[str | Sequence[int]], *, owner: str = "") -> Iterator[Embeddings | None]:
        sent = [_check_text(text, "input") if isinstance(text, str) else list(text) for text in texts]
        vectors: list[list[float]] = []
        with self.host.asking({"embed": sent, "owner": owner}) as frames:
            for frame in frames:
                if "tokens" in frame:
                    yield Embeddings(vectors, frame["tokens"])
                    return
                if "vector" in frame:
                    vectors.append(frame["vector"])
                yield None
        raise _lost()

    def _stream(self, request: dict[str, Any]) -> Iterator[Delta | Called | Finished]:
        with self.host.asking(request) as frames:
            yield from _events(frames)

    def busy(self) -> int:
        return self.host.busy

    def figures(self) -> dict[str, Any]:
        return self.host.figures

    def load(self) -> dict[str, int]:
        """How many answers the model's process has in work, and how many wait there."""
        with closing(self.host.ask({"load": True})) as frames:  # type: ignore[type-var]
            return next(frame for frame in frames if frame)

    def close(self) -> None:
        self.host.stop()


def _sent(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages for the socket."""
    return [
        {
            "role": message.role, "text": _check_text(message.text, "messages"), "tool_call": message.tool_call,
            "tool_calls": [_whole(asdict(call), "messages") for call in message.tool_calls],
        }
        for message in messages
    ]


def _events(frames: Iterator[dict[str, Any]]) -> Iterator[Delta | Called | Finished]:
    """Frames of the process as events; what is only a sign of life becomes an empty Delta."""
    for frame in frames:
        if "finished" in frame:
            yield Finished(frame["finished"], Usage(**frame["usage"]))
            return
        if "call" in frame:
            yield Called(ToolCall(**frame["call"]))
        else:
            yield Delta(frame.get("delta", ""), tuple(_token(*token) for token in frame.get("tokens", ())))
    raise _lost()


def _token(data: str, logprob: float, likeliest: Sequence[tuple[str, float]]) -> Token:
    return Token(data.encode("latin-1"), logprob, tuple((other.encode("latin-1"), number) for other, number in likeliest))


def packed(options: Options) -> dict[str, Any]:
    """Options for the socket."""
    return {
        "temperature": options.temperature, "top_p": options.top_p, "top_k": options.top_k, "min_p": options.min_p,
        "repetition_penalty": options.repetition_penalty, "seed": options.seed, "max_tokens": options.max_tokens,
        "stop": [_check_text(text, "stop") for text in options.stop], "presence_penalty": options.presence_penalty,
        "frequency_penalty": options.frequency_penalty, "logit_bias": list(options.logit_bias.items()),
        "logprobs": options.logprobs, "schema": _whole(options.schema, "response_format"),
        "tools": [_whole(_tool(tool), "tools") for tool in options.tools], "tool_choice": options.tool_choice,
        "tool": options.tool, "common": options.common,
    }


def _tool(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}


def _lost() -> Unavailable:
    return Unavailable("The model was lost and is being started again. Please try again in a moment.", retry_after=5)


def _check_text(text: str, parameter: str = "") -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadInput("The text holds half a character that cannot be encoded.", parameter=parameter) from None
    return text


def _whole(value: Any, parameter: str) -> Any:
    """The value, which must be JSON without half a character. Raises BadInput that names `parameter`."""
    try:
        _check_text(json.dumps(value, ensure_ascii=False), parameter)
    except (TypeError, ValueError, RecursionError):
        raise BadInput("This is no value that JSON can hold, or it is nested too deeply.", parameter=parameter) from None
    return value
