"""Speech on its way to a program: bytes as they are made, or events with pieces of it."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from flask import Response

from webbot.errors import Unavailable
from webbot.speech.packing import MEDIA_TYPES, Format
from webbot.web.sending import close, send
from webbot.web.v1.stream import Chunk


def sound(pieces: Iterator[bytes | None], form: Format) -> Response:
    """The pieces, each as soon as it is there. A Problem before the first one is raised; a later one cuts the answer off."""
    return send(_some(pieces), MEDIA_TYPES[form])


def sound_events(pieces: Iterator[bytes | None]) -> Iterator[Chunk]:
    """speech.audio.delta with base64, then speech.audio.done. No tokens are counted: there are none."""
    try:
        for piece in pieces:
            yield {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()} if piece else None
        yield {"type": "speech.audio.done", "usage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}}
    finally:
        close(pieces)


def _some(pieces: Iterator[bytes | None]) -> Iterator[bytes | None]:
    """The pieces. Raises Unavailable where there is none at all."""
    spoke = False
    try:
        for piece in pieces:
            spoke = spoke or bool(piece)
            yield piece or None
    finally:
        close(pieces)
    if not spoke:
        raise Unavailable("The program that speaks has failed. Please try again, or with another voice.")
