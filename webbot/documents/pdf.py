"""The text of a PDF, read by pypdf in a process of its own (pdf_reader): a PDF is a program of strangers.

The process has no secrets in its environment, limits of time, memory and output, and is killed with all it started when they are
over. Written with plain threads and pipes: under gevent's monkey patching they let other greenlets go on.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from typing import Any

from webbot.documents.limits import Limits
from webbot.documents.plain import too_long
from webbot.errors import TooLong, Unavailable, Unusable
from webbot.settings import ROOT
from webbot.surroundings import model_environment

AT_ONCE, PATIENCE = 2, 60.0  # PDFs that are read together; seconds that another waits for its turn
BYTES_A_CHARACTER = 6  # of the output: a character as JSON writes it
BROKEN = "{name} cannot be read as a PDF: it is broken, or protected against reading."


def text_of(name: str, data: bytes, limits: Limits | None = None) -> str:
    """The text of all pages. Raises Unusable for a PDF without text, broken, protected by a password, or made to take too much;
    TooLong for too many pages or characters."""
    limits = limits or Limits()
    if not _places().acquire(timeout=PATIENCE):
        raise Unavailable("Other files are being read. Please try again in a moment.", retry_after=10)
    try:
        written = _ask(data, limits)
    finally:
        _places().release()
    try:
        answer: dict[str, Any] = json.loads(written)
    except ValueError:
        raise Unusable("{name} takes too much time or memory to read.", name=name) from None
    trouble = answer.get("trouble")
    if trouble == "pages":
        raise TooLong("{name} has more than {limit} pages. Please attach a part of it.", name=name, limit=limits.pages)
    if trouble == "characters":
        raise too_long(name, limits.characters)
    if trouble == "password":
        raise Unusable("{name} is protected by a password. Please attach it without one.", name=name)
    if trouble == "memory":
        raise Unusable("{name} takes too much time or memory to read.", name=name)
    text = answer.get("text", "")
    if trouble or not isinstance(text, str):
        raise Unusable(BROKEN, name=name)
    if not text.strip():
        raise Unusable("There is no text in {name}; perhaps it is a scan. Please attach a PDF with text.", name=name)
    return text


@cache
def _places() -> threading.BoundedSemaphore:
    """Made when it is first needed: only then it is surely one that lets other greenlets go on."""
    return threading.BoundedSemaphore(AT_ONCE)


def _ask(data: bytes, limits: Limits) -> bytes:
    """What the process writes, or the beginning of it: then it is no JSON."""
    most = BYTES_A_CHARACTER * limits.characters + 1000
    with _started(limits) as process:
        threading.Thread(target=_send, args=(process, data), daemon=True, name="pdf").start()
        assert process.stdout is not None
        return process.stdout.read(most)


@contextlib.contextmanager
def _started(limits: Limits) -> Iterator[subprocess.Popen[bytes]]:
    """The process that reads; nothing of it is left at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "webbot.documents.pdf_reader", json.dumps(asdict(limits))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=ROOT, env=model_environment(),
        start_new_session=True,
    )
    deadline = threading.Timer(limits.seconds, _kill, [process])
    deadline.daemon = True
    deadline.start()
    try:
        yield process
    finally:
        deadline.cancel()
        _kill(process)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr] # both are pipes


def _send(process: subprocess.Popen[bytes], data: bytes) -> None:
    with contextlib.suppress(OSError, ValueError):  # it needs no more, or was killed
        process.stdin.write(data)  # type: ignore[union-attr] # a pipe
        process.stdin.close()  # type: ignore[union-attr]


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)  # with whatever it has started
