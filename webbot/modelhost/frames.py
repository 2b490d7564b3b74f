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
PIECE = 65536  # bytes of one read
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


class Reader:
    """Frames of a connection, several to a read: a model that is read by many sends them faster than single reads could take."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._unread = bytearray()

    def next(self) -> dict[str, Any]:
        """The next frame's JSON; its bytes are left out. Raises TimeoutError when the connection's timeout passes without any
        byte, and ConnectionError when the other end has left. What came of a frame is kept for the next call."""
        while True:
            whole = self._whole()
            if whole is not None:
                return whole
            part = self._connection.recv(PIECE)
            if not part:
                raise ConnectionError("the other end has left")
            self._unread += part

    def _whole(self) -> dict[str, Any] | None:
        if len(self._unread) < HEAD.size:
            return None
        text_length, payload_length = HEAD.unpack_from(self._unread)
        if text_length > LONGEST_JSON or payload_length > LONGEST_PAYLOAD:
            raise ConnectionError("a frame over the limit")
        end = HEAD.size + text_length
        if len(self._unread) < end + payload_length:
            return None
        value = json.loads(self._unread[HEAD.size:end])
        del self._unread[: end + payload_length]
        return value


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
        "parameter": problem.parameter, "code": problem.code, "status": problem.status,
    }


def unpack_problem(packed: dict[str, Any]) -> errors.Problem:
    kind = getattr(errors, packed["class"], errors.Unavailable)
    known = {name: packed[name] for name in ("retry_after", "parameter", "code")}
    problem = kind(packed["sentence"], **known, **packed["values"])
    problem.status = packed.get("status", problem.status)
    return problem
