"""Downloads published Whisper weights, as a process of its own: `python -m webbot.speech.download NAME FOLDER`.

Prints JSON lines {"done": bytes, "total": bytes, "sentence": text}; the last one of a run that fails says why, and has the
"problem". The file appears under its name only when it is complete and its SHA-256 is the published one; a download that broke
or was killed goes on where it was.
"""

from __future__ import annotations

import argparse
import errno
import fcntl
import hashlib
import http
import http.client
import json
import shutil
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from io import BufferedRandom
from pathlib import Path

from webbot.errors import Conflict, DiskFull, Problem, Unavailable, Unusable
from webbot.modelhost import frames
from webbot.speech import weights

BLOCK_BYTES = 1 << 18
REPORT_SECONDS = 0.25
TIMEOUT_SECONDS = 30.0
Report = Callable[[int, int, str], None]  # bytes done, bytes in all, what goes on


def download(url: str, checksum: str, target: Path, report: Report) -> None:
    """Fetches `url` to `target`, from where an earlier try ended. Raises Unavailable without a network, Unusable for a wrong
    file, DiskFull, Conflict while another process does it."""
    name = target.stem
    report(0, 0, f"Downloading Whisper {name}.")
    path = target.with_name(f".{name}-{checksum[:16]}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as part:
            _hold(part, name)
            if _fetch(url, part, report, name) != checksum:
                path.unlink()
                raise Unusable(
                    "The downloaded file of Whisper {name} is not the published one (its checksum differs). "
                    "Please try again later.", name=name,
                )
            path.chmod(0o644)
            path.replace(target)
    except OSError as error:
        raise _explained(error, url, name) from error
    finally:
        if path.is_file() and not path.stat().st_size:
            path.unlink()


def _hold(part: BufferedRandom, name: str) -> None:
    """The file is this process's until it is closed."""
    try:
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Conflict("Another process is downloading {name} already.", name=f"Whisper {name}") from None


def _fetch(url: str, part: BufferedRandom, report: Report, name: str) -> str:
    """Completes `part` with the answer of `url`; returns the SHA-256 of all of it."""
    part.seek(0)
    digest = hashlib.file_digest(part, "sha256")
    done, told = part.tell(), 0.0
    try:
        request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})  # noqa: S310
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 (the address is from our own table)
            if done and answer.status != http.HTTPStatus.PARTIAL_CONTENT:
                part.truncate(0)
                digest, done = hashlib.sha256(), 0
            missing = int(answer.headers.get("Content-Length") or 0)
            total = done + missing
            _check_space(missing, part)
            for block in _blocks(answer):
                part.write(block)
                digest.update(block)
                done += len(block)
                if time.monotonic() - told > REPORT_SECONDS:
                    told = time.monotonic()
                    report(done, total, f"Downloading Whisper {name}.")
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:  # nothing is missing
            raise
        total = done
    except http.client.HTTPException as error:
        raise OSError(str(error)) from error
    part.flush()
    if done < total:
        raise OSError("the connection was lost")
    report(done, total, f"Checking Whisper {name}.")
    return digest.hexdigest()


def _check_space(missing: int, part: BufferedRandom) -> None:
    if missing > shutil.disk_usage(part.name).free:
        raise OSError(errno.ENOSPC, "the file is larger than the free space")


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
    if not weights.known(wanted.name):
        parser.error(f"openai-whisper publishes no weights named {wanted.name!r}")
    url, checksum = weights.address(wanted.name, wanted.source)
    try:
        download(url, checksum, wanted.folder / url.rsplit("/", 1)[1], _print)
    except Problem as problem:
        _print(0, 0, str(problem), problem=frames.pack_problem(problem))
        return 1
    return 0


def _print(done: int, total: int, sentence: str, **more: object) -> None:
    sys.stdout.write(json.dumps({"done": done, "total": total, "sentence": sentence} | more) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
