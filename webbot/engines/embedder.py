"""A sentence-embedding model, on the asking side: passes texts to its process. Knows neither tokenizers nor torch."""

from __future__ import annotations

import array
import base64
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from webbot.engines.base import Embeddings
from webbot.engines.local import ENVIRONMENT
from webbot.errors import Unavailable
from webbot.modelhost import HostState, ModelHost

PATIENCE_SECONDS = 20.0  # a model that is just loading is waited for
TICK_SECONDS = 0.05


class Embedder:
    """The model in `folder` in a process of its own, which starts at once and loads on while this returns.

    `queue` requests may wait, `queue_owner` of them one owner's. `threads` 0 leaves their number to torch.
    """

    def __init__(
        self, folder: Path, *, runtime: Path, device: str = "auto", threads: int = 0, queue: int = 64, queue_owner: int = 8,
    ) -> None:
        self.name = folder.name
        arguments = {"model": folder, "device": device, "threads": threads, "queue": queue + 1, "queue-owner": queue_owner}
        command = [sys.executable, "-m", "webbot.engines.embedding_worker"]
        command += [f"--{option}={value}" for option, value in arguments.items()]
        self.host = ModelHost("embedding", command, runtime=runtime, environment=ENVIRONMENT)
        self.host.start()

    def state(self) -> HostState:
        """How the model is at this moment; `info` has its `dimensions` and the `limit` of a text in tokens. Never blocks."""
        return self.host.state()

    def busy(self) -> int:
        """How many requests are in work or waiting."""
        return self.host.busy

    def embedding(self, texts: Sequence[str | Sequence[int]], *, owner: str = "") -> Iterator[Embeddings | None]:
        """None at least every 0.1 s while it works, then the vectors of the texts. Closing the generator frees the model at
        its next batch.

        Raises BadInput for token ids that are none of the model's, TooLong (both name `input[i]`), TooMany when the queue is
        full, Unavailable while there is no model or when it is lost.
        """
        yield from self._patiently()
        yield from self._asked([text if isinstance(text, str) else list(text) for text in texts], owner)

    def _patiently(self) -> Iterator[None]:
        until = time.monotonic() + PATIENCE_SECONDS
        while self.host.state().status == "loading" and time.monotonic() < until:
            time.sleep(TICK_SECONDS)
            yield None

    def _asked(self, texts: list[str | list[int]], owner: str) -> Iterator[Embeddings | None]:
        vectors: list[Sequence[float]] = [()] * len(texts)
        with self.host.asking({"embed": texts, "owner": owner}) as frames:
            for frame in frames:
                if "vectors" in frame:
                    _place(vectors, frame["places"], base64.b64decode(frame["vectors"]))
                elif "tokens" in frame:
                    yield Embeddings(vectors, frame["tokens"])
                    return
                yield None
        raise Unavailable("The embedding model ended without an answer. Please try again.", retry_after=5)

    def close(self) -> None:
        """Ends the process; nothing of it is left when this returns."""
        self.host.stop()


def _place(vectors: list[Sequence[float]], places: Sequence[int], data: bytes) -> None:
    """Puts a batch where its texts were. `data` is little-endian float32."""
    numbers = array.array("f", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    size = len(numbers) // len(places)
    for number, place in enumerate(places):
        vectors[place] = numbers[number * size : (number + 1) * size]
