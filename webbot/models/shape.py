"""The shape of a model, read from its files without loading it: how many numbers it holds, and how far it reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from webbot.engines.llama import folder as folders
from webbot.engines.llama import tensors
from webbot.errors import Unusable
from webbot.models import gguf_header, places

# llama.cpp's numbers for how most weights of a file are written.
FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21:
    "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29:
    "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0",
}
TABLES = ("embed_tokens.weight", "lm_head.weight")  # as the architectures that are served name them


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """`cached` are the numbers that the cache holds for a token: keys and values of all layers. `window` is in tokens. `embedded`
    of the parameters are those of the tables that stand at both ends."""

    architecture: str
    parameters: int
    cached: int
    window: int
    quantisation: str
    template: bool
    licence: str = ""
    embedded: int = 0


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
        template=bool(header.text("tokenizer.chat_template")), licence=header.text("general.license"),
    )


def _of_folder(folder: Path) -> Shape:
    config = folders.read_json(folder / "config.json")
    heads = _number(config, "num_attention_heads") or 1
    key_heads = _number(config, "num_key_value_heads") or heads
    head_size = _number(config, "head_dim") or _number(config, "hidden_size") // heads
    windows = [limit for name in ("max_position_embeddings", "sliding_window") if (limit := _number(config, name))]
    names = config.get("architectures")
    numbers = _numbers(folder)
    return Shape(
        architecture=str(names[0]) if isinstance(names, list) and names else str(config.get("model_type", "")),
        parameters=sum(numbers.values()), embedded=sum(count for name, count in numbers.items() if name.endswith(TABLES)),
        cached=2 * _number(config, "num_hidden_layers") * key_heads * head_size, window=min(windows, default=0),
        quantisation=str(config.get("dtype") or config.get("torch_dtype") or ""), template=_has_template(folder),
    )


def _numbers(folder: Path) -> dict[str, int]:
    """How many numbers each tensor of a folder holds."""
    counts: dict[str, int] = {}
    for file in folders.weights(folder):
        try:
            counts |= {name: tensor.numbers for name, tensor in tensors.read(file).items()}
        except OSError:
            raise Unusable("{file} cannot be read.", file=str(file)) from None
    return counts


def _number(config: dict[str, Any], name: str) -> int:
    value = config.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else 0


def _has_template(folder: Path) -> bool:
    if (folder / "chat_template.jinja").exists():
        return True
    try:
        return bool(folders.read_json(folder / "tokenizer_config.json").get("chat_template"))
    except Unusable:
        return False
