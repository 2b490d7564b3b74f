"""A folder with a Whisper model in ctranslate2's form, read as far as its shape shows: no number is loaded, nothing is run."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from webbot.errors import Unusable

MODEL, CONFIG, VOCABULARY = "model.bin", "config.json", "vocabulary.json"
KIND = "WhisperSpec"
VERSIONS = range(4, 7)  # of the file's own form: with the lengths of the numbers in bytes
LONGEST_NAME, MOST_PARTS, MOST_DIMENSIONS = 512, 100_000, 8


@dataclass(frozen=True, slots=True)
class Shape:
    """How many layers a model has, and how many tokens its decoder can hold."""

    encoder_layers: int
    decoder_layers: int
    text_positions: int


def read_shape(folder: Path) -> Shape:
    """Raises Unusable for what is no whole Whisper model of ctranslate2."""
    for name in (MODEL, CONFIG):
        if not (folder / name).is_file():
            raise Unusable("The folder {path} is no Whisper model of ctranslate2: it has no {name}.", path=folder, name=name)
    if not any(folder.glob("vocabulary.*")):
        raise Unusable("The folder {path} is no Whisper model of ctranslate2: it has no {name}.", path=folder, name=VOCABULARY)
    try:
        if not isinstance(json.loads((folder / CONFIG).read_text()), dict):
            raise ValueError("no object")
        with (folder / MODEL).open("rb") as file:
            parts = _parts(file)
        return Shape(_layers(parts, "encoder"), _layers(parts, "decoder"), parts["decoder/position_encodings/encodings"][0])
    except (ValueError, KeyError, IndexError, struct.error, EOFError, RecursionError) as error:
        raise Unusable(
            "The folder {path} is no whole Whisper model of ctranslate2. Please download or convert it again.", path=folder,
        ) from error


def _layers(parts: dict[str, tuple[int, ...]], side: str) -> int:
    names = {name.split("/")[1] for name in parts if name.startswith(f"{side}/layer_")}
    count = len(names - {"layer_norm"})
    if not count:
        raise ValueError(f"no layers of the {side}")
    return count


def _parts(file: BinaryIO) -> dict[str, tuple[int, ...]]:
    """The dimensions of each part of the model, by its name."""
    size = file.seek(0, 2)
    file.seek(0)
    if _number(file, "I") not in VERSIONS or _text(file) != KIND:
        raise ValueError("another kind of model")
    _number(file, "I")  # the revision of the kind, which ctranslate2 itself checks
    found = {}
    for _ in range(_count(file)):
        name = _text(file)
        rank = _number(file, "B")
        if rank > MOST_DIMENSIONS:
            raise ValueError("too many dimensions")
        found[name] = tuple(_number(file, "I") for _ in range(rank))
        _number(file, "B")  # the kind of number
        end = _number(file, "I") + file.tell()
        if end > size:
            raise EOFError("truncated")
        file.seek(end)
    for _ in range(_count(file)):
        alias, name = _text(file), _text(file)
        found[alias] = found[name]
    return found


def _count(file: BinaryIO) -> int:
    count = _number(file, "I")
    if count > MOST_PARTS:
        raise ValueError("too many parts")
    return count


def _text(file: BinaryIO) -> str:
    length = _number(file, "H")
    if not 0 < length <= LONGEST_NAME:
        raise ValueError("a name over the limit")
    return _bytes(file, length)[:-1].decode()


def _number(file: BinaryIO, kind: str) -> int:
    return int(struct.unpack(kind, _bytes(file, struct.calcsize(kind)))[0])


def _bytes(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise EOFError("truncated")
    return data
