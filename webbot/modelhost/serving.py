"""The side with the model: loads it, answers each connection in a thread of its own, and ends when its parent is gone.

A first frame {"watch": true} asks for the state of the process: one frame {"state": ..., "step": seconds, "figures": {...}} at
once, on every change and every second; "step" is how long the present computation has taken. Any other first frame is a request
for the worker; what the worker yields goes back as {"frame": ...}, then {"end": true}.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, Protocol

from webbot.errors import Problem, Unavailable
from webbot.modelhost import frames, network

HEARTBEAT_SECONDS = 1.0
ANEW = 75  # the exit status of a process that wants to be started again, and has not crashed
log = logging.getLogger(__name__)


class Worker(Protocol):
    """What a process with a model supplies.

    One with a method `step_seconds()`, how long its present computation has taken, is also killed when that hangs while nobody
    waits for it. One with a method `figures()` tells with each sign of life what it measured, for JSON and small. One with a
    method `close()` is closed at the end.
    """

    def load(self, report: Callable[[float | None, str], None]) -> dict[str, Any]:
        """Loads the model, reporting progress (0 to 1 or None, and a sentence). Returns what the asking side may know of it.

        A Problem says what is wrong and is final; any other exception is a crash, after which the process is started again.
        """

    def handle(self, request: dict[str, Any], payload: bytes, gone: Callable[[], bool]) -> Iterator[dict[str, Any]]:
        """Answers one request, in a thread of its own. `gone()` is true once the client has left; {} is a heartbeat."""


def serve(socket_path: str | Path, worker: Worker, *, needs_network: bool = False) -> None:
    """Serves `worker` at `socket_path` until the parent closes stdin or SIGTERM comes. Call it in the main thread."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    if not needs_network and not network.leave():
        log.info("this process keeps its network: the system does not let it go without")
    _Server(str(socket_path), worker).run()


def begin_anew() -> NoReturn:
    """Ends this process, at once; it is started again."""
    os._exit(ANEW)


class _Server:
    def __init__(self, socket_path: str, worker: Worker) -> None:
        self.worker = worker
        self.state: dict[str, Any] = {"status": "loading", "progress": None, "sentence": "", "info": {}}
        self.changed = threading.Condition()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        Path(socket_path).unlink(missing_ok=True)
        self.listener.bind(socket_path)
        Path(socket_path).chmod(0o600)
        self.listener.listen(128)
        self.ended = threading.Event()

    def run(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which then ends this process in order
        signal.signal(signal.SIGTERM, lambda *_: self.ended.set())
        threading.Thread(target=self._await_parent, daemon=True).start()
        threading.Thread(target=self._accept, daemon=True).start()
        threading.Thread(target=self._load, daemon=True).start()
        while not self.ended.wait(1.0):
            pass
        self._close()
        # Threads may sit in a long computation of the model: nothing of it is worth waiting for.
        os._exit(0)

    def _close(self) -> None:
        try:
            getattr(self.worker, "close", lambda: None)()
        except Exception:
            log.exception("it did not end cleanly")

    def _await_parent(self) -> None:
        """stdin is a pipe that only the parent holds: its end means that the parent is gone, however it died."""
        while sys.stdin.buffer.read(65536):
            pass
        if not hasattr(self.worker, "close"):
            os._exit(0)
        self.ended.set()

    def _load(self) -> None:
        """In a thread that ends: see modelhost/threads.py."""
        try:
            info = self.worker.load(lambda progress, sentence: self._set(progress=progress, sentence=sentence))
        except Problem as problem:
            self._set(status="failed", problem=frames.pack_problem(problem), sentence=str(problem), progress=None)
        except BaseException:  # also a panic of a library in Rust: without the thread the process would load for ever
            log.exception("the model could not be loaded")
            os._exit(1)
        else:
            self._set(status="ready", info=info, progress=1.0, sentence="")

    def _set(self, **changes: Any) -> None:
        with self.changed:
            self.state = self.state | changes
            self.changed.notify_all()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()
            except (OSError, RuntimeError, MemoryError):  # no descriptor, no thread: the next one may have more luck
                log.exception("a request could not be taken")
                time.sleep(0.1)

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                request, payload = frames.receive(connection)
                if request.get("watch"):
                    self._report(connection)
                else:
                    self._handle(connection, request, payload)
            except OSError:
                pass  # the client has left

    def _report(self, connection: socket.socket) -> None:
        step_seconds = getattr(self.worker, "step_seconds", float)
        while True:
            with self.changed:
                state = self.state
            frames.send(connection, {"state": state, "step": step_seconds(), "figures": self._figures()})
            with self.changed:
                if self.state is state:
                    self.changed.wait(HEARTBEAT_SECONDS)

    def _figures(self) -> dict[str, Any]:
        """Without them the model goes on."""
        try:
            return getattr(self.worker, "figures", dict)()
        except Exception:
            log.exception("the figures could not be taken")
            return {}

    def _handle(self, connection: socket.socket, request: dict[str, Any], payload: bytes) -> None:
        def gone() -> bool:
            poll = select.poll()
            poll.register(connection, select.POLLIN)
            return bool(poll.poll(0)) and not connection.recv(1, socket.MSG_PEEK)

        generator = self.worker.handle(request, payload, gone)
        try:
            for frame in generator:
                frames.send(connection, {"frame": frame})
            frames.send(connection, {"end": True})
        except Problem as problem:
            frames.send(connection, {"problem": frames.pack_problem(problem)})
        except OSError:
            raise
        except Exception:
            log.exception("a request failed")
            failure = Unavailable("The model failed on this request. Please try again.")
            frames.send(connection, {"problem": frames.pack_problem(failure)})
        finally:
            close = getattr(generator, "close", None)
            if close:
                close()
