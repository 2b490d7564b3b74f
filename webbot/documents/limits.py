"""What reading a file may cost."""

from __future__ import annotations

from dataclasses import dataclass

MOST_CHARACTERS = 2_000_000  # of the text of one file: several thousand pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the process that reads a PDF may take: seconds of the processor and on the clock, bytes of memory beside the file,
    pages, characters of text."""

    processor_seconds: int = 20
    seconds: float = 40.0
    memory_bytes: int = 512 * 1024**2
    pages: int = 5000
    characters: int = MOST_CHARACTERS
