"""Answers that grow, on their way to a program: Server-Sent Events with JSON, as OpenAI's API sends them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from flask import Response

from webbot import metrics
from webbot.errors import Problem
from webbot.web.leaving import Left, gone
from webbot.web.sending import HEADERS, Item, close, first_of
from webbot.web.v1.problems import error_of

ALIVE_SECONDS = 5.0  # a comment line this often keeps proxies from closing a silent stream
LEFT_SECONDS = 0.2  # how often a client is looked for that waits for a whole answer, or gets one without a pause
FIRST_SECONDS = 2.0  # a problem within this time is told with its status; later ones go into the stream
# What a door yields: an object for one event, (name, object) for a named one, whole events that it wrote itself, None while
# nothing comes.
Chunk = dict[str, Any] | tuple[str, dict[str, Any]] | bytes | None


def stream(chunks: Iterator[Chunk], *, done: bool = True) -> Response:
    """Sends chunks as events, closes them when the client leaves, and ends with `data: [DONE]` where `done`.

    `chunks` must yield None at least every 0.1 s while nothing else comes. A Problem before the first chunk is raised, and
    Left where the client has gone by then.
    """
    left = gone()
    first: Chunk = first_of(chunks, left, FIRST_SECONDS)
    response = Response(_lines(first, chunks, left, done), mimetype="text/event-stream", headers=HEADERS)
    response.call_on_close(lambda: close(chunks))  # also where the client has left before the first line
    return response


def whole(items: Iterator[Item | None]) -> list[Item]:
    """All items of an answer that is sent at its end. Raises Left as soon as the client has gone: the model is free then."""
    left = gone()
    found: list[Item] = []
    asked = time.monotonic()
    try:
        for item in items:
            if item is not None:
                found.append(item)
            if time.monotonic() - asked > LEFT_SECONDS:
                if left():
                    raise Left("The client has left.")
                asked = time.monotonic()
    finally:
        close(items)
    return found


def event(chunk: dict[str, Any] | tuple[str, dict[str, Any]] | bytes) -> bytes:
    if isinstance(chunk, bytes):
        return chunk
    if isinstance(chunk, tuple):
        return b"event: %s\ndata: %s\n\n" % (chunk[0].encode(), _json(chunk[1]))
    return b"data: %s\n\n" % _json(chunk)


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _lines(first: Chunk, chunks: Iterator[Chunk], left: Callable[[], bool], done: bool) -> Iterator[bytes]:
    metrics.streams.inc()
    try:
        yield event(first) if first is not None else b": alive\n\n"
        told = looked = time.monotonic()
        for chunk in chunks:
            if chunk is None or time.monotonic() - looked > LEFT_SECONDS:
                if left():
                    return
                looked = time.monotonic()
            if chunk is not None:
                yield event(chunk)
                told = time.monotonic()
            elif time.monotonic() - told > ALIVE_SECONDS:
                yield b": alive\n\n"
                told = time.monotonic()
        if done:
            yield b"data: [DONE]\n\n"
    except Problem as problem:
        yield event(error_of(problem))
    finally:
        close(chunks)
        metrics.streams.dec()
