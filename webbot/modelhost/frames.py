"""What goes over the socket between a server and its model: a JSON object, and bytes behind it where there are any.

A frame is two big-endian 32-bit lengths, then the JSON, then the bytes. Both ends are ours; the limits guard against a
broken end, not against an attacker.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

from webbot import errors

HEAD = struct.Struct("!II")
LONGEST_JSON = 64 * 1024 * 1024
LONGEST_PAYLOAD = 2 * 1024 * 1024 * 1024 - 1


def send(connection: socket.socket, value: dict[str, Any], payload: bytes = b"") -> None:
    text = json.dumps(value, separators=(",", ":")).encode()
    connection.sendall(HEAD.pack(len(text), len(payload)) + text)
    if payload:
        connection.sendall(payload)


def receive(connection: socket.socket) -> tuple[dict[str, Any], bytes]:
    """The next frame. Raises ConnectionError when the other end has left."""
    text_length, payload_length = HEAD.unpack(_exactly(connection, HEAD.size))
    if text_length > LONGEST_JSON or payload_length > LONGEST_PAYLOAD:
        raise ConnectionError("a frame over the limit")
    return json.loads(_exactly(connection, text_length)), _exactly(connection, payload_length)


def _exactly(connection: socket.socket, count: int) -> bytes:
    parts, missing = [], count
    while missing:
        part = connection.recv(min(missing, 1 << 20))
        if not part:
            raise ConnectionError("the other end has left")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def pack_problem(problem: errors.Problem) -> dict[str, Any]:
    """A Problem as a value that the other side can raise again."""
    values = {name: value if isinstance(value, int | float | str) else str(value) for name, value in problem.values.items()}
    return {
        "class": type(problem).__name__, "sentence": problem.sentence, "values": values, "retry_after": problem.retry_after,
        "parameter": problem.parameter, "code": problem.code,
    }


def unpack_problem(packed: dict[str, Any]) -> errors.Problem:
    kind = getattr(errors, packed["class"], errors.Unavailable)
    known = {name: packed[name] for name in ("retry_after", "parameter", "code")}
    return kind(packed["sentence"], **known, **packed["values"])
