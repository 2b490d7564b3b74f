"""Archives that hold conversations, such as the one that ChatGPT sends: unpacked in memory, one file at a time, never more than a
limit. Nothing is written, so that names mean nothing.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator

from webbot.errors import BadInput, TooLong, Unusable

MAGIC = b"PK\x03\x04"
CHATGPT = re.compile(r"(?:.*/)?conversations(?:-\d+)?\.json")
OTHERS = re.compile(r"[^/]+\.(?:json|md|markdown)", re.IGNORECASE)
MOST_LISTING = 8 * 1024 * 1024  # bytes of the archive's own list of files
MOST_FILES = 1000  # that are read
TIMES = 4  # all files together may be so many times as long as one
UNREADABLE = "The archive cannot be read: it is broken or cut off."
END = struct.Struct("<4s4H2LH")
ZIP64 = b"PK\x06\x07"


def files(data: bytes, most: int) -> Iterator[bytes]:
    """Each file that may hold conversations, none longer than `most` bytes. Raises Unusable for an archive without
    any, BadInput for a broken one, TooLong."""
    _check_listing(data)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError, OverflowError, EOFError, UnicodeError):
        raise BadInput(UNREADABLE) from None
    chosen = _chosen(archive)
    left = TIMES * most
    for entry in chosen:
        unpacked = _unpack(archive, entry, min(most, left))
        left -= len(unpacked)
        yield unpacked


def _check_listing(data: bytes) -> None:
    """Looks at how long the archive's list says it is, before all of it is made into objects."""
    place = data.rfind(b"PK\x05\x06", max(0, len(data) - 65_557))
    if place < 0 or len(data) - place < END.size:
        raise BadInput(UNREADABLE)
    length = END.unpack_from(data, place)[5]
    if length > MOST_LISTING or data[max(0, place - 20):place].startswith(ZIP64):
        raise TooLong("The archive has too many files. Please unpack it and send conversations.json.")


def _chosen(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    entries = archive.infolist()
    found = [entry for entry in entries if CHATGPT.fullmatch(entry.filename)]
    found = found or [entry for entry in entries if OTHERS.fullmatch(entry.filename)]
    if not found:
        raise Unusable("The archive holds no conversations.json.")
    if len(found) > MOST_FILES:
        raise TooLong("The archive has too many files. Please unpack it and send conversations.json.")
    return sorted(found, key=lambda entry: entry.filename)


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or entry.flag_bits & 1:
        raise BadInput("{name} in the archive is encrypted, or packed in an unusual way.", name=repr(entry.filename[:60]))
    try:
        with archive.open(entry) as file:
            unpacked = file.read(most + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError, struct.error):
        raise BadInput(UNREADABLE) from None
    if len(unpacked) > most:
        raise TooLong("{name} in the archive is longer than {limit} bytes.", name=repr(entry.filename[:60]), limit=most)
    return unpacked
