"""What was downloaded, beside the model: where from, and the size and SHA-256 of each file. So a damaged file is found by name.

A folder keeps it as `.webbot.json`, a file as `FILE.json`. Sizes are compared whenever a model is loaded, hashes when asked for.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from webbot.errors import Unusable

BLOCK_BYTES = 1 << 20
MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class File:
    """`sha256` is what the hub published, or, where it names none, that of the file as it came."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """`files` by their names in the model's folder."""

    repository: str
    revision: str
    files: dict[str, File] = field(default_factory=dict)


def place(model: Path) -> Path:
    """Where the manifest of a model is, a folder or a file."""
    return model.with_name(model.name + ".json") if model.suffix.lower() == ".gguf" else model / ".webbot.json"


def read(model: Path) -> Manifest | None:
    """None where there is none that can be read: the model came by another way."""
    try:
        text = place(model).read_bytes()
        value = json.loads(text[:MOST_BYTES])
        files = {str(name): _file(about) for name, about in value["files"].items() if Path(name).name == name}
        return Manifest(repository=str(value["repository"]), revision=str(value["revision"]), files=files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _file(about: dict[str, Any]) -> File:
    return File(int(about["size"]), str(about["sha256"]))


def write(model: Path, manifest: Manifest) -> None:
    target = place(model)
    written = target.with_name(target.name + ".new")
    written.write_text(json.dumps(asdict(manifest), indent=1) + "\n", encoding="utf-8")
    written.replace(target)


def check(model: Path) -> None:
    """Compares the sizes: cheap. Raises Unusable that names the file which is missing or cut."""
    for file, about in _files(model):
        try:
            size = file.stat().st_size
        except OSError:
            raise Unusable("{file} is missing: the model is not whole. Please load it again.", file=str(file)) from None
        if size != about.size:
            raise Unusable("{file} is truncated: it has {size} of {whole} bytes. Please load the model again.",
                           file=str(file), size=size, whole=about.size)


def verify(model: Path, tell: Callable[[float], None] = lambda share: None) -> int:
    """Compares the hashes too, reading everything; returns how many files there are. Raises Unusable that names the file."""
    check(model)
    files = _files(model)
    whole, done = sum(about.size for _, about in files) or 1, 0
    for file, about in files:
        digest = hashlib.sha256()
        with file.open("rb") as opened:
            while block := opened.read(BLOCK_BYTES):
                digest.update(block)
                done += len(block)
                tell(done / whole)
        if digest.hexdigest() != about.sha256:
            raise Unusable("{file} is not what was downloaded (its SHA-256 differs). Please load the model again.",
                           file=str(file))
    return len(files)


def _files(model: Path) -> list[tuple[Path, File]]:
    manifest = read(model)
    folder = model.parent if model.suffix.lower() == ".gguf" else model
    return [(folder / name, about) for name, about in manifest.files.items()] if manifest is not None else []
