"""Which Whisper weights there are: by the names of openai-whisper, by a path, present here or to be had. Knows no torch.

A path is a file in openai-whisper's format or a folder in ctranslate2's.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from webbot.settings import ROOT

SOURCE = "https://openaipublic.azureedge.net/main/whisper/models"
# The SHA-256 of each published file, which is also a part of its address.
CHECKSUMS = {
    "tiny.en": "d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03",
    "tiny": "65147644a518d12f04e32d6f3b26facc3f8dd46e5390956a9424a650c0ce22b9",
    "base.en": "25a8566e1d0c1e2231d1c762132cd20e0f96a85d16145c3a00adf5d1ac670ead",
    "base": "ed3a0b6b1c0edf879ad9b11b1af5a0e6ab5db9205f891f668f8b0e6c6326e34e",
    "small.en": "f953ad0fd29cacd07d5a9eda5624af0f6bcf2258be67c92b79389873d91e0872",
    "small": "9ecf779972d90ba49c06d968637d720dd632c55bbf19d441fb42bf17a411e794",
    "medium.en": "d7440d1dc186f76616474e0ff0b3b6b879abc9d1a4926b7adfa41db2d497ab4f",
    "medium": "345ae4da62f9b3d59415adc60127b97c714f32e89e936602e85993674d08dcb1",
    "large-v1": "e4b87e7e0bf463eb8e6956e646f1e277e901512310def2c24bf0e11bd3c28e9a",
    "large-v2": "81f7c96c852ee8fc832187b0132e569d6c3065a3252ed18e56effd0b6a73e524",
    "large-v3": "e5b1a55b89c1367dacf97e3e19bfd829a01529dbfdeefa8caeb59b3f1b81dadb",
    "large-v3-turbo": "aff26ae408abcba5fbf8813c21e62b0941638c5f6eebfb145be0c9839262a19a",
}
SHORT_NAMES = {"large": "large-v3", "turbo": "large-v3-turbo"}
PREFIX = "whisper-"  # the language models' list and the hub call "base" whisper-base


@dataclass(frozen=True, slots=True)
class Found:
    """Weights that are on this machine."""

    path: Path
    name: str
    starter: bool = False


STARTER = Found(ROOT / "starter" / "speech" / "model" / "starter-speech.pt", "starter", starter=True)


def folder(models: Path) -> Path:
    """Where downloaded weights are kept, given the folder of all models."""
    return models / "whisper"


def full_name(name: str) -> str:
    """openai-whisper's own name: "turbo" and "whisper-large-v3-turbo" are large-v3-turbo. Other names and paths stay."""
    plain = name.removeprefix(PREFIX)
    plain = SHORT_NAMES.get(plain, plain)
    return plain if plain in CHECKSUMS or plain == STARTER.name else name


def known(name: str) -> bool:
    """Whether openai-whisper publishes weights of that name."""
    return full_name(name) in CHECKSUMS


def address(name: str, source: str = SOURCE) -> tuple[str, str]:
    """The address of published weights and their SHA-256. Raises KeyError for an unknown name."""
    full = full_name(name)
    return f"{source}/{CHECKSUMS[full]}/{full}.pt", CHECKSUMS[full]


def find(name: str, models: Path) -> Found | None:
    """The weights of a name (downloaded here or by openai-whisper itself) or of a path; None while they are not here."""
    if full_name(name) == STARTER.name:
        return STARTER
    if not known(name):
        path = Path(name).expanduser()
        if name and path.is_dir():
            return Found(path.resolve(), path.resolve().name)
        return Found(path.resolve(), path.stem) if name and path.is_file() else None
    file = f"{full_name(name)}.pt"
    for place in (folder(models), Path.home() / ".cache" / "whisper"):
        if _complete(place / file):
            return Found(place / file, name)
    return None


def _complete(path: Path) -> bool:
    """openai-whisper leaves the beginning of a file behind when its download is interrupted: a ZIP without its directory."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        beginning = file.read(2)
    return zipfile.is_zipfile(path) if beginning in (b"PK", b"") else True
