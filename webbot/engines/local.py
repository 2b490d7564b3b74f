"""The asking side of a local Llama-shaped model, which lives in a process of its own (worker). Knows no torch."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from webbot.engines.base import Embeddings, Engine, EngineState
from webbot.errors import BadInput, Unavailable
from webbot.messages import Called, Delta, Finished, Message, Options, Token, Tool, ToolCall, Usage
from webbot.modelhost import ModelHost

# The process of a model asks no network, whatever a model folder says.
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
# The process gives a sign of life every second, on a busy machine a little later.
LEAST_PATIENCE = 3.0


class LocalEngine(Engine):
    """A model folder, served from now until `close`. The keyword arguments are the settings of the same names.

    `name` is for people, `starter` marks the model in the box, `runtime` is the folder of the socket.
    """

    def __init__(  # noqa: PLR0913 - one argument for each setting of a model
        self, model: Path | str | None, *, runtime: Path, name: str = "", starter: bool = False, device: str = "auto",
        precision: str = "auto", context: int = 8192, parallel: int = 8, queue: int = 64, queue_owner: int = 8,
        threads: int = 0, token_timeout: float = 60.0,
    ) -> None:
        if model is None:
            raise Unavailable("The model is not on this machine.")
        self.name, self.starter = name or Path(model).name, starter
        arguments = {
            "model": model, "device": device, "precision": precision, "context": context, "parallel": parallel, "queue": queue,
            "queue-owner": queue_owner, "threads": threads,
        }
        command = [sys.executable, "-m", "webbot.engines.worker"]
        command += [f"--{option}={value}" for option, value in arguments.items()]
        patience = max(token_timeout, LEAST_PATIENCE)
        self.host = ModelHost("chat", command, runtime=runtime, patience=patience, environment=ENVIRONMENT)
        self.host.start()

    def state(self) -> EngineState:
        state = self.host.state()
        info = {name: state.info[name] for name in ("context", "opening", "frame", "tokenizer") if name in state.info}
        return EngineState(
            name=self.name, status=state.status, progress=state.progress, sentence=state.sentence, starter=self.starter,
            abilities=frozenset(state.info.get("abilities", ())), **info,
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
        sent = [
            {
                "role": message.role, "text": _check_text(message.text, "messages"), "tool_call": message.tool_call,
                "tool_calls": [_whole(asdict(call), "messages") for call in message.tool_calls],
            }
            for message in messages
        ]
        yield from self._stream({"messages": sent, "options": _packed(options), "owner": owner})

    def complete(self, prompt: str | Sequence[int], options: Options, *, owner: str = "") -> Iterator[Delta | Called | Finished]:
        text = _check_text(prompt, "prompt") if isinstance(prompt, str) else list(prompt)
        yield from self._stream({"complete": text, "options": _packed(options), "owner": owner})

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

    def load(self) -> dict[str, int]:
        """How many answers the model's process has in work, and how many wait there."""
        with closing(self.host.ask({"load": True})) as frames:  # type: ignore[type-var]
            return next(frame for frame in frames if frame)

    def close(self) -> None:
        self.host.stop()


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


def _packed(options: Options) -> dict[str, Any]:
    """Options for the socket."""
    return {
        "temperature": options.temperature, "top_p": options.top_p, "seed": options.seed, "max_tokens": options.max_tokens,
        "stop": [_check_text(text, "stop") for text in options.stop], "presence_penalty": options.presence_penalty,
        "frequency_penalty": options.frequency_penalty, "logit_bias": list(options.logit_bias.items()),
        "logprobs": options.logprobs, "schema": _whole(options.schema, "response_format"),
        "tools": [_whole(_tool(tool), "tools") for tool in options.tools], "tool_choice": options.tool_choice,
        "tool": options.tool,
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
