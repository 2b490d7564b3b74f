"""The shape of a model, read from its files without loading it: how many numbers it holds, and how far it reads."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from webbot.errors import Unusable
from webbot.models import gguf_header, places

MOST_HEADER_BYTES = 100_000_000  # the limit of the safetensors format
# llama.cpp's numbers for how most weights of a file are written.
FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21:
    "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29:
    "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """`cached` are the numbers that the cache holds for a token: keys and values of all layers. `window` is in tokens."""

    architecture: str
    parameters: int
    cached: int
    window: int
    quantisation: str
    template: bool


def of(model: Path) -> Shape:
    """The shape of a folder of safetensors or of a GGUF file. Raises Unusable that names the file which is wrong."""
    try:
        changed = (model if model.is_file() else model / "config.json").stat().st_mtime_ns
    except OSError:
        raise Unusable("There is no model {folder}.", folder=str(model)) from None
    return _of(model, changed)


@lru_cache(maxsize=64)
def _of(model: Path, changed: int) -> Shape:
    return _of_file(model) if model.is_file() else _of_folder(model)


def _of_file(file: Path) -> Shape:
    headers = [gguf_header.read(part) for part in places.parts(file)]
    header = headers[0]
    heads = header.number("attention.head_count") or 1
    key_heads = header.number("attention.head_count_kv") or heads
    head_size = header.number("embedding_length") // heads
    sizes = [header.number(f"attention.{name}") or head_size for name in ("key_length", "value_length")]
    kind = header.values.get("general.file_type")
    return Shape(
        architecture=header.text("general.architecture"), parameters=sum(part.parameters for part in headers),
        cached=header.number("block_count") * key_heads * sum(sizes), window=header.number("context_length"),
        quantisation=FILE_TYPES.get(kind, "") if isinstance(kind, int) else "",
        template=bool(header.text("tokenizer.chat_template")),
    )


def _of_folder(folder: Path) -> Shape:
    config = _json(folder / "config.json")
    heads = _number(config, "num_attention_heads") or 1
    key_heads = _number(config, "num_key_value_heads") or heads
    head_size = _number(config, "head_dim") or _number(config, "hidden_size") // heads
    windows = [limit for name in ("max_position_embeddings", "sliding_window") if (limit := _number(config, name))]
    names = config.get("architectures")
    return Shape(
        architecture=str(names[0]) if isinstance(names, list) and names else str(config.get("model_type", "")),
        parameters=sum(_numbers(file) for file in _weights(folder)),
        cached=2 * _number(config, "num_hidden_layers") * key_heads * head_size, window=min(windows, default=0),
        quantisation=str(config.get("dtype") or config.get("torch_dtype") or ""), template=_has_template(folder),
    )


def _weights(folder: Path) -> list[Path]:
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return [folder / "model.safetensors"]
    parts = _json(index).get("weight_map")
    names = set(parts.values()) if isinstance(parts, dict) and all(isinstance(name, str) for name in parts.values()) else set()
    return [folder / name for name in sorted(names) if Path(name).name == name]


def _numbers(file: Path) -> int:
    """How many numbers a safetensors file holds."""
    try:
        with file.open("rb") as opened:
            length = struct.unpack("<Q", opened.read(8))[0]
            header = json.loads(opened.read(length)) if length <= MOST_HEADER_BYTES else {}
        total = 0
        for name, entry in header.items():
            if name != "__metadata__":
                count = 1
                for size in entry["shape"]:
                    count *= int(size)
                total += count
        return total
    except FileNotFoundError:
        raise Unusable("{file} is missing: the folder is not a whole model.", file=str(file)) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error):
        raise Unusable("{file} is no safetensors file. Please load the model again.", file=str(file)) from None


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_bytes() if file.stat().st_size < MOST_HEADER_BYTES else b"")
    except (OSError, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Unusable("{file} cannot be read as JSON.", file=str(file))
    return value


def _number(config: dict[str, Any], name: str) -> int:
    value = config.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else 0


def _has_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").exists():
        return True
    try:
        return bool(_json(folder / "tokenizer_config.json").get("chat_template"))
    except Unusable:
        return False
