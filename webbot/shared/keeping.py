"""Starts the keeper, and starts it again when it is lost. Without threads: the master, which forks, calls `look`."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

from webbot import values
from webbot.errors import SettingsError
from webbot.modelhost import frames, socket_path
from webbot.settings import ROOT, Settings
from webbot.surroundings import process_environment

START_SECONDS = 60.0
CLOSE_SECONDS = 15.0
MOST_REMEMBERED, LONGEST_PAUSE = 6, 10.0
log = logging.getLogger(__name__)


class Keeping:
    """The keeper of a server, from `start` to `close`. `path` is where it listens."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.path: Path = socket_path(settings.data / "run", "models")
        self.process: subprocess.Popen[bytes] | None = None
        self._lost: deque[float] = deque(maxlen=MOST_REMEMBERED)
        self._next = 0.0

    def start(self) -> None:
        """Returns once its models can be asked for; they load on. Raises SettingsError with what speaks against the settings."""
        for left in (self.settings.data / "run").glob("*.sock"):
            left.unlink(missing_ok=True)  # of models whose server was killed
        self._spawn()
        state = self._first_state()
        if state["status"] != "ready":
            self.close()
            raise SettingsError(state["sentence"] or "The process of the models did not start. See the log.")

    def _first_state(self) -> dict[str, str]:
        failed = {"status": "failed", "sentence": ""}
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process is not None and self.process.poll() is None:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                try:
                    connection.settimeout(START_SECONDS)
                    connection.connect(str(self.path))
                    frames.send(connection, {"watch": True})
                    while (state := frames.receive(connection)[0]["state"])["status"] == "loading":
                        pass
                    return state
                except OSError:
                    time.sleep(0.05)
        return failed

    def _spawn(self) -> None:
        self.path.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "webbot.shared.keeper", "--socket", str(self.path)], stdin=subprocess.PIPE, cwd=ROOT,
            env=process_environment(), start_new_session=True,  # Ctrl-C is for the server, which ends the models in order
        )
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.write(json.dumps(values.pack(self.settings)).encode() + b"\n")
            self.process.stdin.flush()

    def look(self) -> None:
        """Starts it again where it was lost; after several times it waits a little. Returns at once."""
        now = time.monotonic()
        if self.process is None or self._alive() or now < self._next:
            return
        self._lost.append(now)
        recent = sum(1 for moment in self._lost if now - moment < 60.0)
        self._next = now + min(LONGEST_PAUSE, 0.5 * 2 ** (recent - 1))
        log.error("the process of the models was lost; starting it again")
        self._spawn()

    def _alive(self) -> bool:
        """Whoever else waits for children may have taken its end away: then the process is simply not there."""
        assert self.process is not None
        return self.process.poll() is None

    def close(self) -> None:
        """Ends the models; nothing of them is left when this returns."""
        process, self.process = self.process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr] # it ends by itself when its stdin does
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(CLOSE_SECONDS)
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.path.unlink(missing_ok=True)
