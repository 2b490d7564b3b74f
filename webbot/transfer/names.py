"""Names of files from titles: safe on every system, and still to be recognised."""

from __future__ import annotations

import re
import unicodedata

UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*%]+')
DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)  # names that Windows keeps for itself
MOST_BYTES = 120  # of UTF-8; file systems take 255


def file_name(title: str, ending: str) -> str:
    """A name with the ending ("json"): no path, no hidden file, no device, nothing that turns the direction of writing."""
    plain = "".join(" " if unicodedata.category(mark) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") else mark for mark in title)
    name = " ".join(UNSAFE.sub(" ", plain).split()).strip(". ")
    name = name.encode("utf-8", "ignore")[:MOST_BYTES].decode("utf-8", "ignore").strip(". ")
    if not name or DEVICES.fullmatch(name.split(".")[0].strip()):
        name = f"conversation {name}".strip()
    return f"{name}.{ending}"
