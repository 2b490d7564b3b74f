"""Fetches a language model from the hub: `python -m webbot.models.download NAME FOLDER`, a process of its own.

Prints one JSON line {"done": bytes, "total": bytes, "sentence": text} a step; after a failure the last line's sentence says
why, and the exit status is 1. The files come into FOLDER.part, where an interrupted download goes on, and become FOLDER when
all are there.
Only data is fetched: weights as safetensors, JSON, the tokenizer, the chat template, the licence. HF_ENDPOINT and HF_TOKEN count.
"""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from webbot.errors import BadInput, DiskFull, NotAllowed, NotFound, Problem, Unavailable, Unusable
from webbot.models import catalog

WANTED = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "tokenizer*", "LICENSE*")
UNWANTED = ("*/*", "consolidated*", "*.py", "*.bin", "*.pth", "*.pkl")
UNFINISHED = ".unfinished"
STEP_SECONDS = 0.3
SENTENCE = "Downloading the model."
log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    if len(arguments) != 2:
        print("usage: python -m webbot.models.download NAME FOLDER", file=sys.stderr)  # noqa: T201
        return 2
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        download(arguments[0], Path(arguments[1]))
    except Problem as problem:
        _tell(0, 0, str(problem))
        return 1
    except OSError as error:
        log.exception("the download failed")
        _tell(0, 0, str(_explain_disk(error)))
        return 1
    return 0


def download(name: str, folder: Path) -> None:
    """Brings the model of that name to `folder`. Raises a Problem that says what the person can do."""
    if catalog.is_whole(folder):
        return
    entry = catalog.entry_of(name)
    repositories = entry.repositories if entry else (name,)
    if entry is None and not catalog.HUB_NAME.fullmatch(name):
        raise BadInput("{name} is no name of a model.", name=repr(name)[:80])
    for repository in repositories:
        try:
            _fetch(repository, folder)
            return
        except NotAllowed:  # gated: the next one may not be
            if repository == repositories[-1]:
                raise


def _fetch(repository: str, folder: Path) -> None:
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    _tell(0, 0, "Asking the model hub.")
    with _explained(repository):
        about = HfApi().model_info(repository, files_metadata=True, timeout=20)
    files = {file.rfilename: file.size or 0 for file in about.siblings or () if _is_wanted(file.rfilename)}
    if not any(name.endswith(".safetensors") for name in files):
        raise Unusable("{name} has no weights in the safetensors format.", name=repository)
    part = folder.with_name(folder.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    total = sum(files.values())
    if shutil.disk_usage(part).free < total - _size(part):
        raise DiskFull("The disk is too full for the model: it needs {size} GB.", size=round(total / 1e9, 1))
    with _progress(part, total):
        for name in sorted(files, key=files.__getitem__):
            with _explained(repository):
                _fetch_file(repository, name, about.sha or "main", part / name)
    for unfinished in part.glob(f"*{UNFINISHED}"):  # of a version that the hub has replaced meanwhile
        unfinished.unlink()
    if not catalog.is_whole(part):
        raise Unusable("{name} is not a whole model: files are missing on the hub.", name=repository)
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    _tell(total, total, SENTENCE)


def _fetch_file(repository: str, name: str, revision: str, target: Path) -> None:
    """One file, from where an earlier try ended. (The library's own download begins a file anew in each process.)"""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    url = hf_hub_url(repository, name, revision=revision)
    about = get_hf_file_metadata(url)
    if target.exists():
        if _is_intact(target, about.size, about.etag):
            return
        target.unlink()
    unfinished = target.with_name(f"{name}.{(about.etag or revision)[:16]}{UNFINISHED}")
    with unfinished.open("ab") as opened:
        headers = build_hf_headers() | {"Accept-Encoding": "identity"}
        http_get(url, opened, resume_size=opened.tell(), headers=headers, expected_size=about.size)
    if not _is_intact(unfinished, about.size, about.etag):
        unfinished.unlink()
        raise Unavailable("{file} arrived damaged. Please load the model again.", file=name)
    unfinished.rename(target)


def _is_intact(file: Path, size: int | None, etag: str | None) -> bool:
    """Whether the file is what the hub says; it names the SHA-256 of large files."""
    if size is not None and file.stat().st_size != size:
        return False
    if etag is None or len(etag) != 64:
        return True
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == etag


def _is_wanted(name: str) -> bool:
    return any(fnmatch(name, pattern) for pattern in WANTED) and not any(fnmatch(name, pattern) for pattern in UNWANTED)


@contextmanager
def _progress(part: Path, total: int) -> Iterator[None]:
    """Tells how much is there while the files come."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(STEP_SECONDS):
            _tell(min(_size(part), total), total, SENTENCE)

    _tell(min(_size(part), total), total, SENTENCE)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _size(folder: Path) -> int:
    """The bytes that are there, those of unfinished files too."""
    total = 0
    for file in folder.rglob("*"):
        try:
            if file.is_file():
                total += file.stat().st_size
        except FileNotFoundError:  # just renamed
            continue
    return total


@contextmanager
def _explained(repository: str) -> Iterator[None]:
    """Turns what the hub's library raises into sentences."""
    from huggingface_hub import errors

    try:
        yield
    except Problem:
        raise
    except errors.GatedRepoError:
        raise NotAllowed(
            "{name} is given out only after its licence was accepted on the hub. Accept it there, then set HF_TOKEN.",
            name=repository,
        ) from None
    except errors.RepositoryNotFoundError:
        raise NotFound("The hub has no model {name}, or keeps it private.", name=repository) from None
    except errors.OfflineModeIsEnabled:
        raise Unavailable("The model hub may not be asked: HF_HUB_OFFLINE is set.") from None
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "")
        raise Unavailable("The model hub answered with error {status}. Please try again later.", status=status) from None
    except OSError as error:
        raise _explain_disk(error) from error
    except Exception as error:  # the library's HTTP client has its own errors: no connection, time-outs, broken answers
        log.debug("no answer", exc_info=error)
        raise Unavailable("The model hub cannot be reached. Is this machine connected to the internet?") from None


def _explain_disk(error: OSError) -> Problem:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFull("The disk is full. Please make room and load the model again; what is there already is kept.")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return Unavailable("{file} cannot be written.", file=str(error.filename))
    return Unavailable("The model hub cannot be reached. Is this machine connected to the internet?")


def _tell(done: int, total: int, sentence: str) -> None:
    sys.stdout.write(json.dumps({"done": done, "total": total, "sentence": sentence}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
