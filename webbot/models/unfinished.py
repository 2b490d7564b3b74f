"""Downloads that have begun and did not come to their end: `NAME.part` in the folder of models, where the next try goes on.

A note in the folder says which model it is and how large; one without it is known by the form of its name.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from webbot.errors import Conflict
from webbot.models import spec
from webbot.models.spec import Spec
from webbot.progress import size_text

SUFFIX, NOTE = ".part", ".webbot.part.json"
UNFINISHED = ".unfinished"  # the ending of a file that has not come whole
LONGEST_NOTE = 4096
BEGUN = "{come} of {whole} have come; the download goes on there."
BEGUN_UNKNOWN = "{come} have come; the download goes on there."


@dataclass(frozen=True, slots=True)
class Unfinished:
    """`target` is the folder or file that it would become, `hub` where it comes from, None where nobody knows, `total` its
    bytes when it is whole, 0 where nobody knows."""

    target: Path
    hub: Spec | None
    total: int

    @property
    def place(self) -> Path:
        return place(self.target)

    @property
    def is_gguf(self) -> bool:
        return self.target.suffix.lower() == ".gguf"

    @property
    def come(self) -> int:
        """The bytes that are there."""
        try:
            return size(self.place)
        except OSError:
            return 0

    @property
    def sentence(self) -> str:
        come = size_text(self.come) or "0 MB"
        return BEGUN.format(come=come, whole=size_text(self.total)) if self.total else BEGUN_UNKNOWN.format(come=come)

    def is_of(self, hub: Spec) -> bool:
        """Whether the model of the hub goes on here."""
        if self.hub is None or (self.hub.repository, self.hub.revision) != (hub.repository, hub.revision):
            return False
        return hub.is_kept_as(self.target.name) if self.is_gguf else not hub.is_gguf

    def remove(self) -> int:
        """Deletes it; the bytes that became free. Raises Conflict while it is being downloaded, and OSError."""
        come = self.come
        with alone(self.target):
            shutil.rmtree(self.place)
        return come


def place(target: Path) -> Path:
    return target.with_name(target.name + SUFFIX)


def begin(target: Path, name: str, total: int) -> Path:
    """The folder in which `target` arrives, with its note. `name` is what was asked for."""
    part = place(target)
    part.mkdir(exist_ok=True)
    (part / NOTE).write_text(json.dumps({"name": name, "total": total}) + "\n", encoding="utf-8")
    return part


def all_in(models: Path) -> list[Unfinished]:
    """Those of the folder of models. A folder that only happens to end like one is none of them."""
    try:
        folders = sorted(path for path in models.iterdir() if path.suffix == SUFFIX and not path.name.startswith("."))
    except OSError:
        return []
    return [found for folder in folders if not folder.is_symlink() and folder.is_dir() and (found := _read(folder)) is not None]


def _read(folder: Path) -> Unfinished | None:
    target, name, total = folder.with_suffix(""), "", 0
    try:
        with (folder / NOTE).open("rb") as opened:
            note = json.loads(opened.read(LONGEST_NOTE))
        name, total = str(note["name"]), max(0, int(note["total"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        pass
    owner, _, last = target.name.partition("--")
    hub = spec.parse(name) or spec.parse(f"{owner}/{last}")
    known = hub is not None or bool(name)
    try:
        return Unfinished(target, hub, total) if known or any(folder.glob(f"*{UNFINISHED}")) else None
    except OSError:
        return None


def size(folder: Path) -> int:
    """The bytes that are there, those of unfinished files too. Raises OSError."""
    total = 0
    for file in folder.iterdir():
        try:
            total += file.stat().st_size if file.is_file() and not file.name.startswith(".") else 0
        except FileNotFoundError:  # just renamed
            continue
    return total


@contextmanager
def alone(target: Path) -> Iterator[IO[str]]:
    """Holds the download of this model until it ends, however it ends. Raises Conflict while another process has it."""
    with target.with_name(f".{target.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict("Another process is downloading {name} already.", name=target.name) from None
        yield lock
