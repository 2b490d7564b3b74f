"""Deletes a model that webbot downloaded, or what has come of one, and nothing else: a folder of the settings, another
program's and the starter stay."""

from __future__ import annotations

import shutil
from pathlib import Path

from webbot.errors import Conflict, NotFound, Unavailable
from webbot.models import manifest, places
from webbot.models.found import Found
from webbot.models.unfinished import Unfinished
from webbot.settings import Settings


def remove(found: Found, settings: Settings) -> int:
    """Returns the bytes that became free. Raises NotFound while it is absent, Conflict for what is not ours."""
    if found.begun is not None and not (found.path is not None and found.removable):
        return _remove_begun(found.begun)
    if found.path is None:
        raise NotFound("{name} is not on this machine.", name=found.title)
    if found.starter:
        raise Conflict("{name} is a part of webbot and stays.", name=found.title)
    if not found.removable or not found.path.resolve().is_relative_to(settings.models.resolve()):
        raise Conflict("{name} was not downloaded by webbot. If nothing else needs it, please delete {path} by hand.",
                       name=found.title, path=str(found.path))
    try:
        if found.path.is_symlink():
            found.path.unlink()
        elif found.path.is_dir():
            _remove_folder(found.path)
        else:
            for file in [*places.parts(found.path), manifest.place(found.path)] if found.kind == "gguf" else [found.path]:
                file.unlink(missing_ok=True)
    except OSError as error:
        raise Unavailable("{file} cannot be deleted.", file=str(error.filename or found.path)) from error
    return found.size + (_remove_begun(found.begun) if found.begun is not None else 0)


def _remove_begun(begun: Unfinished) -> int:
    try:
        return begun.remove()
    except OSError as error:
        raise Unavailable("{file} cannot be deleted.", file=str(error.filename or begun.place)) from error


def _remove_folder(folder: Path) -> None:
    """In one step for whoever looks meanwhile: renamed first."""
    leaving = folder.with_name(f".{folder.name}.removed")
    shutil.rmtree(leaving, ignore_errors=True)
    folder.rename(leaving)
    shutil.rmtree(leaving)
