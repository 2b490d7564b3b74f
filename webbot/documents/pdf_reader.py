"""The process that reads a PDF: `python -m webbot.documents.pdf_reader LIMITS`, the fields of Limits as JSON.

The file comes on standard input. On standard output goes one JSON object: {"text": ...} or {"trouble": word}, a word of "pages",
"characters", "password", "memory" and "broken".
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
from io import BytesIO
from typing import Any

from webbot.documents.limits import Limits
from webbot.documents.plain import CONTROLS

CALM = 10  # how far the computing of answers goes before this
DEPTH = 1000  # of calls: a page tree that goes deeper is no honest one
UNREAD = "(Page {number} of the file cannot be read.)"
MOST_OPEN = 32  # files: this one's own and Python's modules


def main() -> None:
    limits = Limits(**json.loads(sys.argv[1]))
    data = sys.stdin.buffer.read()
    _confine(limits, len(data))
    try:
        answer = _read(data, limits)
    except MemoryError:
        answer = {"trouble": "memory"}
    except Exception:  # whatever a stranger's file makes pypdf do
        answer = {"trouble": "broken"}
    sys.stdout.buffer.write(json.dumps(answer).encode())
    sys.stdout.buffer.flush()
    os._exit(0)  # what a hostile file has left in memory need not be cleared away


def _read(data: bytes, limits: Limits) -> dict[str, Any]:
    from pypdf import PasswordType, PdfReader

    logging.disable(logging.CRITICAL)  # pypdf tells every oddity of a broken file
    reader = PdfReader(BytesIO(data))
    if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        return {"trouble": "password"}
    parts: list[str] = []
    length = broken = 0
    for number, page in enumerate(reader.pages, start=1):
        if number > limits.pages:
            return {"trouble": "pages"}
        try:
            text = CONTROLS.sub("", page.extract_text()).encode("utf-8", "replace").decode().strip()
        except MemoryError:
            raise
        except Exception:  # the other pages may be readable
            text = UNREAD.format(number=number)
            broken += 1
        length += len(text) + 2
        if length > limits.characters:
            return {"trouble": "characters"}
        if text:
            parts.append(text)
    return {"text": "\n\n".join(parts)} if len(parts) > broken else {"trouble": "broken"} if broken else {"text": ""}


def _confine(limits: Limits, size: int) -> None:
    """From here on the process has little memory and time, writes nothing to a disk and starts nothing."""
    os.nice(CALM)
    sys.setrecursionlimit(DEPTH)
    memory = limits.memory_bytes + 2 * size
    for kind, most in (
        (resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, limits.processor_seconds), (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NPROC, 0), (resource.RLIMIT_NOFILE, MOST_OPEN),
    ):
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    main()
