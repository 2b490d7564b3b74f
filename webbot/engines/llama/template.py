"""Renders chat templates in a process of its own, with limits of time and memory: a template is a program of strangers.

Jinja's sandbox keeps it from Python's insides. The process keeps what comes through all the same: it can open no file and no
connection, write nothing, and is killed when a template computes or grows too long. `python -m webbot.engines.llama.template`
reads lines of JSON from standard input, {"source": template} or {"values": {...}}, and answers each by a line {"text": ...} or
{"error": ...}. The names and filters that templates find are those of transformers.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

SECONDS = 2.0  # of the processor, for one rendering
PATIENCE = 20.0  # seconds on the clock: the machine may be busy
BYTES = 512 * 1024**2
LEAST_CHARACTERS, GROWTH = 1_000_000, 20  # a text may have so many characters, or so many times those of its values
PIECE = 1 << 20


class TemplateError(Exception):
    """A template cannot be rendered; the text says why."""


class Renderer:
    """Renders templates, one after the other, in a process that starts when it is first needed and again when it was lost."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._source: str | None = None  # the template that the process has

    def render(self, source: str, values: Mapping[str, Any]) -> str:
        """The text that the template `source` makes of `values`, which JSON can hold. Raises TemplateError."""
        with self._lock:
            try:
                if self._process is None or self._process.poll() is not None:
                    self._end()
                    self._start()
                if source != self._source:
                    self._source = None
                    self._ask({"source": source})
                    self._source = source
                return self._ask({"values": values})
            except OSError:
                self._end()
                raise TemplateError("it takes too long or too much memory") from None

    def close(self) -> None:
        with self._lock:
            self._end()

    def _start(self) -> None:
        command = [sys.executable, "-m", "webbot.engines.llama.template", str(self._seconds)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._source = None

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
        self._process = None

    def _ask(self, request: Mapping[str, Any]) -> str:
        """Raises OSError when the process is lost or hangs."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.write(json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        answer = json.loads(self._line(process))
        if "error" in answer:
            raise TemplateError(answer["error"])
        return answer["text"]

    def _line(self, process: subprocess.Popen[bytes]) -> bytes:
        assert process.stdout is not None
        until, line = time.monotonic() + PATIENCE, bytearray()
        while not line.endswith(b"\n"):
            readable, _, _ = select.select([process.stdout], [], [], max(until - time.monotonic(), 0))
            part = os.read(process.stdout.fileno(), PIECE) if readable else b""
            if not part:
                raise ConnectionError("the process of the templates is lost")
            line += part
        return bytes(line)


@lru_cache(maxsize=1)
def renderer() -> Renderer:
    """The one of this process."""
    return Renderer()


def main() -> None:
    """The process that renders."""
    environment = _environment()
    _confine()
    template: Any = None
    for line in sys.stdin.buffer:
        signal.setitimer(signal.ITIMER_PROF, float(sys.argv[1]))  # nothing catches its signal: the process ends
        try:
            request = json.loads(line)
            if "source" in request:
                template = None
                template = environment.from_string(request["source"])
                answer = {"text": ""}
            else:
                answer = {"text": _render(template, request["values"], max(LEAST_CHARACTERS, GROWTH * len(line)))}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}".replace("\n", " ")[:160]}
        signal.setitimer(signal.ITIMER_PROF, 0)
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


def _render(template: Any, values: Mapping[str, Any], limit: int) -> str:
    parts, length = [], 0
    for part in template.generate(**values):
        parts.append(part)
        length += len(part)
        if length > limit:
            raise OverflowError(f"it makes more than {limit} characters")
    return "".join(parts)


def _environment() -> Any:
    """Jinja as transformers sets it up for chat templates."""
    from datetime import datetime

    import jinja2.debug  # noqa: F401 - imported late by jinja itself, when no file can be opened any more
    from jinja2 import TemplateError as Refused
    from jinja2 import nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """{% generation %} marks what an assistant wrote, for training; here its body stands as it is."""

        tags = {"generation"}  # noqa: RUF012 - jinja's way

        def parse(self, parser: Any) -> list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def refuse(message: str) -> None:
        raise Refused(message)

    def as_json(
        value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
    ) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    environment.filters["tojson"] = as_json
    environment.globals |= {"raise_exception": refuse, "strftime_now": lambda form: datetime.now().strftime(form)}
    del environment.globals["lipsum"]
    environment.from_string("{% for x in y %}{{ strftime_now('%d %B') }}{% endfor %}").render(y=[1])  # what is read late, is read
    return environment


def _confine() -> None:
    """From here on the process opens nothing, writes nothing to a disk and starts nothing."""
    time.localtime()
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE, resource.RLIMIT_NPROC):
        resource.setrlimit(limit, (0, 0))


if __name__ == "__main__":
    main()
