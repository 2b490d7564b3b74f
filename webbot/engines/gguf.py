"""The asking side of a quantised model file (GGUF), which lives in a process of its own (gguf_worker). Knows no llama.cpp."""

from __future__ import annotations

import sys
from pathlib import Path

from webbot.engines.hosted import LEAST_PATIENCE, HostedEngine
from webbot.errors import Unavailable
from webbot.modelhost import ModelHost

# An assertion of llama.cpp that fails ends its process: at once, without a debugger that looks at it.
ENVIRONMENT = {"GGML_NO_BACKTRACE": "1"}


class GgufEngine(HostedEngine):
    """A GGUF file, served from now until `close`; of a model in several parts the first. The keyword arguments are the settings
    of the same names.

    `name` is for people, `starter` marks the model in the box, `runtime` is the folder of the socket.
    """

    def __init__(  # noqa: PLR0913 - one argument for each setting of a model
        self, file: Path | str | None, *, runtime: Path, name: str = "", starter: bool = False, context: int = 8192,
        parallel: int = 8, queue: int = 64, queue_owner: int = 8, threads: int = 0, gpu_layers: int = -1,
        token_timeout: float = 60.0,
    ) -> None:
        if file is None:
            raise Unavailable("The model is not on this machine.")
        arguments = {
            "model": file, "context": context, "parallel": parallel, "queue": queue, "queue-owner": queue_owner,
            "threads": threads, "gpu-layers": gpu_layers,
        }
        command = [sys.executable, "-m", "webbot.engines.gguf_worker"]
        command += [f"--{option}={value}" for option, value in arguments.items()]
        host = ModelHost("gguf", command, runtime=runtime, patience=max(token_timeout, LEAST_PATIENCE), environment=ENVIRONMENT)
        super().__init__(host, name or Path(file).stem, starter)

    def close(self) -> None:
        super().close()
        for left in ("sock", "log"):  # what llama.cpp's own part of the process could not remove
            self.host.socket_path.with_name(f"{self.host.socket_path.stem}-llama.{left}").unlink(missing_ok=True)
