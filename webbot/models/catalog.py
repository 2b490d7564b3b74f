"""The models that webbot knows by name, and which of them are on this machine. Loads none and asks no network.

Known are the entries, what the settings name, and what lies in the folder of models. A name is never a path: whoever may only
say a name cannot make the server read a folder or fetch a stranger's model.
"""

from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from webbot.errors import NotFound, Unavailable
from webbot.models import choice, manifest, places, spec, unfinished
from webbot.models.entries import ENTRIES, Entry, Source, entry_of
from webbot.models.found import Found, dashed, titled
from webbot.models.places import is_whole
from webbot.models.removal import remove
from webbot.models.spec import Spec
from webbot.models.unfinished import Unfinished
from webbot.settings import ROOT, Settings
from webbot.speech import weights

__all__ = [
    "ENTRIES", "STARTER", "Entry", "Found", "Source", "choose", "entry_of", "find", "here", "is_whole", "remove", "wanted",
]

STARTER = ROOT / "starter" / "chat" / "model"
PREFERRED = "llama-3.2-1b"
RESERVED = ("llama", "remote", "starter", "whisper-starter")  # what other things are called
LONGEST_NAME = 300
log = logging.getLogger(__name__)


def choose(settings: Settings) -> Found:
    """The language model to begin with: the kept choice, else the setting `model`, else the setting `gguf`, else Llama 3.2 1B
    if it is here, else the starter.

    The starter stands in for a named model that is not here yet. A folder or a file is taken as it is: whoever loads it says
    what is wrong.
    """
    for name in (choice.kept(settings), settings.model, settings.gguf):
        try:
            found = find(name, settings) if name else None
        except NotFound:
            found = None
        if found is not None and found.path is not None and found.kind != "speech":
            return found
        if name:
            log.warning("%s is not on this machine; %s", name, "the starter answers until it is loaded"
                        if name == settings.model else "another model answers")
        if name and name == settings.model:
            return _starter()
    wanted_one = find(PREFERRED, settings)
    return wanted_one if wanted_one.path is not None else _starter()


def find(name: str, settings: Settings) -> Found:
    """The model of that name, here or not. Raises NotFound.

    Also taken are the settings' own spellings, titles with dashes for blanks, and names on the hub of models that are known.
    """
    known = list(here(settings)) if 0 < len(name) < LONGEST_NAME else []
    for found in known:
        if found.name == name.lower():
            return found
    for found in known:
        if found.is_called(name):
            return found
    raise NotFound("There is no model {name}. `./run_webbot.sh models` shows the names.", name=repr(name)[:80])


def wanted(name: str, settings: Settings) -> Found:
    """The model that the owner of this machine names, which may also be any one on the hub. Raises NotFound.

    For the command line only: whoever may call this can fetch what they like.
    """
    try:
        return find(name, settings)
    except NotFound:
        if weights.known(name):
            return find(name, replace(settings, speech_model=name))
        if spec.parse(name) is None:
            raise
        return find(name, replace(settings, model=name))


def here(settings: Settings) -> Iterator[Found]:
    """Every known model, whether it is on this machine or not: language models, Whisper, the starter last."""
    taken: set[str] = set(RESERVED)
    seen: set[Path] = set()
    for found in _candidates(settings):
        place = found.path.resolve() if found.path is not None else None
        if place is not None:
            if place in seen:
                continue
            seen.add(place)
        name = found.name
        number = 1
        while name in taken and not found.starter:
            number += 1
            name = f"{found.name}-{number}"
        taken.add(name)
        yield found if name == found.name else replace(found, name=name)


def _candidates(settings: Settings) -> Iterator[Found]:
    """The models, perhaps with names that others have, too, and perhaps twice; what the settings name comes before what lies
    about. Those whose download has begun are known by that, too."""
    begun = unfinished.all_in(settings.models)
    for found in _language_models(settings):
        one = next((one for one in begun if _goes_on(found, one, settings)), None)
        if one is not None:
            begun.remove(one)
        yield found if one is None else _with_begun(found, one)
    yield from map(_of_unfinished, begun)
    yield from _whispers(settings)
    yield _starter()


