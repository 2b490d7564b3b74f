"""llama.cpp itself: its own server in this process. Knows the package xllamacpp; nobody else does.

Answers are asked for by calls in this process, text is read as tokens over a Unix socket that only this user can reach: the
package has no other way. The socket lies beside the one of this process; no port is opened.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xllamacpp

from webbot.errors import Unusable

ERRORS_ONLY = 1  # of llama.cpp's log
CELLS = 256  # llama.cpp makes room for multiples of so many tokens
REASON = re.compile(r"(?:error loading model|Assertion|GGML_ASSERT|terminate called|what\(\)|error):?\s*(.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`slots` answers at once, each with room for `context` tokens; `piece` tokens of a prompt are read in one go.
    `gpu_layers` -1: all, as far as they fit."""

    file: Path
    socket: Path
    context: int
    slots: int
    threads: int
    piece: int
    gpu_layers: int


class Server:
    """A model that llama.cpp has loaded. Raises Unusable with llama.cpp's reason when it refuses the file, or when it ended the
    process over the same file before (then the socket's log is still there)."""

    def __init__(self, wanted: Wanted) -> None:
        self._path = str(wanted.socket)
        wanted.socket.unlink(missing_ok=True)
        self.devices = graphics()
        with listening_in(wanted.file, wanted.socket.with_suffix(".log")) as said:
            try:
                self._server = xllamacpp.Server(_parameters(wanted))
            except (RuntimeError, ValueError) as error:
                raise _refused(wanted.file, said() or str(error)) from None
        wanted.socket.chmod(0o600)

    def tokenize(self, text: str, *, special: bool = False, beginning: bool = False) -> list[int]:
        """Token ids; with `special` control tokens are read as such, with `beginning` come those that stand before every text."""
        body = {"content": text, "parse_special": special, "add_special": beginning}
        with contextlib.closing(_Connection(self._path)) as connection:
            connection.request("POST", "/tokenize", json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return json.loads(answer.read())["tokens"]

    def complete(self, body: dict[str, Any], take: Callable[[dict[str, Any]], bool]) -> None:
        """Has a completion computed; `take` gets its events and returns true to end it. Returns when it has ended."""
        self._server.handle_completions(body, take)


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


def graphics() -> list[tuple[str, int]]:
    """What computes here beside the processor, with its free bytes; the package must be built for it."""
    devices = xllamacpp.get_device_info()
    processor = xllamacpp.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU
    return [(device["description"] or device["name"], device["memory_free"]) for device in devices if device["type"] != processor]


def _parameters(wanted: Wanted) -> xllamacpp.CommonParams:
    chosen = xllamacpp.CommonParams()
    chosen.model.path = str(wanted.file)
    chosen.n_parallel = wanted.slots
    chosen.n_ctx = wanted.slots * -(-wanted.context // CELLS) * CELLS
    chosen.kv_unified = False  # each answer has its own room: nobody's long one ends another's
    chosen.n_batch = chosen.n_ubatch = wanted.piece
    chosen.cpuparams.n_threads = chosen.cpuparams_batch.n_threads = wanted.threads
    chosen.n_gpu_layers = wanted.gpu_layers
    chosen.cache_ram_mib = 0  # what one person asked is found again by nobody else
    chosen.ctx_shift = False
    chosen.hostnames, chosen.port = [str(wanted.socket)], 0
    chosen.chat_template, chosen.use_jinja = "chatml", False  # the file's own is not run here
    chosen.offline, chosen.ui, chosen.endpoint_slots, chosen.endpoint_metrics = True, False, False, False
    chosen.verbosity = ERRORS_ONLY
    return chosen


@contextlib.contextmanager
def listening_in(file: Path, log: Path) -> Iterator[Callable[[], str]]:
    """Writes what llama.cpp says to `log` while it loads, for its reason; a log that is there already is from a process that
    llama.cpp ended in the middle of it."""
    if log.exists():
        reason = _reason(log)
        log.unlink(missing_ok=True)
        raise _refused(file, reason or "llama.cpp ended while it read it: it is damaged, or needs more memory than there is")
    sys.stderr.flush()
    before = os.dup(2)
    try:
        with log.open("wb", buffering=0) as opened:
            os.dup2(opened.fileno(), 2)
        yield lambda: _reason(log)
    finally:
        os.dup2(before, 2)
        os.close(before)
        log.unlink(missing_ok=True)


def _reason(log: Path) -> str:
    """The first reason in what llama.cpp said."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((found[1].strip()[:200] for line in lines if (found := REASON.search(line))), "")


def _refused(file: Path, reason: str) -> Unusable:
    return Unusable("The file {file} cannot be loaded by llama.cpp ({reason}).", file=str(file), reason=reason)
