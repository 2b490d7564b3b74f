"""One client's connection with a deadline for whatever it is doing, and the count of connections in the house.

Knows sockets and clocks, not HTTP: the server says which part of the conversation comes next. Too slow a client is cut with
ConnectionResetError. Runs in greenlets: nothing here blocks anybody else.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any

import gevent
import gevent.socket

FIRST_SECONDS = 10.0  # the TLS handshake, and again the first byte of the first request
HEAD_SECONDS = 10.0  # a request's head in all, however it drips
KEEP_SECONDS = 75.0  # until the next request of the same connection
STALL_SECONDS = 30.0  # without a byte in either direction
SLOWEST = 1000  # bytes a second that an upload has to reach on average
PIECE = 65536  # bytes that have to leave within STALL_SECONDS
UNREAD = 131072  # bytes that wait in the kernel for a client that does not read (it doubles the number)
ESTABLISHED = 1  # the state of a TCP connection whose two sides are open, as Linux numbers it
TLS_HANDSHAKE = b"\x16"
HOST = re.compile(rb"\r\nhost:[ \t]*([A-Za-z0-9.\-\[\]:]{1,255})[ \t]*\r\n", re.IGNORECASE)


class Connection:
    """A socket that reads and writes within deadlines. Everything else is the socket's own."""

    def __init__(self, sock: Any, plain: bool = False) -> None:
        self.sock = sock
        self.plain = plain
        self.greenlet = gevent.getcurrent()
        self.waits = True
        self.early: bytes | None = None  # what came behind the request by which another protocol was asked for
        self._talk: Callable[[], None] | None = None
        self._until = monotonic() + FIRST_SECONDS
        self._growth = 0.0

    def encrypt(self, context: ssl.SSLContext) -> bool:
        """The TLS handshake; False for a client that is silent, too slow, or does not speak TLS.

        A browser that was given the address without https is sent to the right one.
        """
        with gevent.Timeout(FIRST_SECONDS, False):
            try:
                first = self.sock.recv(1, socket.MSG_PEEK)
                if first == TLS_HANDSHAKE:
                    self.sock = context.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False)
                    self.sock.do_handshake()
                    return True
                if first:
                    _send_to_https(self.sock)
            except OSError:  # ssl.SSLError is one: a scanner, a refused certificate, a reset
                pass
        return False

    def await_request(self, seconds: float) -> None:
        """The next byte begins a request and may take `seconds`; the head then has HEAD_SECONDS."""
        self.waits, self._until, self._growth = True, monotonic() + seconds, 0.0

    def await_body(self) -> None:
        """What comes now belongs to the request: each byte earns time."""
        self.waits, self._until, self._growth = False, monotonic() + STALL_SECONDS, 1 / SLOWEST

    def await_rest(self, seconds: float) -> None:
        """What comes now is thrown away."""
        self.waits, self._until, self._growth = False, monotonic() + seconds, 0.0

    def recv(self, size: int) -> bytes:
        self._limit(min(self._until - monotonic(), KEEP_SECONDS if self.waits else STALL_SECONDS))
        data = self._guarded(self.sock.recv, size)
        if self.waits and data:
            self.waits, self._until = False, monotonic() + HEAD_SECONDS
        self._until += len(data) * self._growth
        return data

    def sendall(self, data: bytes) -> None:
        for start in range(0, len(data), PIECE):
            self._limit(STALL_SECONDS)
            self._guarded(self.sock.sendall, data[start:start + PIECE])

    def send(self, data: bytes) -> int:
        self.sendall(data)
        return len(data)

    # another protocol than HTTP

    def talk_over(self) -> None:
        """Speaks what the last request asked for, if it asked for another protocol; returns at its end."""
        if self._talk is not None and self.early is not None:
            self._talk()

    def receive(self, size: int) -> bytes:
        """What the client sends next, however long that takes; b"" at its end. It is somebody else's to see that it is there."""
        self.waits = False
        early, self.early = self.early, b""
        while not early:
            self.sock.settimeout(STALL_SECONDS)  # the same as for sending, which may go on at the same time
            try:
                return self.sock.recv(size)
            except TimeoutError:
                continue
        return early

    def cut(self) -> None:
        """Ends the connection, whoever reads from it or writes to it at this moment."""
        with suppress(OSError):  # it has ended
            gevent.socket.socket.shutdown(self.sock, socket.SHUT_RDWR)

    def gone(self) -> bool:
        """Whether the client has closed its side; always False on systems that do not tell."""
        try:
            if self.sock.family == socket.AF_UNIX:
                return _at_end(self.sock)
            return self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != ESTABLISHED
        except AttributeError:
            return False
        except OSError:
            return True

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)

    def _limit(self, seconds: float) -> None:
        if seconds <= 0:
            raise ConnectionResetError(errno.ECONNRESET, "the client was too slow")
        self.sock.settimeout(seconds)

    @staticmethod
    def _guarded(act: Any, argument: Any) -> Any:
        try:
            return act(argument)
        except TimeoutError:
            raise ConnectionResetError(errno.ECONNRESET, "the client was too slow") from None


class HandedOver:
    """What an application answers with, instead of pieces of a body, when a request asked for another protocol: `talk` speaks it
    on the connection, in the connection's own greenlet, and no HTTP follows. It has answered nothing yet."""

    def __init__(self, connection: Connection, talk: Callable[[], None]) -> None:
        connection._talk = talk

    def __iter__(self) -> Iterator[bytes]:
        return iter(())


class Guests:
    """How many connections each address holds. An address over its share is sent away at once."""

    def __init__(self, each: int) -> None:
        self.each = each
        self.connections: set[Connection] = set()
        self._held: Counter[str] = Counter()

    @contextmanager
    def admitted(self, address: str) -> Iterator[bool]:
        """Whether there is room. `address` is "" for one that may have all there is."""
        if not address:
            yield True
            return
        self._held[address] += 1
        try:
            yield self._held[address] <= self.each
        finally:
            self._held[address] -= 1
            if not self._held[address]:
                del self._held[address]

    @contextmanager
    def listed(self, connection: Connection) -> Iterator[None]:
        self.connections.add(connection)
        try:
            yield
        finally:
            self.connections.discard(connection)

    def send_idle_home(self) -> None:
        """Ends the connections that only wait for a next request."""
        for connection in [one for one in self.connections if one.waits]:
            connection.greenlet.kill(block=False)


def _at_end(sock: Any) -> bool:
    """Whether nothing more comes of a Unix socket, which has no states to ask for."""
    with socket.socket(fileno=os.dup(sock.fileno())) as twin:  # so that its time-out and its greenlets stay as they are
        twin.setblocking(False)
        try:
            return not twin.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False


def _send_to_https(sock: Any) -> None:
    head = sock.recv(4096)
    found = HOST.search(head)
    if found and head.split(b" ", 1)[0] in (b"GET", b"HEAD"):
        answer = b"HTTP/1.1 308 Permanent Redirect\r\nLocation: https://" + found[1] + b"/\r\n"
    else:
        answer = b"HTTP/1.1 400 Bad Request\r\n"
    sock.sendall(answer + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