def _language_models(settings: Settings) -> Iterator[Found]:
    for entry in ENTRIES:
        if entry.kind == "local":
            yield _of_entry(entry, settings)
    if settings.model:
        yield from _named(settings.model, settings)
    if settings.gguf:
        path = Path(settings.gguf).expanduser()
        yield _of_file(path.resolve(), spelled=settings.gguf)
    yield from _lying(settings.models)


def _goes_on(found: Found, one: Unfinished, settings: Settings) -> bool:
    """Whether the download that has begun is that of the model."""
    if found.path is not None and found.path == one.target:
        return True
    if found.entry is not None:
        return settings.models / found.entry.name == one.target
    return found.path is None and found.hub is not None and one.is_of(found.hub)


def _with_begun(found: Found, one: Unfinished) -> Found:
    if found.path is not None:
        return replace(found, begun=one)
    return replace(found, begun=one, size=one.total or found.size, removable=True)


def _of_unfinished(one: Unfinished) -> Found:
    """A model of which nothing is known but that its download has begun."""
    stem = spec.PART.sub("", one.target.stem) if one.is_gguf else one.target.name.rpartition("--")[2]
    return Found(name=dashed(stem), title=titled(stem), kind="gguf" if one.is_gguf else "local", size=one.total, hub=one.hub,
                 removable=True, begun=one)


def obstacle(found: Found, settings: Settings) -> str:
    """Why a model that is not here cannot be downloaded, as far as that shows without asking anybody; "" where it can."""
    if settings.offline:
        return "This server never asks a model hub (WEBBOT_OFFLINE)."
    folder = next(folder for folder in (settings.models, *settings.models.parents) if folder.exists())
    missing = found.size - (found.begun.come if found.begun is not None else 0)
    if shutil.disk_usage(folder).free < missing * 1.05:
        return "The disk has no room for a larger model."
    return ""


def offer(settings: Settings) -> dict[str, Any] | None:
    """The model that the page offers while the starter answers: name, title, size, possible, and the reason where it is not.

    None when the starter was asked for.
    """
    if settings.model == "starter":
        return None
    found = find(settings.model or PREFERRED, settings)
    if found.entry is None and found.path is not None:
        return None
    reason = "" if found.path else obstacle(found, settings)
    size = found.entry.size if found.entry else 0
    return {
        "name": found.name, "title": found.title, "size": f"{size / 1e9:.1f} GB" if size else "",
        "possible": not reason, "reason": reason,
    }


def download_command(found: Found, settings: Settings) -> list[str]:
    """The command that brings the model to where `find` sees it. Raises Unavailable when no hub may be asked."""
    if settings.offline:
        raise Unavailable("This server never asks a model hub (WEBBOT_OFFLINE). Please put the model into its folder by hand.")
    if found.entry is not None and found.entry.weights:
        return [sys.executable, "-m", "webbot.speech.download", found.entry.weights, str(weights.folder(settings.models))]
    name = found.entry.name if found.entry is not None else str(found.hub)
    if found.entry is None and found.hub is None:
        raise Unavailable("{name} did not come from a hub and cannot be loaded from one.", name=found.title)
    return [sys.executable, "-m", "webbot.models.download", name, str(settings.models)]


# what each model is


def _starter() -> Found:
    return Found(name="starter", title="The starter", path=STARTER, size=places.size(STARTER), starter=True)


def _of_entry(entry: Entry, settings: Settings) -> Found:
    candidates = [settings.models / entry.name]
    candidates += [folder for source in entry.sources for folder in places.hub_cache(source.repository, source.revision)]
    path = next((folder for folder in candidates if places.is_whole(folder)), None)
    return Found(
        name=entry.name, title=entry.title, path=path, size=places.size(path) if path else entry.size, entry=entry,
        removable=path == candidates[0] and _is_ours(path),
    )


def _named(name: str, settings: Settings) -> Iterator[Found]:
    """What the setting `model` names, unless it is one of those that are known anyway: a folder, a file, a model of the hub."""
    path = Path(name).expanduser()
    asked = spec.parse(name)
    if entry_of(name) is not None or name in RESERVED:
        return
    if path.suffix.lower() == ".gguf" and (path.exists() or asked is None or not asked.file):
        yield _of_file(path.resolve(), spelled=name)
    elif path.is_absolute() or asked is None:
        if path.exists() or path.is_absolute() or not any(found.is_called(name) for found in _lying(settings.models)):
            yield _of_folder(path.resolve(), spelled=name)
    elif asked.is_gguf:
        yield _of_hub_file(asked, settings, name)
    else:
        candidates = [settings.models / asked.folder, *places.hub_cache(asked.repository, asked.revision)]
        here_at = next((folder for folder in candidates if places.is_whole(folder)), None)
        yield replace(_of_folder(here_at or candidates[0], spelled=name), path=here_at, hub=asked)


