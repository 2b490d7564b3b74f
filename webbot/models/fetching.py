"""One file of the hub: fetched from where an earlier try ended, checked, and what goes wrong told in sentences."""

from __future__ import annotations

import errno
import hashlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from webbot.errors import DiskFull, NotAllowed, NotFound, Problem, Unavailable
from webbot.models import manifest
from webbot.models.entries import Source
from webbot.models.unfinished import UNFINISHED

BLOCK_BYTES = 1 << 20
CHUNK_BYTES = 1 << 18  # what is lost when a connection breaks; the library's 10 MB can be minutes
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A file as the hub lists it: `name` is its path there, `sha256` that of a large one, `blob` git's hash of a small one."""

    name: str
    size: int
    sha256: str = ""
    blob: str = ""

    @property
    def version(self) -> str:
        return (self.sha256 or self.blob)[:16]


def fetch(source: Source, remote: Remote, target: Path) -> manifest.File:
    """Brings the file to `target` unless it is there. Returns its size and SHA-256; raises a Problem.

    (The library's own download begins a file anew in each process.)
    """
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    constants.DOWNLOAD_CHUNK_SIZE = CHUNK_BYTES
    if not remote.version:
        remote = _asked(source, remote)
    if target.exists():
        if known := _examined(target, remote):
            return known
        target.unlink()
    unfinished = target.with_name(f"{target.name}.{remote.version or source.revision[:16]}{UNFINISHED}")
    with explained(source, begun=True), unfinished.open("ab") as opened:
        if opened.tell() > remote.size:
            opened.truncate(0)
            opened.seek(0)
        http_get(
            hf_hub_url(source.repository, remote.name, revision=source.revision), _Bounded(opened, remote),  # type: ignore[arg-type]
            resume_size=opened.tell(), headers=build_hf_headers() | {"Accept-Encoding": "identity"},
        )
    known = _examined(unfinished, remote)
    if known is None:
        unfinished.unlink()
        raise Unavailable("{file} arrived damaged. Please load the model again.", file=remote.name)
    unfinished.rename(target)
    return known


def _asked(source: Source, remote: Remote) -> Remote:
    """For a hub whose list names no hashes: what it says of the file itself, where the ETag of a large one is its SHA-256."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    with explained(source):
        about = get_hf_file_metadata(hf_hub_url(source.repository, remote.name, revision=source.revision))
    return replace(remote, size=remote.size if about.size is None else about.size, sha256=_hash(about.etag, 64))


class _Bounded:
    """A file that takes no more than was announced: an endless answer must not fill the disk."""

    def __init__(self, file: IO[bytes], remote: Remote) -> None:
        self._file, self._remote = file, remote

    def write(self, data: bytes) -> int:
        if self._file.tell() + len(data) > self._remote.size:
            raise Unavailable("The model hub sends more of {file} than it announced.", file=self._remote.name)
        return self._file.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _examined(file: Path, remote: Remote) -> manifest.File | None:
    """The file's size and SHA-256; None when it is not what the hub says."""
    size = file.stat().st_size
    if size != remote.size:
        return None
    digest, blob = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size)  # noqa: S324 - git's name of a file
    with file.open("rb") as opened:
        while block := opened.read(BLOCK_BYTES):
            digest.update(block)
            if not remote.sha256:
                blob.update(block)
    as_told = digest.hexdigest() == remote.sha256 if remote.sha256 else blob.hexdigest() == remote.blob or not remote.blob
    return manifest.File(size, digest.hexdigest()) if as_told else None


def listed(source: Source) -> tuple[str, list[Remote]]:
    """The commit of a model on the hub, and its files. Raises a Problem."""
    from huggingface_hub import HfApi

    with explained(source):
        about = HfApi().model_info(source.repository, revision=source.revision, files_metadata=True, timeout=20)
        files = [
            Remote(name=str(file.rfilename), size=max(0, int(file.size or 0)), blob=_hash(file.blob_id, 40),
                   sha256=_hash(file.lfs.sha256 if file.lfs else "", 64))
            for file in about.siblings or ()
        ]
    return about.sha or source.revision, files


def _hash(text: object, length: int) -> str:
    return text if isinstance(text, str) and re.fullmatch(rf"[0-9a-f]{{{length}}}", text) else ""


@contextmanager
def explained(source: Source, *, begun: bool = False) -> Iterator[None]:
    """Turns what the hub's library raises into sentences. `begun`: the hub has answered before."""
    from huggingface_hub import errors

    try:
        yield
    except Problem:
        raise
    except errors.GatedRepoError:
        raise NotAllowed(
            "{name} is given out only after its licence was accepted on the hub. Accept it there, then set HF_TOKEN.",
            name=source.repository,
        ) from None
    except errors.RevisionNotFoundError:
        raise NotFound("The hub has no revision {revision} of {name}, at least not any more.", revision=source.revision,
                       name=source.repository) from None
    except errors.RepositoryNotFoundError:
        raise NotFound("The hub has no model {name}, or keeps it private.", name=source.repository) from None
    except errors.OfflineModeIsEnabled:
        raise Unavailable("The model hub may not be asked: HF_HUB_OFFLINE is set.") from None
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "")
        raise Unavailable("The model hub answered with error {status}. Please try again later.", status=status) from None
    except OSError as error:
        raise explain_disk(error) from error
    except Exception as error:  # the library's HTTP client has its own errors: no connection, time-outs, broken answers
        log.debug("no answer", exc_info=error)
        if begun:
            raise Unavailable("The connection to the model hub was lost. What has come is kept; the next try goes on there.") \
                from None
        raise Unavailable("The model hub {host} cannot be reached. Is this machine connected to the internet?",
                          host=_host()) from None


def _host() -> str:
    """The hub that is asked, with its port where one is set; never a name or a password of its address."""
    from huggingface_hub import constants

    return urlsplit(constants.ENDPOINT).netloc.rpartition("@")[2] or constants.ENDPOINT


def explain_disk(error: OSError) -> Problem:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFull("The disk is full. Please make room and load the model again; what is there already is kept.")
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return Unavailable("{file} cannot be written.", file=str(error.filename))
    return Unavailable("The model hub {host} cannot be reached. Is this machine connected to the internet?", host=_host())
