"""Fetches a language model from the hub: `python -m webbot.models.download NAME MODELS`, a process of its own.

NAME is an entry's or one of the hub (spec), MODELS the folder of models. Prints one JSON line
{"done": bytes, "total": bytes, "sentence": text} a step; after a failure the last line also has the "problem", and the exit
status is 1. The files come into NAME.part, where an interrupted download goes on, and get their names when all are there.
Only data is fetched: weights as safetensors or GGUF, JSON, the tokenizer, the chat template, the licence. HF_ENDPOINT and
HF_TOKEN count.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from webbot.errors import BadInput, Conflict, DiskFull, NotAllowed, NotFound, Problem, Unusable
from webbot.modelhost import frames
from webbot.models import entries, fetching, manifest, places, spec, unfinished
from webbot.models.entries import Source
from webbot.models.fetching import Remote
from webbot.models.spec import Spec
from webbot.models.unfinished import UNFINISHED

WANTED = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "tokenizer*", "LICENSE*")
UNWANTED = ("consolidated*", "*.py", "*.bin", "*.pth", "*.pt", "*.ckpt", "*.pkl", "*.pickle")
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # in a hub's list there may stand anything
MOST_CHOICES = 30
STEP_SECONDS = 0.3
SENTENCE = "Downloading the model."
log = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2:
        print("usage: python -m webbot.models.download NAME MODELS", file=sys.stderr)  # noqa: T201
        return 2
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        download(arguments[0], Path(arguments[1]))
    except Problem as problem:
        _tell_problem(problem)
        return 1
    except OSError as error:
        log.exception("the download failed")
        _tell_problem(fetching.explain_disk(error))
        return 1
    return 0


def download(name: str, models: Path) -> None:
    """Brings the model of that name into the folder of models. Raises a Problem that says what the person can do."""
    entry = entries.entry_of(name)
    asked = None if entry is not None else spec.parse(name)
    if entry is not None and entry.sources:
        target = models / entry.name
        if not _is_here(target):
            _fetch_folder(entry.sources, target, name)
    elif asked is None:
        raise BadInput("{name} is no name of a model.", name=repr(name)[:80])
    elif asked.is_gguf:
        _fetch_files(asked, models)
    elif not _is_here(models / asked.folder):
        _fetch_folder([Source(asked.repository, asked.revision)], models / asked.folder, name)


def _is_here(folder: Path) -> bool:
    """Whether there is nothing to do. Raises Conflict for a folder that somebody else began."""
    if not folder.exists():
        return False
    if manifest.read(folder) is None and not places.is_whole(folder):
        raise Conflict("{folder} is there already, but is not a whole model. Please move it away.", folder=str(folder))
    try:
        manifest.check(folder)
    except Unusable:
        return False
    return places.is_whole(folder)


def _fetch_folder(sources: Sequence[Source], target: Path, name: str) -> None:
    """The model `name` from the first source that gives the model away."""
    first: Problem | None = None
    for source in sources:
        try:
            _tell(0, 0, "Asking the model hub.")
            commit, files = fetching.listed(source)
            wanted = [file for file in files if _is_wanted(file.name)]
            _check_weights(source, wanted, files)
            _bring(Source(source.repository, commit), wanted, target, name)
            return
        except (NotAllowed, NotFound) as problem:  # gated, or not there any more: the next one may do
            first = first or problem
    if first is not None:
        raise first


def _check_weights(source: Source, wanted: Sequence[Remote], files: Sequence[Remote]) -> None:
    if any(file.name.endswith(".safetensors") for file in wanted):
        return
    if choices := _choices(files):
        raise Unusable("{name} holds GGUF files. Please name one, like {example}. There are: {choices}.", name=source.repository,
                       example=f"{source.repository}:{PurePosixPath(choices[0]).name}", choices=", ".join(choices))
    raise Unusable("{name} has no weights in the safetensors format.", name=source.repository)


def _fetch_files(asked: Spec, models: Path) -> None:
    """A GGUF file, or all its parts."""
    source = Source(asked.repository, asked.revision)
    _tell(0, 0, "Asking the model hub.")
    commit, files = fetching.listed(source)
    wanted = _chosen(asked, files)
    target = models / PurePosixPath(wanted[0].name).name
    if target.exists():
        came = manifest.read(target)
        if came is None or came.repository != asked.repository:
            raise Conflict("{file} is there already and came from elsewhere. Please move it away.", file=str(target))
        try:
            manifest.check(target)
            return
        except Unusable:
            log.warning("%s is damaged and fetched again", target)
    _bring(Source(asked.repository, commit), wanted, target, str(asked))


def _chosen(asked: Spec, files: Sequence[Remote]) -> list[Remote]:
    """The file that is meant, with all its parts. Raises NotFound and BadInput, naming what there is."""
    found: dict[str, list[Remote]] = {}
    for file in files:
        if asked.matches(file.name) and _is_safe(file.name):
            found.setdefault(spec.PART.sub("", PurePosixPath(file.name).with_suffix("").as_posix()), []).append(file)
    if asked.file.lower().endswith(".gguf") and len(found) == 1 and spec.PART.search(PurePosixPath(asked.file).stem):
        stem = next(iter(found))  # one part was named: all are needed
        found[stem] = [file for file in files if _is_safe(file.name) and file.name.endswith(".gguf")
                       and spec.PART.sub("", PurePosixPath(file.name).with_suffix("").as_posix()) == stem]
    if len(found) == 1:
        return sorted(next(iter(found.values())), key=lambda file: file.name)
    choices = ", ".join(_choices(files)) or "none"
    if not found:
        raise NotFound("{name} has no GGUF file {file}. There are: {choices}.", name=asked.repository, file=asked.file,
                       choices=choices)
    raise BadInput("{name} has several GGUF files {file}. Please name one of: {choices}.", name=asked.repository,
                   file=asked.file, choices=", ".join(sorted(file.name for parts in found.values() for file in parts[:1])))


def _choices(files: Sequence[Remote]) -> list[str]:
    names = sorted(file.name for file in files if file.name.lower().endswith(".gguf") and _is_safe(file.name))
    return [name for name in names if spec.first_part(PurePosixPath(name).stem)][:MOST_CHOICES]


def _bring(source: Source, files: Sequence[Remote], target: Path, name: str) -> None:
    """Fetches the files of the model `name` beside `target`, small ones first, and puts them in place when all are there and
    checked."""
    part = unfinished.place(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    with unfinished.alone(target):
        if target.is_dir() and _is_here(target):  # another process was quicker
            return
        if target.is_dir() and not part.exists():
            target.rename(part)  # damaged: what is well in it is kept
        total = sum(file.size for file in files)
        unfinished.begin(target, name, total)
        _check_space(total - unfinished.size(part), part)
        known = {}
        with _progress(part, total):
            for file in sorted(files, key=lambda file: file.size):
                plain = PurePosixPath(file.name).name
                known[plain] = fetching.fetch(source, file, part / plain)
        for replaced in part.glob(f"*{UNFINISHED}"):  # of a version that the hub has replaced meanwhile
            replaced.unlink()
        _put(part, target, manifest.Manifest(repository=source.repository, revision=source.revision, files=known))
    _tell(total, total, SENTENCE)


def _put(part: Path, target: Path, about: manifest.Manifest) -> None:
    if target.suffix.lower() == ".gguf":
        manifest.write(target, about)
        for name in sorted(about.files, reverse=True):  # the first one last: it is the one that is looked for
            (part / name).rename(target.with_name(name))
        shutil.rmtree(part)
        return
    if not places.is_whole(part):
        raise Unusable("{name} is not a whole model: files are missing on the hub.", name=about.repository)
    manifest.write(part, about)
    (part / unfinished.NOTE).unlink(missing_ok=True)
    if target.is_dir():
        shutil.rmtree(target)
    part.rename(target)


def _check_space(missing: int, part: Path) -> None:
    free = shutil.disk_usage(part).free
    if free < missing:
        raise DiskFull("The disk is too full for the model: {missing} GB are missing and {free} GB are free in {folder}.",
                       missing=_gigabytes(missing), free=_gigabytes(free), folder=str(part.parent))


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.2f}"


def _is_safe(name: str) -> bool:
    """Whether every part of a path is a plain name: no way up, nothing hidden."""
    return all(SAFE_NAME.fullmatch(part) for part in name.split("/"))


def _is_wanted(name: str) -> bool:
    if not SAFE_NAME.fullmatch(name) or any(fnmatch(name.lower(), pattern) for pattern in UNWANTED):
        return False
    return any(fnmatch(name, pattern) for pattern in WANTED)


@contextmanager
def _progress(part: Path, total: int) -> Iterator[None]:
    """Tells how much is there while the files come."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(STEP_SECONDS):
            try:
                _tell(min(unfinished.size(part), total), total, SENTENCE)
            except OSError:  # whoever started this is gone
                os._exit(1)

    _tell(min(unfinished.size(part), total), total, SENTENCE)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _tell(done: int, total: int, sentence: str) -> None:
    _write({"done": done, "total": total, "sentence": sentence})


def _tell_problem(problem: Problem) -> None:
    _write({"done": 0, "total": 0, "sentence": str(problem), "problem": frames.pack_problem(problem)})


def _write(step: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(step) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
