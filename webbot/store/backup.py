"""A backup: everything in a store in one file, whatever store it is from.

The file is gzip over lines of JSON: a head, a line for each record, and an end with counts and hashes. Covered: a file that was
cut, changed by accident, or is none of ours is told before anything of it is used; it is only there once it is whole, and only
its user may read it. Not covered: a file that somebody forged on purpose, hashes and all.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import gzip
import hashlib
import json
import os
import time
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from webbot.errors import Conflict, DiskFull, SettingsError, Unusable
from webbot.store.base import Record
from webbot.store.sums import KINDS, Sums

FORMAT = 2  # 1 knew no entries and no counters
LONGEST_HEAD = 4096  # bytes
LONGEST_LINE = 1024 * 1024 * 1024  # bytes; the line of a file has its bytes in base64
PACKING = 5  # of gzip's 9

FOREIGN = "{file} is not a backup of webbot."
CUT = "{file} is not whole: it ends too early. Nothing was taken from it."
CHANGED = "{file} is damaged: it is not as it was written. Nothing was taken from it."


def write(path: Path, records: Iterable[Record], about: dict[str, Any]) -> Sums:
    """Writes the records into the file, which takes the place of an older backup only when it is whole on the disk.

    `about` is told in the head. Raises Conflict when another backup is being written there or something else stands there,
    DiskFull, SettingsError when the place cannot be written, and what `records` raises. Then the file is as it was.
    """
    if path.exists():
        _refuse_others(path)
    part = path.with_name(f".{path.name}.part")
    try:
        with _held(part) as file:
            try:
                sums = _write(file, records, about)
                part.replace(path)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
        _sync_folder(path.parent)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFull("The disk of {file} is full. What was there before is as it was.", file=path) from error
        raise SettingsError("{file} cannot be written: {reason}.", file=path, reason=error.strerror or error) from error
    return sums


def head(path: Path) -> dict[str, Any]:
    """What is told at the beginning: "made_at" (seconds since 1970) and what `write` was given. Raises what `read` raises."""
    with _opened(path) as lines:
        return _head(path, lines)


def read(path: Path) -> Iterator[Record]:
    """The records of the file. Raises SettingsError when it cannot be read, Unusable when it is none or not as it was written:
    that may come at its end, so that nothing read before counts until then."""
    with _opened(path) as lines:
        _head(path, lines)
        hashed, sums = hashlib.sha256(), Sums()
        while line := _line(path, lines):
            value = _value(path, line)
            if "end" in value:
                _check_end(path, value["end"], hashed.hexdigest(), sums)
                if _line(path, lines):
                    raise Unusable(CHANGED, file=path)
                return
            hashed.update(line)
            record = _record(path, value)
            try:
                sums.add(record)
            except (KeyError, TypeError, ValueError):  # no end where there must be one
                raise Unusable(CHANGED, file=path) from None
            yield record
    raise Unusable(CUT, file=path)


# writing


def _refuse_others(path: Path) -> None:
    """A slip of the fingers must not cost another file, such as the database itself."""
    try:
        with _opened(path) as lines:
            _head(path, lines)
    except Unusable:
        raise Conflict("{file} is there and is not a backup of webbot. Please choose another name.", file=path) from None


@contextlib.contextmanager
def _held(part: Path) -> Iterator[IO[bytes]]:
    """The file at `part`, empty, for this process alone. One that was left by a killed process is taken over."""
    descriptor = os.open(part, os.O_CREAT | os.O_RDWR, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict("Another backup is being written to {file}.", file=part) from None
        os.fchmod(file.fileno(), 0o600)
        file.truncate(0)
        yield file


def _write(file: IO[bytes], records: Iterable[Record], about: dict[str, Any]) -> Sums:
    sums, hashed = Sums(), hashlib.sha256()
    with gzip.GzipFile("", "wb", PACKING, file) as packed:
        packed.write(_dumped({"webbot": "backup", "format": FORMAT, "made_at": time.time(), **about}))
        for record in sums.passing(records):
            line = _dumped(_packed(record))
            hashed.update(line)
            packed.write(line)
        counted = {kind: {"count": one.count, "hash": one.hash} for kind, one in sums.at(0).items()}
        packed.write(_dumped({"end": {"sha256": hashed.hexdigest(), "kinds": counted}}))
    file.flush()
    os.fsync(file.fileno())
    return sums


def _packed(record: Record) -> dict[str, Any]:
    raw = {name: base64.b64encode(value).decode() for name, value in record.fields.items() if isinstance(value, bytes)}
    fields = {name: value for name, value in record.fields.items() if name not in raw}
    return {"kind": record.kind, "id": record.id, "fields": fields} | ({"bytes": raw} if raw else {})


def _dumped(value: Any) -> bytes:
    """Only ASCII, so that any text, whatever it is, comes back as it was."""
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# reading


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        with path.open("rb") as file, gzip.GzipFile(fileobj=file) as lines:
            yield lines  # type: ignore[misc]
    except gzip.BadGzipFile:
        raise Unusable(CHANGED, file=path) from None
    except OSError as error:
        raise SettingsError("{file} cannot be read: {reason}.", file=path, reason=error.strerror or error) from None


def _line(path: Path, lines: IO[bytes], longest: int = LONGEST_LINE) -> bytes:
    """The next line, b"" at the end."""
    try:
        line = lines.readline(longest + 1)
    except EOFError:
        raise Unusable(CUT, file=path) from None
    except zlib.error:
        raise Unusable(CHANGED, file=path) from None
    if len(line) > longest or (line and not line.endswith(b"\n")):
        raise Unusable(CHANGED, file=path)
    return line


def _head(path: Path, lines: IO[bytes]) -> dict[str, Any]:
    try:
        head = json.loads(_line(path, lines, LONGEST_HEAD))
    except (Unusable, gzip.BadGzipFile, ValueError, RecursionError):
        raise Unusable(FOREIGN, file=path) from None
    if not isinstance(head, dict) or head.get("webbot") != "backup" or not isinstance(head.get("format"), int):
        raise Unusable(FOREIGN, file=path)
    if head["format"] > FORMAT:
        raise Unusable("{file} was made by a newer webbot. Please use that one.", file=path)
    return head


def _value(path: Path, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise Unusable(CHANGED, file=path) from None
    if not isinstance(value, dict):
        raise Unusable(CHANGED, file=path)
    return value


def _record(path: Path, value: dict[str, Any]) -> Record:
    kind, id, fields, raw = (value.get(name) for name in ("kind", "id", "fields", "bytes"))
    if kind not in KINDS or not isinstance(id, str) or not isinstance(fields, dict) or not isinstance(raw, dict | None):
        raise Unusable(CHANGED, file=path)
    try:
        return Record(kind, id, fields | {name: base64.b64decode(text, validate=True) for name, text in (raw or {}).items()})
    except (ValueError, TypeError):
        raise Unusable(CHANGED, file=path) from None


def _check_end(path: Path, end: Any, hashed: str, sums: Sums) -> None:
    """The hashes of the kinds are for people who compare two backups: another webbot may add them up in another way."""
    counted = {kind: one.count for kind, one in sums.at(0).items() if one.count}
    try:
        told = {kind: one["count"] for kind, one in end["kinds"].items() if one["count"]}
    except (TypeError, KeyError, AttributeError):
        raise Unusable(CHANGED, file=path) from None
    if end.get("sha256") != hashed or told != counted:
        raise Unusable(CHANGED, file=path)
