"""Programs in a row, each reading what the one before writes: text goes in, bytes come out of the last as they are made.

Every program runs without a shell, in an empty private folder, with limits on processor time, memory and what it writes to files.
Nothing of it is left when the generator has ended or is closed. Knows nothing of speech.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from webbot.errors import Unavailable

PREFIX = "speaking-"  # of the private folders
TICK_MILLISECONDS = 50
PIECE = 65536  # bytes
# ffmpeg writes every 24 ms of sound on its own; what a client gets is gathered a little.
SMALL, GATHER_SECONDS = 16384, 0.02
STALL_SECONDS = 30.0  # without a byte from the programs
LONGEST_SECONDS = 1800.0  # with a client that reads slowly
LARGEST_FILE = 128 << 20  # bytes; espeak-ng takes 64 MB of shared memory for a sound server, which counts as a file
ENDING_SECONDS = 5.0  # a program that has closed its output ends by itself
FAILED = "The program that speaks has failed. Please try again, or with another voice."


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command with its limits: seconds of processor time, bytes of address space."""

    command: Sequence[str]
    processor: int
    memory: int = 1 << 30


def run(programs: Sequence[Program], text: bytes, directory: Path) -> Iterator[bytes | None]:
    """What the last program writes, piece by piece; None about every 50 ms while it writes nothing.

    Raises Unavailable when a program fails, stalls, or cannot be started.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=directory) as folder, contextlib.ExitStack() as ends:
        sink, source, processes = _start(programs, folder, ends)
        yield from _pump(sink, source, text)
        _await_end(processes)


def _start(
    programs: Sequence[Program], folder: str, ends: contextlib.ExitStack
) -> tuple[_End, _End, list[subprocess.Popen[bytes]]]:
    """Our ends of the first and of the last pipe, and the processes. `ends` closes and kills them."""
    reading, sink = _pipe(ends)
    processes = []
    for program in programs:
        source, writing = _pipe(ends)
        try:
            process = subprocess.Popen(
                program.command, cwd=folder, env={"LC_ALL": "C.UTF-8", "PATH": os.defpath, "HOME": folder}, stdin=reading.number,
                stdout=writing.number, stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise Unavailable(FAILED) from error
        ends.callback(_kill, process)
        _limit(process.pid, program)
        reading.close()
        writing.close()
        processes.append(process)
        reading = source
    for end in (sink, source):
        os.set_blocking(end.number, False)
    return sink, source, processes


def _pump(sink: _End, source: _End, text: bytes) -> Iterator[bytes | None]:
    poll = select.poll()
    poll.register(source.number, select.POLLIN)
    poll.register(sink.number, select.POLLOUT)
    until, heard = time.monotonic() + LONGEST_SECONDS, time.monotonic()
    while True:
        ready = {number for number, _ in poll.poll(TICK_MILLISECONDS)}
        if not sink.closed and sink.number in ready:
            text = _write(sink.number, text)
            if not text:
                poll.unregister(sink.number)
                sink.close()
        if source.number in ready:
            data = os.read(source.number, PIECE)
            if not data:
                return
            yield data
            heard = time.monotonic()
            if len(data) < SMALL:
                time.sleep(GATHER_SECONDS)
        else:
            yield None
        if time.monotonic() > min(until, heard + STALL_SECONDS):
            raise Unavailable(FAILED)


def _write(number: int, text: bytes) -> bytes:
    """What is left to be written; nothing when nobody reads it."""
    try:
        return text[os.write(number, text):]
    except BlockingIOError:
        return text
    except BrokenPipeError:
        return b""


def _await_end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        try:
            code = process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            code = -1
        if code != 0:
            raise Unavailable(FAILED)


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _limit(pid: int, program: Program) -> None:
    if not hasattr(resource, "prlimit"):
        return  # only Linux can limit a process from outside; the deadlines hold everywhere
    with contextlib.suppress(ProcessLookupError):  # it has ended already
        resource.prlimit(pid, resource.RLIMIT_CPU, (program.processor, program.processor))
        resource.prlimit(pid, resource.RLIMIT_AS, (program.memory, program.memory))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (LARGEST_FILE, LARGEST_FILE))


class _End:
    """One end of a pipe."""

    def __init__(self, number: int) -> None:
        self.number, self.closed = number, False

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            os.close(self.number)


def _pipe(ends: contextlib.ExitStack) -> tuple[_End, _End]:
    reading, writing = (_End(number) for number in os.pipe())
    ends.callback(reading.close)
    ends.callback(writing.close)
    return reading, writing
