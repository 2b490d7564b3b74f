"""Server-Sent Events, from bytes to the data of each event. Knows nothing of what the data says."""

from __future__ import annotations

from collections.abc import Iterator

MOST_BYTES = 1024 * 1024  # of one event


class TooLarge(Exception):
    """A line or an event has more than MOST_BYTES bytes."""


class Events:
    """Bytes go in by `push`, the data of whole events comes out. Lines end with a line feed, with or without a carriage return.

    A field `error`, as older llama.cpp servers write it, counts as data.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.most = most
        self._rest = bytearray()
        self._data: list[bytes] = []
        self._size = 0

    def push(self, piece: bytes) -> Iterator[bytes]:
        """Raises TooLarge."""
        searched = len(self._rest)
        self._rest += piece
        start = 0
        while (end := self._rest.find(b"\n", max(start, searched))) >= 0:
            line = bytes(self._rest[start:end]).removesuffix(b"\r")
            start = end + 1
            yield from self._line(line)
        del self._rest[:start]
        if len(self._rest) > self.most:
            raise TooLarge

    def finish(self) -> Iterator[bytes]:
        """What the last event held, though the empty line behind it did not come."""
        rest, self._rest = bytes(self._rest), bytearray()
        yield from self._line(rest.removesuffix(b"\r"))
        yield from self._line(b"")

    def _line(self, line: bytes) -> Iterator[bytes]:
        if not line:
            data, self._data, self._size = self._data, [], 0
            if data:
                yield b"\n".join(data)
            return
        self._size += len(line)
        if self._size > self.most:
            raise TooLarge
        field, _, value = line.partition(b":")
        if field in (b"data", b"error"):
            value = value.removeprefix(b" ")
            self._data.append(b'{"error":' + value + b"}" if field == b"error" else value)
