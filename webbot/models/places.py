"""Where models lie on this machine: in the folder of models, and in the hub's cache, which other programs fill."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from webbot.models import spec


def gguf_files(models: Path) -> list[Path]:
    """The GGUF files, of a split one the first part; not those that hold eyes (mmproj) for another one."""
    return sorted(
        file for file in models.glob("*.gguf")
        if spec.first_part(file.stem) and not file.name.startswith((".", "mmproj")) and file.is_file()
    )


def parts(file: Path) -> list[Path]:
    """The files of a GGUF model: one, or all those that it was split into."""
    split = spec.PART.search(file.stem)
    if split is None:
        return [file]
    stem = spec.PART.sub("", file.stem)
    return [file.with_name(f"{stem}-{number:05}-of-{split[2]}{file.suffix}") for number in range(1, int(split[2]) + 1)]


def is_whole(folder: Path) -> bool:
    """Whether all files of a model seem to be there; whether they are any good is looked at when it is loaded."""
    index = folder / "model.safetensors.index.json"
    names = {"model.safetensors"}
    try:
        if index.exists():
            names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        return all((folder / name).is_file() for name in ("config.json", "tokenizer.json", *names))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def hub_cache(repository: str, revision: str) -> Iterator[Path]:
    """Where other programs on this machine have put a model of the hub: that revision, else the one they took for the newest."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
    yield folder / "snapshots" / revision
    try:
        yield folder / "snapshots" / (folder / "refs" / spec.MAIN).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return


def size(model: Path) -> int:
    """The bytes of a folder's files, of a file and the parts that belong to it; 0 for what is not there."""
    try:
        return sum(map(_length, model.iterdir() if model.is_dir() else parts(model)))
    except OSError:
        return 0


def _length(file: Path) -> int:
    try:
        return file.stat().st_size if file.is_file() else 0
    except OSError:
        return 0
