"""Downloads published Whisper weights, as a process of its own: `python -m webbot.speech.download NAME FOLDER`.

Prints JSON lines {"done": bytes, "total": bytes, "sentence": text}; the last sentence of a run that fails says why. The file
appears under its name only when it is complete and its SHA-256 is the published one.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import http.client
import json
import shutil
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from webbot.errors import DiskFull, Problem, Unavailable, Unusable
from webbot.speech import weights

BLOCK_BYTES = 1 << 18
REPORT_SECONDS = 0.25
TIMEOUT_SECONDS = 30.0
Report = Callable[[int, int, str], None]  # bytes done, bytes in all, what goes on


def download(url: str, checksum: str, target: Path, report: Report) -> None:
    """Fetches `url` to `target`. Raises Unavailable without a network, Unusable for a wrong file, DiskFull."""
    name = target.stem
    report(0, 0, f"Downloading Whisper {name}.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(prefix=f".{name}-", suffix=".part", dir=target.parent, delete=False) as part:
            path = Path(part.name)
            try:
                found = _fetch(url, part, report, name)
                if found != checksum:
                    raise Unusable(
                        "The downloaded file of Whisper {name} is not the published one (its checksum differs). "
                        "Please try again later.", name=name,
                    )
                path.chmod(0o644)
                path.replace(target)
            finally:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise _explained(error, url, name) from error


def _fetch(url: str, part: IO[bytes], report: Report, name: str) -> str:
    """Writes the answer of `url` to `part`; returns its SHA-256."""
    digest, done, told = hashlib.sha256(), 0, 0.0
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 (the address is from our own table)
            total = int(answer.headers.get("Content-Length") or 0)
            if total > shutil.disk_usage(part.name).free:
                raise OSError(errno.ENOSPC, "the file is larger than the free space")
            for block in _blocks(answer):
                part.write(block)
                digest.update(block)
                done += len(block)
                if time.monotonic() - told > REPORT_SECONDS:
                    told = time.monotonic()
                    report(done, total, f"Downloading Whisper {name}.")
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    part.flush()
    report(done, total, f"Checking Whisper {name}.")
    return digest.hexdigest()


def _blocks(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while block := answer.read(BLOCK_BYTES):
        yield block


def _explained(error: OSError, url: str, name: str) -> Problem:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull("The disk has no room for Whisper {name}. Please free some space and try again.", name=name)
    host = urllib.parse.urlsplit(url).hostname
    if isinstance(error, urllib.error.HTTPError):
        return Unavailable(
            "Whisper {name} could not be downloaded: {host} answered with {number}.", name=name, host=host, number=error.code
        )
    return Unavailable(
        "Whisper {name} could not be downloaded: {host} cannot be reached from this machine ({reason}).",
        name=name, host=host, reason=str(getattr(error, "reason", error))[:200],
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m webbot.speech.download", description="Downloads Whisper weights.")
    parser.add_argument("name", help="one of: " + ", ".join([*weights.CHECKSUMS, *weights.SHORT_NAMES]))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--source", default=weights.SOURCE, help="a mirror with the same layout")
    wanted = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the unfinished file is removed
    if not weights.known(wanted.name):
        parser.error(f"openai-whisper publishes no weights named {wanted.name!r}")
    url, checksum = weights.address(wanted.name, wanted.source)
    try:
        download(url, checksum, wanted.folder / url.rsplit("/", 1)[1], _print)
    except Problem as problem:
        _print(0, 0, str(problem))
        return 1
    return 0


def _print(done: int, total: int, sentence: str) -> None:
    sys.stdout.write(json.dumps({"done": done, "total": total, "sentence": sentence}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
