"""What a file is, by its bytes, and its text."""

from __future__ import annotations

from dataclasses import dataclass

from webbot.documents import pdf, plain
from webbot.errors import Unusable

HEAD_BYTES, TAIL_BYTES = 1024, 2048  # where a PDF may have its marks when others have written around it
# Pictures: where their marks stand, and what they are.
PICTURES = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"), (0, b"\xff\xd8\xff", "image/jpeg"), (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"), (8, b"WEBP", "image/webp"),
)
OTHERS = (b"PK\x03\x04", b"PK\x05\x06", b"\xd0\xcf\x11\xe0", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"{\\rtf")
NOT_READ = (
    "{name} cannot be read: webbot reads text (also Markdown, CSV, JSON and programs) and PDF, and keeps PNG, JPEG, GIF and WebP "
    "pictures. Please save it as one of these."
)


@dataclass(frozen=True, slots=True)
class Document:
    """`media_type` is what the bytes say: safe to be sent to a browser under this name. A picture's `text` is empty."""

    media_type: str
    text: str


def read(name: str, data: bytes) -> Document:
    """The text of a file; `name` is for the sentences only.

    Raises Unusable for what is not read, has no text or is broken, TooLong for a text of more than MOST_CHARACTERS characters
    and for a PDF with too many pages, Unavailable while too many others are being read. A PDF may take seconds.
    """
    if not data:
        raise Unusable("{name} is empty.", name=name)
    for place, mark, media_type in PICTURES:
        if data.startswith(mark, place) and (media_type != "image/webp" or data.startswith(b"RIFF")):
            return Document(media_type, "")
    if _is_pdf(data):
        return Document("application/pdf", pdf.text_of(name, data))
    if data.startswith(OTHERS):
        raise Unusable(NOT_READ, name=name)
    text = plain.text_of(name, data)
    if text is None:
        raise Unusable(NOT_READ, name=name)
    if not text.strip():
        raise Unusable("There is no text in {name}.", name=name)
    return Document("text/plain", text)


def _is_pdf(data: bytes) -> bool:
    """A text that only speaks of PDF has no end of one."""
    mark = b"%PDF-"
    return data.startswith(mark) or (mark in data[:HEAD_BYTES] and b"startxref" in data[-TAIL_BYTES:])
