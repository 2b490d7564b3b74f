"""The asking side: starts the model's process, watches it, starts it again, and passes requests to it.

Written with plain threads and sockets: under gevent's monkey patching they are greenlets, without it they are threads.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from webbot.errors import Unavailable
from webbot.modelhost import frames
from webbot.modelhost.serving import ANEW
from webbot.settings import ROOT
from webbot.surroundings import model_environment

TICK_SECONDS = 0.05
MOST_CRASHES, CRASH_SECONDS = 5, 300.0
SOCKET_PATH_BYTES = 100  # the kernel's limit is 108
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostState:
    """How the process is. `info` is what its worker's load() returned."""

    status: Literal["loading", "ready", "failed"] = "loading"
    progress: float | None = None
    sentence: str = ""
    info: dict[str, Any] = field(default_factory=dict)


class ModelHost:
    """A model's process, from `start` to `stop`.

    After `patience` seconds without a sign of life the process counts as hung and is killed. A process that ends by itself
    is started again, but not after 5 crashes in 5 minutes. It knows little of this one's environment, and has no network where
    the system allows that. `busy` counts the requests of `asking` that are in work or wait; `figures` are what the process
    measured, as it last told: at most a second old, {} while there is none.
    """

    def __init__(
        self, name: str, command: Sequence[str], *, runtime: Path, patience: float = 60.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.command, self.patience = name, list(command), patience
        self.environment = dict(environment or {})
        self.socket_path = socket_path(runtime, name)
        self.process: subprocess.Popen[bytes] | None = None
        self.busy, self._lock = 0, threading.Lock()
        self._state = HostState()
        self.figures: dict[str, Any] = {}
        self._crashes: deque[float] = deque(maxlen=MOST_CRASHES)
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None

    # life of the process

    def start(self) -> None:
        """Starts the process and returns at once."""
        self._watcher = threading.Thread(target=self._watch, daemon=True, name=f"watch {self.name}")
        self._watcher.start()

    def stop(self) -> None:
        """Ends the process; nothing of it is left when this returns."""
        self._stopping.set()
        process = self.process
        if process is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr] # the process ends by itself when its stdin does
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(2)
            self._kill()
        if self._watcher is not None:
            self._watcher.join(5)
        self.socket_path.unlink(missing_ok=True)

    def state(self) -> HostState:
        return self._state

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    @property
    def memory(self) -> int:
        """The bytes that the process holds now: of this machine's memory and, as its worker told when it was loaded
        ("device_memory"), of the GPU's. 0 where the system does not say."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        except (OSError, ValueError, IndexError):
            pages = 0
        return pages * os.sysconf("SC_PAGE_SIZE") + self._state.info.get("device_memory", 0)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            self._state = HostState(sentence=self._state.sentence if self._crashes else "")
            self._spawn()
            final = self._follow()
            self.figures = {}
            self._kill()
            if self._stopping.is_set() or final:
                return
            if self.process is None or self.process.returncode != ANEW:
                self._crashes.append(time.monotonic())
            if len(self._crashes) == MOST_CRASHES and self._crashes[-1] - self._crashes[0] < CRASH_SECONDS:
                log.error("%s crashed %d times; it is not started again", self.name, MOST_CRASHES)
                self._state = HostState(
                    status="failed",
                    sentence="The model's process crashed several times and is not started again. See the server's log.",
                )
                return
            log.warning("%s was lost; starting it again", self.name)
            self._state = HostState(sentence="The model's process was lost and is being started again.")
            self._stopping.wait(0.2 * len(self._crashes))

    def _spawn(self) -> None:
        self.socket_path.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [*self.command, "--socket", str(self.socket_path)],
            stdin=subprocess.PIPE, cwd=ROOT, env=model_environment(**self.environment),
            start_new_session=True,  # Ctrl-C in the terminal is for the server, which ends its models in order
        )

    def _follow(self) -> bool:
        """Takes over the state of the process until it is lost (False) or has failed for good (True)."""
        try:
            with self._connect() as connection:
                connection.settimeout(self.patience)
                frames.send(connection, {"watch": True})
                while True:
                    received = frames.receive(connection)[0]
                    state = received["state"]
                    if received.get("step", 0) > self.patience:
                        log.error("%s has computed for %.0f s without an end and is killed", self.name, received["step"])
                        return False
                    self.figures = received.get("figures", {})
                    self._state = HostState(
                        status=state["status"], progress=state["progress"], sentence=state["sentence"], info=state["info"]
                    )
                    if state["status"] == "failed":
                        log.error("%s: %s", self.name, state["sentence"])
                        return True
        except OSError:  # also TimeoutError: a process without a heartbeat is lost
            return False

    def _connect(self) -> socket.socket:
        """A connection to the process; waits for a process that is just starting. Raises OSError when there is none."""
        until = time.monotonic() + self.patience
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.connect(str(self.socket_path))
                return connection
            except OSError:
                connection.close()
                if self._stopping.is_set() or time.monotonic() > until or not self.process or self.process.poll() is not None:
                    raise
                time.sleep(TICK_SECONDS)

    def _kill(self) -> None:
        process = self.process
        if process is None:
            return
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)  # with whatever it has started
        process.wait()
        if process.stdin:
            with contextlib.suppress(OSError):
                process.stdin.close()

    # requests

    @contextlib.contextmanager
    def asking(self, request: dict[str, Any], payload: bytes = b"") -> Iterator[Iterator[dict[str, Any]]]:
        """The frames of `ask`, closed at the end of the block; until then the request counts in `busy`."""
        with self._lock:
            self.busy += 1
        try:
            with contextlib.closing(self.ask(request, payload)) as answer:  # type: ignore[type-var] # a generator
                yield answer
        finally:
            with self._lock:
                self.busy -= 1

    def ask(self, request: dict[str, Any], payload: bytes = b"") -> Iterator[dict[str, Any]]:
        """Passes a request on and yields the frames of its answer; closing the generator is the cancel.

        While nothing comes it yields {} about every 50 ms, so that whoever reads can close it at any time. Raises Unavailable
        when the process is not ready, is lost or hangs, and whatever Problem the worker raised.
        """
        state = self._state
        if state.status != "ready":
            raise Unavailable(state.sentence or "The model is still loading. Please try again in a moment.", retry_after=5)
        process = self.process
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(self.patience)
            connection.connect(str(self.socket_path))
            frames.send(connection, request, payload)
            yield from answered(connection, self.patience)
        except TimeoutError:
            log.error("%s gave no sign of life for %.0f s and is killed", self.name, self.patience)
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)  # type: ignore[union-attr] # the watcher starts it again
            sentence = "The model hung and is being started again. Please try again in a moment."
            raise Unavailable(sentence, retry_after=10) from None
        except OSError:
            sentence = "The model was lost and is being started again. Please try again in a moment."
            raise Unavailable(sentence, retry_after=5) from None
        finally:
            connection.close()


def answered(connection: socket.socket, patience: float) -> Iterator[dict[str, Any]]:
    """The frames of the answer to the request that was sent; {} about every 50 ms while nothing comes.

    Raises the Problem that came in place of one, TimeoutError after `patience` seconds without a sign of life, and another
    OSError when the other end is lost.
    """
    heard = time.monotonic()
    connection.settimeout(TICK_SECONDS)
    reader = frames.Reader(connection)
    while True:
        try:
            received = reader.next()
        except TimeoutError:
            if time.monotonic() - heard > patience:
                raise
            yield {}
            continue
        heard = time.monotonic()
        if "problem" in received:
            raise frames.unpack_problem(received["problem"])
        if "end" in received:
            return
        yield received["frame"]


def socket_path(runtime: Path, name: str) -> Path:
    """A path in `runtime` that is short enough for a socket, else one in a folder of the system's temporary one."""
    runtime.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = runtime / f"{name}-{os.getpid()}-{time.monotonic_ns() % 1_000_000}.sock"
    if len(os.fsencode(path)) > SOCKET_PATH_BYTES:
        path = Path(tempfile.mkdtemp(prefix="webbot-")) / path.name
    return path
