"""The connections to one model server: kept open between requests, read in pieces, and ended at any time.

Covered: no redirects, no proxies of the environment, no compression, limits for every stage and for the size of an answer.
Not covered: what the answers mean. Written with plain threads: under gevent's monkey patching they are greenlets.
Imported late: the HTTP library takes a tenth of a second.
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import socket
import ssl
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpcore2

from webbot import __version__
from webbot.engines.remotes import faults
from webbot.engines.remotes.address import Address
from webbot.engines.remotes.faults import Fault

TICK_SECONDS = 0.05
SPARE_SECONDS = 5.0  # the socket's own limits lie so far behind those of whoever reads
SETTLE_SECONDS = 0.1  # for the end of an answer of which all that counts has come
MOST_IDLE, IDLE_SECONDS = 8, 15.0  # connections that are kept, and for how long
MOST_BYTES = 128 * 1024 * 1024  # of one answer
MOST_UNREAD = 4 * 1024 * 1024  # bytes that may wait for a slow reader


@dataclass(frozen=True, slots=True)
class Head:
    """The names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]


class Wire:
    """The connections to the server at `address`. Safe for threads.

    `connect_seconds` is the limit for a name's address, the connection and its TLS together.
    """

    def __init__(self, address: Address, authorization: str = "", *, connect_seconds: float = 5.0) -> None:
        self.host, self.connect_seconds = address.host, connect_seconds
        self._headers = {"Accept-Encoding": "identity", "User-Agent": f"webbot/{__version__}"}
        if authorization:
            self._headers["Authorization"] = authorization
        self._thread = threading.local()
        logging.getLogger("httpcore2").setLevel(logging.WARNING)  # it would log what is sent where, piece by piece
        self._pool = httpcore2.ConnectionPool(
            ssl_context=_trust() if address.root.startswith("https:") else None, network_backend=_Backend(self._thread),
            max_keepalive_connections=MOST_IDLE, keepalive_expiry=IDLE_SECONDS,
        )
        self._open: set[Request] = set()
        self._closed = False

    def request(self, method: str, url: str, sent: Mapping[str, Any] | None = None, *, seconds: float = 60.0) -> Request:
        """Begins a request in a thread of its own. `seconds` is the limit to whatever comes next, once it is connected.

        Raises ValueError for what is no JSON.
        """
        headers, body = dict(self._headers), None
        if sent is not None:
            body = json.dumps(sent, allow_nan=False, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json"
        request = Request(self, method, url, headers, body, seconds)
        self._open.add(request)
        if self._closed:
            request.end()
        threading.Thread(target=request.run, args=(self._pool, self._thread), daemon=True, name="model server").start()
        return request

    def whole(
        self, method: str, url: str, sent: Mapping[str, Any] | None = None, *, seconds: float, most: int = MOST_BYTES
    ) -> Generator[None, None, tuple[Head, bytes]]:
        """The head and the body of an answer, in `seconds` and `most` bytes. Yields None while it waits; raises Fault."""
        parts, head, size = [], None, 0
        with contextlib.closing(self.request(method, url, sent, seconds=seconds)) as request:
            request.until = time.monotonic() + seconds  # also for the connection
            request.steady = True
            for part in request.parts():
                if isinstance(part, Head):
                    head = part
                elif part is not None:
                    parts.append(part)
                    size += len(part)
                    if size > most:
                        raise faults.endless(self.host)
                else:
                    yield None
        if head is None:
            raise faults.lost(self.host)
        return head, b"".join(parts)

    def now(self, method: str, url: str, sent: Mapping[str, Any] | None = None, **limits: Any) -> tuple[Head, bytes]:
        """As `whole`, for whoever has time to wait for it. A connection that the server had just closed costs a second try."""
        try:
            return _awaited(self.whole(method, url, sent, **limits))
        except Fault as fault:
            if not fault.again:
                raise
        return _awaited(self.whole(method, url, sent, **limits))

    def forget(self, request: Request) -> None:
        self._open.discard(request)

    def close(self) -> None:
        """Ends every request and every connection."""
        self._closed = True
        for request in list(self._open):
            request.end()
        with contextlib.suppress(Exception):
            self._pool.close()


class Request:
    """One request. `until` is when (on the monotonic clock) whoever reads gives up; `steady` says that it does not move."""

    def __init__(
        self, wire: Wire, method: str, url: str, headers: Mapping[str, str], body: bytes | None, seconds: float
    ) -> None:
        self._wire, self._method, self._url, self._headers, self._body = wire, method, url, headers, body
        self._seconds = seconds
        self.until, self.steady = time.monotonic() + wire.connect_seconds, False
        self._connected = False
        self._items: queue.SimpleQueue[tuple[float, Head | bytes | Fault | None]] = queue.SimpleQueue()  # with when they came
        self._put, self._taken = 0, 0
        self._socket: socket.socket | None = None
        self._ended = False
        self.done = False

    # whoever reads

    def parts(self) -> Iterator[Head | bytes | None]:
        """The head, then the body in pieces; None while nothing comes. Raises Fault."""
        while True:
            try:
                came, item = self._items.get(timeout=TICK_SECONDS)
            except queue.Empty:
                if time.monotonic() > self.until:
                    raise (faults.silent if self._connected else faults.unreachable)(self._wire.host) from None
                yield None
                continue
            if item is None:
                return
            if isinstance(item, Fault):
                raise item
            if isinstance(item, bytes):
                self._taken += len(item)
                if came > self.until:  # it drips, but says nothing
                    raise faults.silent(self._wire.host)
            yield item

    def patience(self, seconds: float) -> None:
        """Gives the server so long from now for what comes next."""
        self.until = time.monotonic() + seconds

    def settle(self) -> None:
        """Waits a moment for the end of the answer, so that its connection can be used again."""
        until = time.monotonic() + SETTLE_SECONDS
        with contextlib.suppress(queue.Empty):
            while (left := until - time.monotonic()) > 0 and isinstance(self._items.get(timeout=left)[1], bytes):
                pass

    def close(self) -> None:
        """Ends the request. Where the answer has not come to its end, its connection is closed at once."""
        if not self.done:
            self.end()

    def end(self) -> None:
        self._ended = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # wakes the thread that reads it; TLS has no say in it

    # the thread

    def run(self, pool: httpcore2.ConnectionPool, thread: threading.local) -> None:
        """Sends the request and passes on what comes."""
        thread.request = self
        last: Fault | None = None
        try:
            self._exchange(pool)
        except Fault as fault:
            last = fault
        except Exception as error:
            last = self._fault(error)
        finally:
            self.done = True
            self._socket = None
            self._wire.forget(self)
            self._items.put((time.monotonic(), last))

    def hold(self, connection: socket.socket) -> None:
        """The connection of this request, so that it can be ended from outside. Called as often as something is sent."""
        if self._ended:
            raise httpcore2.ReadError("ended")
        self._socket = connection
        if not self._connected:
            self._connected = True
            if not self.steady:
                self.patience(self._seconds)

    def _exchange(self, pool: httpcore2.ConnectionPool) -> None:
        limit = self._seconds + SPARE_SECONDS
        timeout = {"connect": self._wire.connect_seconds, "read": limit, "write": limit, "pool": limit}
        with pool.stream(
            self._method, self._url, headers=list(self._headers.items()), content=self._body, extensions={"timeout": timeout}
        ) as response:
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            if headers.get("content-encoding", "identity").lower() not in ("", "identity"):
                raise faults.unreadable(self._wire.host)  # it was asked for none; unpacked it may be of any size
            if 300 <= response.status < 400 and _is_upgrade(self._url, headers.get("location", "")):
                raise faults.only_tls(self._wire.host)
            self._items.put((time.monotonic(), Head(response.status, headers)))
            self._pass_on(response.iter_stream())

    def _pass_on(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            if self._ended:
                raise httpcore2.ReadError("ended")
            self._put += len(piece)
            if self._put > MOST_BYTES:
                raise faults.endless(self._wire.host)
            self._items.put((time.monotonic(), piece))
            while self._put - self._taken > MOST_UNREAD and not self._ended:
                time.sleep(TICK_SECONDS)

    def _fault(self, error: Exception) -> Fault:
        host = self._wire.host
        causes = list(_causes(error))
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
            return faults.untrusted(host)
        if any(isinstance(cause, ssl.SSLError) for cause in causes) and not self._connected:
            return faults.no_tls(host)
        if isinstance(error, httpcore2.ConnectError | httpcore2.ConnectTimeout):
            return faults.unreachable(host, again=isinstance(error, httpcore2.ConnectError))
        if isinstance(error, httpcore2.TimeoutException):
            return faults.silent(host)
        if isinstance(error, httpcore2.NetworkError) or "disconnected" in str(error) or "closed connection" in str(error):
            return faults.lost(host, again=True)
        return faults.unreadable(host)


class _Backend(httpcore2.SyncBackend):
    """Tells the request of this thread which connection it uses."""

    def __init__(self, thread: threading.local) -> None:
        self._thread = thread

    def connect_tcp(self, *arguments: Any, **named: Any) -> httpcore2.NetworkStream:
        return _Stream(super().connect_tcp(*arguments, **named), self._thread)


class _Stream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream, thread: threading.local) -> None:
        self._stream, self._thread = stream, thread

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._thread.request.hold(self._stream.get_extra_info("socket"))
        self._stream.write(buffer, timeout)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._thread)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@cache
def _trust() -> ssl.SSLContext:
    """The certificates that this machine trusts (or those of SSL_CERT_FILE), read once."""
    return httpcore2.default_ssl_context()


def _is_upgrade(url: str, location: str) -> bool:
    """Whether a plain address is sent on to HTTPS on the same host."""
    try:
        here, there = urlsplit(url), urlsplit(location)
        return (here.scheme, there.scheme, there.hostname) == ("http", "https", here.hostname)
    except ValueError:
        return False


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _awaited(waiting: Generator[None, None, tuple[Head, bytes]]) -> tuple[Head, bytes]:
    while True:
        try:
            next(waiting)
        except StopIteration as end:
            return end.value
