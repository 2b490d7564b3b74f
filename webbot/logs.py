"""How a log line looks: one line for each event, on standard error, without anything that was said or secret.

Control characters are escaped, so that nobody writes a second line or colours into somebody's terminal. What follows the
question mark of an address is cut, because the access code travels there; so are the tokens of links and keys. Callers keep
prompts and transcripts out; of other packages only warnings are heard, because what they tell at debug is theirs.
"""

from __future__ import annotations

import logging
import re
import sys
import time

QUERY = re.compile(r"(/[^\s?'\"]*)\?[^\s'\"]+")
LINK = re.compile(r"(/(?:join|s)/)[^\s/?'\"]+")
KEY = re.compile(r"\bwb-[A-Za-z0-9_-]{8,}|(?i:\bbearer )\S+", re.ASCII)
LONGEST = 2000
OURS = ("webbot", "__main__")  # a process of a model is started as a program


class Line(logging.Formatter):
    """2026-01-31T12:00:00Z level name: message, with a traceback folded into the same line."""

    converter = time.gmtime  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ")

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        line = line if len(line) <= LONGEST else line[:LONGEST] + "..."
        line = KEY.sub("...", LINK.sub(r"\1...", QUERY.sub(r"\1?...", line)))
        return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in line)


def configure(level: str) -> None:
    """Sends the log of this process to standard error. `level` is a value of the log_level setting."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.WARNING, getattr(logging, level.upper())))
    for name in OURS:
        logging.getLogger(name).setLevel(level.upper())
