"""Looks at a model folder before anything in it is read as a model: is it whole, and is it only data?

Covered: missing and truncated files, pickles, code that comes with a model, settings that would fetch code from a hub. Not
covered: weights that make a model talk nonsense.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from webbot.errors import Unusable

MOST_HEADER_BYTES = 100_000_000  # the limit of the safetensors format
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def check(folder: Path) -> dict[str, Any]:
    """Returns the model's config.json. Raises Unusable, naming the file that is wrong."""
    if not folder.is_dir():
        raise Unusable("There is no model folder {folder}.", folder=str(folder))
    config = read_json(folder / "config.json")
    _refuse_code(folder / "config.json", config)
    if (folder / "tokenizer_config.json").exists():
        _refuse_code(folder / "tokenizer_config.json", read_json(folder / "tokenizer_config.json"))
    if config.get("quantization_config"):
        raise Unusable("The model in {folder} is quantized. Please use one with plain weights.", folder=str(folder))
    if not (folder / "tokenizer.json").is_file():
        raise Unusable("{file} is missing: the folder is not a whole model.", file=str(folder / "tokenizer.json"))
    for file in weights(folder):
        _check_weights(file)
    return config


def weights(folder: Path) -> list[Path]:
    """The safetensors files of the model. Raises Unusable when there is none, or one of the index is missing."""
    index = folder / "model.safetensors.index.json"
    if index.exists():
        parts = read_json(index).get("weight_map")
        if not isinstance(parts, dict) or not all(isinstance(name, str) and Path(name).name == name for name in parts.values()):
            raise Unusable("{file} cannot be read as an index of weights.", file=str(index))
        files = [folder / name for name in sorted(set(parts.values()))]
    else:
        files = [folder / "model.safetensors"]
    for file in files:
        if not file.is_file():
            _explain_missing(folder, file)
    return files


def _explain_missing(folder: Path, file: Path) -> None:
    pickle = next((other for other in sorted(folder.iterdir()) if other.suffix in PICKLES), None)
    if pickle is not None:
        raise Unusable(
            "{file} is a pickle, which can run code when it is read. Please use a model in the safetensors format.",
            file=str(pickle),
        )
    raise Unusable("{file} is missing: the folder is not a whole model.", file=str(file))


def _check_weights(file: Path) -> None:
    """Holds the length that the header promises against the length of the file."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > min(size, MOST_HEADER_BYTES):
            raise Unusable("{file} is truncated or no safetensors file. Please load the model again.", file=str(file))
        try:
            header = json.loads(opened.read(length))
            end = max((entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"), default=0)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            raise Unusable("{file} is no safetensors file. Please load the model again.", file=str(file)) from None
    if 8 + length + end != size:
        raise Unusable(
            "{file} is truncated: it has {size} of {whole} bytes. Please load the model again.",
            file=str(file), size=size, whole=8 + length + end,
        )


def read_json(file: Path, kind: type = dict) -> Any:
    """The JSON of a file, a `kind`. Raises Unusable."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Unusable("{file} is missing: the folder is not a whole model.", file=str(file)) from None
    except (OSError, ValueError, RecursionError):
        raise Unusable("{file} cannot be read as JSON.", file=str(file)) from None
    if not isinstance(value, kind):
        raise Unusable("{file} cannot be read as JSON.", file=str(file))
    return value


def _refuse_code(file: Path, value: Any) -> None:
    """A config may name Python files of its folder (`auto_map`) or kernels of a hub (`..._implementation`)."""
    if isinstance(value, list):
        for part in value:
            _refuse_code(file, part)
    elif isinstance(value, dict):
        for name, part in value.items():
            if name == "auto_map" or ("_implementation" in name and part is not None):
                raise Unusable(
                    "{file} asks for program code ({name}). webbot runs only the architectures of transformers.",
                    file=str(file), name=name[:40],
                )
            _refuse_code(file, part)
