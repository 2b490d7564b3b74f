"""Weights of openai-whisper in ctranslate2's form: made once on this machine by a process of its own, and kept beside them.

A kept folder says in made.json of which file it was made and what its own files hold, so that one that is broken, or older than
its source, is made again. Knows neither torch nor ctranslate2.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from webbot.errors import DiskFull, Problem, Unusable
from webbot.modelhost import frames
from webbot.settings import ROOT
from webbot.surroundings import process_environment

MADE = "made.json"
FORMAT = 1  # of what the converter writes
STALE_SECONDS = 3600.0
Report = Callable[[float | None, str], None]


def place(source: Path, kept: Path) -> Path:
    """The folder that holds the form of the file `source`."""
    return kept / f"{source.stem}-ct2"


def ready(source: Path, kept: Path, report: Report) -> Path:
    """The folder made of a file with weights; it is made where it is not there or not whole. Raises Unusable and DiskFull."""
    folder = place(source, kept)
    if not (own(folder) and made_of(folder, source)):
        report(None, "Preparing the speech model for ctranslate2. This happens once.")
        _convert(source, folder)
    return folder


def own(folder: Path) -> bool:
    """Whether a folder was made here and holds what it did then."""
    made = _made(folder)
    try:
        return bool(made.get("files")) and all(digest(folder / name) == seen for name, seen in made["files"].items())
    except (OSError, AttributeError):
        return False


def made_of(folder: Path, source: Path) -> bool:
    """Whether a folder was made of this file as it is now. Where its time has changed, its content decides."""
    made = _made(folder)
    try:
        if (made.get("size"), made.get("modified")) == _stamp(source):
            return True
        return bool(made.get("size") == source.stat().st_size and made.get("source") == digest(source))
    except OSError:
        return False


def sign(folder: Path, source: Path, content: str) -> None:
    """Writes made.json. `content` is the digest of the source as it was read."""
    size, modified = _stamp(source)
    files = {path.name: digest(path) for path in sorted(folder.iterdir())}
    made = {"format": FORMAT, "path": str(source.resolve()), "source": content, "size": size, "modified": modified}
    (folder / MADE).write_text(json.dumps(made | {"files": files}, indent=1) + "\n")


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unwritable(folder: Path, error: OSError) -> Problem:
    """What to say of a folder that something was to be written to."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull("The disk is full; the speech model could not be prepared in {path}.", path=folder)
    return Unusable("The folder {path} cannot be written: {reason}.", path=folder, reason=error.strerror)


def _stamp(path: Path) -> tuple[int, int]:
    seen = path.stat()
    return seen.st_size, seen.st_mtime_ns


def _made(folder: Path) -> dict[str, Any]:
    try:
        made = json.loads((folder / MADE).read_text())
    except (OSError, ValueError, RecursionError):
        return {}
    return made if isinstance(made, dict) and made.get("format") == FORMAT else {}


def _convert(source: Path, folder: Path) -> None:
    """In a process that ends with this one: it needs torch, and its memory goes with it."""
    if not source.is_file():
        raise Unusable("There is no file {path} with Whisper weights.", path=source)
    _make_room(source, folder.parent)
    command = [sys.executable, "-m", "webbot.speech.convert", str(source), str(folder), "--until-stdin-ends"]
    with subprocess.Popen(
        command, cwd=ROOT, env=process_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:
        assert process.stdout is not None
        last = (process.stdout.read().splitlines() or [""])[-1]
    if process.returncode == 0:
        return
    with contextlib.suppress(ValueError, KeyError, TypeError):
        raise frames.unpack_problem(json.loads(last)["problem"])
    raise Unusable(
        "The file {path} could not be prepared for ctranslate2: its process ended early, perhaps for want of memory. Please set "
        "speech_engine=whisper.", path=source,
    )


def _make_room(source: Path, kept: Path) -> None:
    """Removes what killed conversions have left, and what was made of weights that are gone.

    Raises DiskFull, and Unusable where nothing can be written.
    """
    try:
        kept.mkdir(parents=True, exist_ok=True)
        for left in kept.glob(".*-ct2-*"):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        for made in kept.glob("*-ct2"):
            if not Path(_made(made).get("path", made)).exists():
                shutil.rmtree(made, ignore_errors=True)
        free = shutil.disk_usage(kept).free
    except OSError as error:
        raise unwritable(kept, error) from error
    if free < source.stat().st_size:
        raise DiskFull(
            "The disk has too little room to prepare the speech model: {free} MB are free, {needed} MB are needed.",
            free=free // 1_000_000, needed=source.stat().st_size // 1_000_000 + 1,
        )
