"""Whether the numbers of a config.json can be a model's, and whether the weights beside it are those of that model.

Absurd ones would take all memory, or all time, before anything fails.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from webbot.engines.llama.tensors import PLAIN, Tensor
from webbot.errors import Unusable

LARGEST = {
    "vocab_size": 1 << 24, "hidden_size": 1 << 17, "intermediate_size": 1 << 20, "num_hidden_layers": 1000,
    "num_attention_heads": 4096, "num_key_value_heads": 4096, "head_dim": 4096, "max_position_embeddings": 1 << 31,
    "sliding_window": 1 << 31, "num_experts": 4096, "num_local_experts": 4096, "moe_intermediate_size": 1 << 20,
    "dim": 1 << 17, "hidden_dim": 1 << 20, "embedding_size": 1 << 17, "n_layers": 1000, "n_heads": 4096,
    "num_hidden_groups": 1000, "inner_group_num": 1000,
}
MAY_BE_NONE = ("head_dim", "num_key_value_heads", "sliding_window")
LAYER = re.compile(r"(?:^|\.)layers?\.([0-9]{1,6})\.")


def check(file: Path, config: Mapping[str, Any]) -> None:
    """Raises Unusable that names the first number that cannot be."""
    for name, most in LARGEST.items():
        value = config.get(name, 1)
        if (value is None and name in MAY_BE_NONE) or (value == 0 and name == "sliding_window"):
            continue
        if type(value) is not int or not 1 <= value <= most:
            raise Unusable("{file} has {value} for {name}: a whole number from 1 to {most} is needed.", file=str(file), name=name,
                           value=repr(value)[:40], most=most)
    heads, shared = config.get("num_attention_heads", 1), config.get("num_key_value_heads") or 1
    if heads % shared:
        raise Unusable("{file} has {heads} heads for {shared} heads of keys, which does not come out even.", file=str(file),
                       heads=heads, shared=shared)


def check_weights(folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Raises Unusable for weights that are not those of a language model of that config: layers that are missing, another
    vocabulary or size, numbers that are packed."""
    wanted = (config.get("vocab_size"), config.get("hidden_size"))
    for name, tensor in tensors.items():
        if name.endswith(".weight") and tensor.kind not in PLAIN:
            raise Unusable("The model in {folder} is quantized. Please use one with plain weights.", folder=str(folder))
        if name.endswith("embed_tokens.weight") and tensor.shape != wanted:
            raise Unusable("The weights in {folder} do not fit config.json: {name} has the shape {shape}, not {wanted}.",
                           folder=str(folder), name=name, shape=list(tensor.shape), wanted=list(wanted))
    found = {int(match[1]) for match in map(LAYER.search, tensors) if match}
    missing = next((number for number in range(config.get("num_hidden_layers", 0)) if number not in found), None)
    if missing is not None:
        raise Unusable("The model in {folder} lacks weights ({name}).", folder=str(folder), name=f"layers.{missing}")