def _of_hub_file(asked: Spec, settings: Settings, spelled: str) -> Found:
    """A GGUF file of the hub, which is here when one lies among the models that came from there and has that quantisation."""
    for file in places.gguf_files(settings.models):
        came = manifest.read(file)
        if came is not None and came.repository == asked.repository and asked.is_kept_as(file.name):
            return replace(_of_file(file, spelled=spelled), hub=asked)
    stem = Path(asked.file).stem if asked.file.lower().endswith(".gguf") else f"{asked.repository.split('/')[1]}-{asked.file}"
    return Found(name=dashed(stem), title=titled(stem), kind="gguf", hub=asked, spelled=spelled)


def _lying(models: Path) -> Iterator[Found]:
    """Every folder and every GGUF file in the folder of models."""
    try:
        folders = sorted(path for path in models.iterdir() if path.is_dir())
    except OSError:
        return
    for folder in folders:
        ours = folder.name in (entry.name for entry in ENTRIES) or folder == weights.folder(models)
        if not ours and not folder.name.startswith(".") and folder.suffix != ".part" and (folder / "config.json").exists():
            yield _of_folder(folder)
    for file in places.gguf_files(models):
        yield _of_file(file)


def _of_folder(folder: Path, spelled: str = "") -> Found:
    owner, found, last = folder.name.partition("--")
    hub = spec.parse(f"{owner}/{last}") if found else None
    return Found(
        name=dashed(last or folder.name), title=titled(last) if hub else folder.name, path=folder, size=places.size(folder),
        removable=_is_ours(folder), hub=hub, spelled=spelled,
    )


def _of_file(file: Path, spelled: str = "") -> Found:
    stem = spec.PART.sub("", file.stem)
    came = manifest.read(file)
    hub = spec.parse(f"{came.repository}:{file.name}") if came is not None else None
    return Found(
        name=dashed(stem), title=titled(stem), path=file, kind="gguf", size=places.size(file),
        removable=_is_ours(file), hub=hub, spelled=spelled,
    )


def _whispers(settings: Settings) -> Iterator[Found]:
    """Whisper: the entries, what the setting names, what lies in its folder, the starter."""
    folder = weights.folder(settings.models)
    entries = {entry.weights: entry for entry in ENTRIES if entry.weights}
    said = weights.full_name(settings.speech_model)
    if said in weights.CHECKSUMS and said not in entries:
        entries[said] = Entry(name=weights.PREFIX + said, title=f"Whisper {titled(said)}", kind="speech", weights=said)
    for name, entry in entries.items():
        found = weights.find(name, settings.models)
        path = found.path if found is not None else None
        yield Found(name=entry.name, title=entry.title, kind="speech", path=path, entry=entry,
                    spelled=settings.speech_model if said == name else "",
                    size=places.size(path) if path is not None else entry.size,
                    removable=path is not None and path.parent == folder and path.is_file())
    if said not in entries and said != weights.STARTER.name and (told := weights.find(said, settings.models)) is not None:
        yield _whisper(told.path, folder, settings.speech_model)
    try:
        lying = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        lying = []
    for path in lying:
        if path.stem not in entries and (path.suffix == ".pt" or (path / "model.bin").is_file()):
            yield _whisper(path, folder)
    path = weights.STARTER.path
    yield Found(name="whisper-starter", title="Whisper starter", path=path, kind="speech", size=places.size(path), starter=True)


def _whisper(path: Path, folder: Path, spelled: str = "") -> Found:
    stem = path.stem if path.is_file() else path.name
    name = dashed(stem)
    return Found(
        name=name if name.startswith(weights.PREFIX) else weights.PREFIX + name, title=f"Whisper {titled(stem)}", path=path,
        kind="speech", size=places.size(path), spelled=spelled,
        removable=path.parent == folder and path.is_file() and weights.known(stem),
    )


def _is_ours(path: Path | None) -> bool:
    return path is not None and manifest.place(path).is_file()
