"""The asking side of a local Llama-shaped model, which lives in a process of its own (worker). Knows no torch."""

from __future__ import annotations

import sys
from pathlib import Path

from webbot.engines.hosted import LEAST_PATIENCE, HostedEngine
from webbot.errors import Unavailable
from webbot.modelhost import ModelHost

# The process of a model asks no network, whatever a model folder says.
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}


class LocalEngine(HostedEngine):
    """A model folder, served from now until `close`. The keyword arguments are the settings of the same names.

    `name` is for people, `starter` marks the model in the box, `runtime` is the folder of the socket, `spare` the bytes of memory
    that it leaves to other models.
    """

    def __init__(  # noqa: PLR0913 - one argument for each setting of a model
        self, model: Path | str | None, *, runtime: Path, name: str = "", starter: bool = False, device: str = "auto",
        precision: str = "auto", weights: str = "auto", cache_memory: float = 0.0, spare: int = 0, context: int = 8192,
        parallel: int = 8, queue: int = 64, queue_owner: int = 8, threads: int = 0, token_timeout: float = 60.0,
    ) -> None:
        if model is None:
            raise Unavailable("The model is not on this machine.")
        arguments = {
            "model": model, "name": name, "device": device, "precision": precision, "weights": weights,
            "cache-memory": cache_memory, "spare": spare,
            "context": context, "parallel": parallel, "queue": queue, "queue-owner": queue_owner, "threads": threads,
        }
        command = [sys.executable, "-m", "webbot.engines.worker"]
        command += [f"--{option}={value}" for option, value in arguments.items()]
        patience = max(token_timeout, LEAST_PATIENCE)
        host = ModelHost("chat", command, runtime=runtime, patience=patience, environment=ENVIRONMENT)
        super().__init__(host, name or Path(model).name, starter)
