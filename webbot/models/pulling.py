"""Runs a download in a process of its own and tells how far it is. Knows neither models nor hubs.

The process prints JSON lines {"done": bytes, "total": bytes, "sentence": text}; the last one of a run that fails has "problem".
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

from webbot.errors import Unavailable
from webbot.modelhost import frames
from webbot.settings import ROOT
from webbot.surroundings import process_environment

LONGEST_LINE = 64 * 1024
END_SECONDS = 5.0
Tell = Callable[[float | None, str], None]


class Pull:
    """One download. `done` and `total` are bytes, 0 while nobody knows them."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name, self.command = name, list(command)
        self.done, self.total = 0, 0
        self._process: subprocess.Popen[str] | None = None
        self._cancelled = False

    def run(self, tell: Tell) -> None:
        """Returns when the model is here. Raises Unavailable with the sentence of what went wrong."""
        last: dict[str, Any] = {}
        if self._cancelled:
            raise self._stopped()
        try:
            # A session of its own, so that Ctrl-C in a terminal reaches the asking side only, which ends it in order.
            process = subprocess.Popen(
                self.command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd=ROOT, env=process_environment(),
                start_new_session=True, errors="replace",
            )
        except OSError as error:
            raise Unavailable("The download cannot be started: {reason}.", reason=str(error)) from error
        with process:
            self._process = process
            try:
                if self._cancelled:
                    process.terminate()
                while line := process.stdout.readline(LONGEST_LINE):  # type: ignore[union-attr]
                    last = self._read(line, tell) or last
                process.wait()
            except BaseException:  # Ctrl-C among them
                _end(process)
                raise
            finally:
                self._process = None
        if process.returncode:
            raise self._reason(last)

    def cancel(self) -> None:
        """Ends it from another thread; what has come is kept. `run` then raises."""
        self._cancelled = True
        process = self._process
        if process is not None and process.poll() is None:
            with contextlib.suppress(OSError):
                process.terminate()

    def _read(self, line: str, tell: Tell) -> dict[str, Any]:
        """The line as a step, told on; {} when it is none."""
        try:
            step = json.loads(line)
            done, total, sentence = int(step["done"]), int(step["total"]), str(step["sentence"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return {}
        self.done, self.total = done, total
        if "problem" not in step:
            tell(min(1.0, done / total) if total > 0 else None, sentence)
        return step

    def _reason(self, last: dict[str, Any]) -> Unavailable:
        if self._cancelled:
            return self._stopped()
        if "problem" in last:
            with contextlib.suppress(KeyError, TypeError, ValueError, IndexError):
                problem = frames.unpack_problem(last["problem"])
                values: dict[str, Any] = dict(problem.values)
                return Unavailable(problem.sentence, **values)
        return Unavailable("The download failed. See the server's log.")

    def _stopped(self) -> Unavailable:
        return Unavailable("The download of {name} was stopped. What has come is kept; the next one goes on there.",
                           name=self.name)


def _end(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(OSError):
        process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
