"""The asking side of a local Llama-shaped model, which lives in a process of its own (worker). Knows no torch."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from webbot.engines.base import Engine, EngineState
from webbot.errors import BadInput, Unavailable
from webbot.messages import Called, Delta, Finished, Message, Options, Usage
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
        self._busy, self._lock = 0, threading.Lock()
        self.host.start()

    def state(self) -> EngineState:
        state = self.host.state()
        info = {name: state.info[name] for name in ("context", "opening", "frame", "tokenizer") if name in state.info}
        return EngineState(
            name=self.name, status=state.status, progress=state.progress, sentence=state.sentence, starter=self.starter, **info
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
        request = {
            "messages": [{"role": message.role, "text": _check_text(message.text)} for message in messages],
            "options": {
                "temperature": options.temperature, "top_p": options.top_p, "seed": options.seed,
                "max_tokens": options.max_tokens,
            },
            "owner": owner,
        }
        with self._lock:
            self._busy += 1
        try:
            with closing(self.host.ask(request)) as frames:  # type: ignore[type-var]
                yield from _events(frames)
        finally:
            with self._lock:
                self._busy -= 1

    def busy(self) -> int:
        return self._busy

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
        yield Delta(frame.get("delta", ""))
    raise Unavailable("The model was lost and is being started again. Please try again in a moment.", retry_after=5)


def _check_text(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadInput("The text holds half a character that cannot be encoded.") from None
    return text
