"""Vectors on their way between the keeper and a web process: base64 of what an array holds, so that nothing is rounded."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

from webbot.engines.base import Embeddings


def vector_frames(made: Embeddings) -> Iterator[dict[str, Any]]:
    """A frame for each vector, then one with the tokens."""
    for vector in made.vectors:
        numbers = vector if isinstance(vector, array) else array("d", vector)
        yield {"vector": base64.b64encode(numbers.tobytes()).decode("ascii"), "type": numbers.typecode}
    yield {"tokens": made.tokens}


def read_vectors(frames: Iterator[dict[str, Any]]) -> Iterator[Embeddings | None]:
    """None for each frame that says nothing, then the vectors."""
    vectors: list[Sequence[float]] = []
    for frame in frames:
        if "tokens" in frame:
            yield Embeddings(vectors, frame["tokens"])
            return
        if "vector" in frame:
            numbers = array(frame["type"])
            numbers.frombytes(base64.b64decode(frame["vector"]))
            vectors.append(numbers)
        else:
            yield None
