"""How a log line looks: one line for each event, on standard error, without anything that was said or secret.

Control characters are escaped, so that nobody writes a second line or colours into somebody's terminal, and what follows
the question mark of an address is cut, because the access code travels there. Callers keep prompts and transcripts out.
"""

from __future__ import annotations

import logging
import re
import sys
import time

QUERY = re.compile(r"(/[^\s?'\"]*)\?[^\s'\"]+")
LONGEST = 2000


class Line(logging.Formatter):
    """2026-01-31T12:00:00Z level name: message, with a traceback folded into the same line."""

    converter = time.gmtime  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")

    def format(self, record: logging.LogRecord) -> str:
        line = QUERY.sub(r"\1?...", super().format(record))
        line = line if len(line) <= LONGEST else line[:LONGEST] + "..."
        return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in line)


def configure(level: str) -> None:
    """Sends the log of this process to standard error. `level` is a value of the log_level setting."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # What other packages tell about their own work helps nobody in operation.
    for name in ("alembic", "asyncio", "urllib3", "filelock", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
