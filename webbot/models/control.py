"""The socket by which the command line speaks with a running server: JSON lines over a Unix socket that only its user may open.

A connection is one request: a line with an object. The answer is a line for each object that the server tells, the last one
{"done": true} or {"problem": {...}}, which the asking side raises again. Written with plain threads and sockets: under gevent's
monkey patching they are greenlets. Covered: garbage, endless lines, clients that send or read nothing, a server that is gone.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from webbot.errors import BadInput, Problem, TooMany, Unavailable
from webbot.modelhost import frames

LONGEST_LINE = 64 * 1024
REQUEST_SECONDS, SEND_SECONDS = 5.0, 10.0
ANSWER_SECONDS = 120.0  # without a line the asking side gives up; whoever works longer tells how far it is
MOST_CLIENTS = 8
PATH_BYTES = 100  # the kernel's limit is 108
log = logging.getLogger(__name__)
Request = Mapping[str, Any]
Handle = Callable[[dict[str, Any]], Iterator[dict[str, Any]]]


def place(data: Path) -> Path:
    """Where the server with that data folder listens."""
    return data / "run" / "control.sock"


class Control:
    """Listens at `path` from `start` to `close`. `handle` answers a request with one object after another, or raises a Problem;
    it is closed when the client leaves."""

    def __init__(self, path: Path, handle: Handle) -> None:
        self.path, self.handle = path, handle
        self._places = threading.BoundedSemaphore(MOST_CLIENTS)
        self._listener: socket.socket | None = None
        self._closing = threading.Event()
        self._accepting: threading.Thread | None = None

    def start(self) -> None:
        """Begins to listen. What an earlier server left at the path is replaced."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with _reachable(self.path) as short:
            listener.bind(short)
        self.path.chmod(0o600)
        listener.listen(MOST_CLIENTS)
        listener.settimeout(0.5)
        self._listener = listener
        self._accepting = threading.Thread(target=self._accept, args=(listener,), daemon=True, name="control")
        self._accepting.start()

    def close(self) -> None:
        """Nobody is answered any more when this returns."""
        self._closing.set()
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            self._listener.close()
            self.path.unlink(missing_ok=True)
        if self._accepting is not None:
            self._accepting.join(2)

    def _accept(self, listener: socket.socket) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            except OSError:  # closed, or too many open files
                self._closing.wait(0.1)
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True, name="control client").start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                connection.settimeout(SEND_SECONDS)
                self._answer(connection)
            except OSError:  # the client has left, or reads nothing
                log.debug("a control client was lost", exc_info=True)

    def _answer(self, connection: socket.socket) -> None:
        try:
            self._work(_read_request(connection), connection)
            _send(connection, {"done": True})
        except Problem as problem:
            _send(connection, {"problem": frames.pack_problem(problem)})
        except OSError:
            raise
        except Exception:
            log.exception("a command failed")
            failure = Unavailable("The server could not do this. See the server's log.")
            _send(connection, {"problem": frames.pack_problem(failure)})

    def _work(self, request: dict[str, Any], connection: socket.socket) -> None:
        if not self._places.acquire(blocking=False):
            raise TooMany("Too many commands at once. Please try again in a moment.")
        told: Iterator[dict[str, Any]] = iter(())
        try:
            told = self.handle(request)
            for step in told:
                _send(connection, step)
                if self._closing.is_set():
                    raise Unavailable("The server is stopping.")
        finally:
            getattr(told, "close", lambda: None)()
            self._places.release()


def ask(path: Path, request: Request) -> Iterator[dict[str, Any]]:
    """Asks the running server; what it tells, without the last {"done": true}. Raises Unavailable when nobody listens or the
    server is lost, and the Problem that the server answers with."""
    with closing(_connect(path)) as connection:
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.sendall(_line(request))
            with connection.makefile("rb") as lines:
                while line := lines.readline(frames.LONGEST_JSON):
                    step = json.loads(line)
                    if "problem" in step:
                        raise frames.unpack_problem(step["problem"])
                    if step.get("done") is True:
                        return
                    yield step
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unavailable("The server does not answer ({reason}).", reason=str(error) or type(error).__name__) from error
    raise Unavailable("The server was lost. Is it still running?")


def _connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(REQUEST_SECONDS)
        with _reachable(path) as short:
            connection.connect(short)
    except OSError as error:
        connection.close()
        raise Unavailable("No server is running with the data folder {folder}.", folder=str(path.parent.parent)) from error
    return connection


@contextlib.contextmanager
def _reachable(path: Path) -> Iterator[str]:
    """The path as short as the kernel wants it: a long one by way of its open folder."""
    if len(os.fsencode(path)) <= PATH_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _read_request(connection: socket.socket) -> dict[str, Any]:
    """The line of a request. Raises BadInput."""
    until, line = time.monotonic() + REQUEST_SECONDS, b""
    while not line.endswith(b"\n"):
        connection.settimeout(max(0.001, until - time.monotonic()))
        try:
            part = connection.recv(LONGEST_LINE)
        except TimeoutError:
            raise BadInput("The request did not come in time.") from None
        line += part
        if not part or len(line) > LONGEST_LINE:
            raise BadInput("This is no request.")
    connection.settimeout(SEND_SECONDS)
    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        raise BadInput("This is no request.")
    return request


def _send(connection: socket.socket, step: Request) -> None:
    connection.sendall(_line(step))


def _line(value: Request) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", errors="replace") + b"\n"
