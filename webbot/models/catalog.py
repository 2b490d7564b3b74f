"""The language models that webbot knows by name, and which of them are on this machine. Loads none and asks no network."""

from __future__ import annotations

import json
import logging
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webbot.errors import NotFound, Unavailable
from webbot.settings import ROOT, Settings

STARTER = ROOT / "starter" / "chat" / "model"
PREFERRED = "llama-3.2-1b"
HUB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A model that can be loaded by name. Of `repositories` the first that may be read is taken; `size` is in bytes."""

    name: str
    title: str
    repositories: tuple[str, ...]
    size: int = 0


ENTRIES = (
    Entry(
        name="llama-3.2-1b", title="Llama 3.2 1B", size=2_488_000_000,
        repositories=("meta-llama/Llama-3.2-1B-Instruct", "unsloth/Llama-3.2-1B-Instruct"),
    ),
    Entry(
        name="llama-3.2-3b", title="Llama 3.2 3B", size=6_443_000_000,
        repositories=("meta-llama/Llama-3.2-3B-Instruct", "unsloth/Llama-3.2-3B-Instruct"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A model and the folder it is in; `path` is None while it is not on this machine."""

    name: str
    title: str
    path: Path | None = None
    starter: bool = False
    entry: Entry | None = None


def choose(settings: Settings) -> Found:
    """The model to begin with: the one that is set, else Llama 3.2 1B if it is here, else the starter.

    The starter stands in for a named model that is not here yet. A folder is taken as it is: whoever loads it says what is wrong.
    """
    wanted = find(settings.model or PREFERRED, settings)
    if wanted.path is not None:
        return wanted
    if settings.model:
        log.warning("%s is not on this machine; the starter answers until it is loaded", settings.model)
    return _starter()


def find(name: str, settings: Settings) -> Found:
    """The model of that name: one of ENTRIES, "starter", or whatever the setting `model` names.

    Nothing else is found, so that a visitor's form cannot make the server read a folder or fetch a stranger's model.
    Raises NotFound.
    """
    if name == "starter":
        return _starter()
    entry = entry_of(name)
    if entry is not None:
        return Found(name=entry.name, title=entry.title, path=_present(entry, settings), entry=entry)
    if name and name == settings.model:
        return _named(name, settings)
    raise NotFound("There is no model {name}. `./run_webbot.sh models` shows the names.", name=repr(name)[:80])


def entry_of(name: str) -> Entry | None:
    """The entry of a name, in any case, also by the name that it has on the hub."""
    wanted = name.lower()
    return next((entry for entry in ENTRIES if wanted in (entry.name, *map(str.lower, entry.repositories))), None)


def here(settings: Settings) -> Iterator[Found]:
    """Every known model, whether it is on this machine or not; the starter last."""
    for entry in ENTRIES:
        yield find(entry.name, settings)
    if settings.model and entry_of(settings.model) is None and settings.model != "starter":
        yield find(settings.model, settings)
    yield _starter()


def offer(settings: Settings) -> dict[str, Any] | None:
    """The model that the page offers while the starter answers: name, title, size, possible, and the reason where it is not.

    None when the starter was asked for.
    """
    if settings.model == "starter":
        return None
    found = find(settings.model or PREFERRED, settings)
    if found.entry is None and found.path is not None:
        return None
    size = found.entry.size if found.entry else 0
    reason = "" if found.path else _obstacle(size, settings)
    return {
        "name": found.name, "title": found.title, "size": f"{size / 1e9:.1f} GB" if size else "",
        "possible": not reason, "reason": reason,
    }


def download_command(found: Found, settings: Settings) -> list[str]:
    """The command that brings the model to the folder where `find` sees it. Raises Unavailable when no hub may be asked."""
    if settings.offline:
        raise Unavailable("This server never asks a model hub (WEBBOT_OFFLINE). Please put the model into its folder by hand.")
    return [sys.executable, "-m", "webbot.models.download", found.name, str(settings.models / _folder_name(found.name))]


def _starter() -> Found:
    return Found(name="starter", title="The starter", path=STARTER, starter=True)


def _named(name: str, settings: Settings) -> Found:
    """A folder, or a model of the hub by its owner and name."""
    folder = Path(name).expanduser()
    if folder.exists() or not HUB_NAME.fullmatch(name):
        return Found(name=name, title=folder.name, path=folder.resolve())
    title = name.rpartition("/")[2].replace("-", " ")
    return Found(name=name, title=title, path=_present(Entry(name=name, title=title, repositories=(name,)), settings))


def _present(entry: Entry, settings: Settings) -> Path | None:
    candidates = [settings.models / _folder_name(entry.name)]
    candidates += [folder for repository in entry.repositories for folder in _hub_cache(repository)]
    return next((folder for folder in candidates if is_whole(folder)), None)


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


def _hub_cache(repository: str) -> Iterator[Path]:
    """Where other programs on this machine have put a model of the hub."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
    try:
        yield folder / "snapshots" / (folder / "refs" / "main").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return


def _folder_name(name: str) -> str:
    return name.replace("/", "--")


def _obstacle(size: int, settings: Settings) -> str:
    """Why a model of `size` bytes cannot be downloaded, as far as that shows without asking anybody."""
    if settings.offline:
        return "This server never asks a model hub (WEBBOT_OFFLINE)."
    folder = next(folder for folder in (settings.models, *settings.models.parents) if folder.exists())
    if shutil.disk_usage(folder).free < size * 1.05:
        return "The disk has no room for a larger model."
    return ""
