"""The process with a sentence-embedding model: `python -m webbot.engines.embedding_worker --socket PATH --model FOLDER ...`

A request is {"embed": [texts or lists of token ids], "owner": "..."}: frames {} while it works, a frame {"places": [numbers of
texts], "vectors": base64 of little-endian float32} for each batch, then {"tokens": how many in all}. Batches of
different requests take turns.
"""

from __future__ import annotations

import argparse
import base64
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from webbot.engines.embedding_folder import examine
from webbot.errors import BadInput, TooMany
from webbot.modelhost import LEFT, Step, awaited, serve

if TYPE_CHECKING:
    from webbot.engines.embedding_model import EmbeddingModel


class EmbeddingWorker:
    """What modelhost serves. `arguments` are those of the command line."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.computing = ThreadPoolExecutor(1, "model")
        self.inside: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.step = Step()
        self.model: EmbeddingModel

    def load(self, report: Callable[[float | None, str], None]) -> dict[str, Any]:
        examine(self.arguments.model)  # what is wrong with a folder shows at once; torch takes seconds
        report(None, "Loading the embedding model.")
        from webbot.engines.embedding_model import EmbeddingModel

        self.model = EmbeddingModel(self.arguments.model, self.arguments.device, self.arguments.threads)
        return {"dimensions": self.model.dimensions, "limit": self.model.limit - self.model.frame,
                "device": self.model.device.type, "pooling": self.model.form.pooling}

    def handle(self, request: dict[str, Any], payload: bytes, gone: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        if "embed" not in request:
            raise BadInput("The embedding model does not know this request.")
        owner = str(request.get("owner", ""))
        self._enter(owner)
        try:
            yield from self._embed(request["embed"], gone)
        finally:
            with self.lock:
                self.inside[owner] -= 1

    def step_seconds(self) -> float:
        return self.step.seconds()

    def _compute(self, sentences: Sequence[Sequence[int]]) -> bytes:
        with self.step:
            return self.model.embed(sentences).numpy().astype("<f4").tobytes()

    def _enter(self, owner: str) -> None:
        with self.lock:
            if self.inside.total() >= self.arguments.queue or self.inside[owner] >= self.arguments.queue_owner:
                raise TooMany("Too many texts are waiting for the embedding model. Please try again in a moment.", retry_after=2)
            self.inside = +self.inside
            self.inside[owner] += 1

    def _embed(self, texts: Sequence[str | Sequence[int]], gone: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        from webbot.engines.embedding_model import batches

        sentences = []
        for number, text in enumerate(texts):
            sentences.append(self.model.read(text, f"input[{number}]"))
            if number % 64 == 63:
                yield {}
                if gone():
                    return
        for places in batches([len(ids) for ids in sentences]):
            computing = self.computing.submit(self._compute, [sentences[place] for place in places])
            data = yield from awaited(computing, gone)
            if data is LEFT:
                return
            yield {"places": places, "vectors": base64.b64encode(data).decode()}
        yield {"tokens": sum(map(len, sentences)) - self.model.frame * len(sentences)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m webbot.engines.embedding_worker")
    parser.add_argument("--socket", required=True)
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--threads", default=0, type=int)
    parser.add_argument("--queue", default=64, type=int, help="how many requests may be in work or wait")
    parser.add_argument("--queue-owner", default=8, type=int, help="how many of these may be one owner's")
    arguments = parser.parse_args()
    serve(arguments.socket, EmbeddingWorker(arguments))


if __name__ == "__main__":
    main()
