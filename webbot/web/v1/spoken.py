"""Speech on its way to a program: bytes as they are made, or events with pieces of it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

from flask import Response

from webbot.errors import Unavailable
from webbot.speech.packing import MEDIA_TYPES, Format
from webbot.web.leaving import Left, gone
from webbot.web.v1.stream import HEADERS, Chunk, close


def sound(pieces: Iterator[bytes | None], form: Format) -> Response:
    """The pieces, each as soon as it is there. A Problem before the first one is raised; a later one cuts the answer off."""
    left = gone()
    first = _first(pieces, left)
    return Response(_rest(first, pieces, left), mimetype=MEDIA_TYPES[form], headers=HEADERS)


def sound_events(pieces: Iterator[bytes | None]) -> Iterator[Chunk]:
    """speech.audio.delta with base64, then speech.audio.done. No tokens are counted: there are none."""
    try:
        for piece in pieces:
            yield {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()} if piece else None
        yield {"type": "speech.audio.done", "usage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}}
    finally:
        close(pieces)


def _first(pieces: Iterator[bytes | None], left: Callable[[], bool]) -> bytes:
    try:
        for piece in pieces:
            if piece:
                return piece
            if left():
                raise Left("The client has left.")
    except BaseException:
        close(pieces)
        raise
    raise Unavailable("The program that speaks has failed. Please try again, or with another voice.")


def _rest(first: bytes, pieces: Iterator[bytes | None], left: Callable[[], bool]) -> Iterator[bytes]:
    try:
        yield first
        for piece in pieces:
            if piece:
                yield piece
            elif left():
                return
    finally:
        close(pieces)
