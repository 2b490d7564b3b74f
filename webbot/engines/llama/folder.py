"""Looks at a model folder before anything in it is read as a model: is it whole, and is it only data?

Covered: missing, cut and oversized files, links to other places, pickles, code that comes with a model, settings that would fetch
code from a hub, numbers that cannot be. Not covered: weights that make a model talk nonsense.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, NoReturn

from webbot.engines.llama import figures
from webbot.engines.llama.tensors import Tensor
from webbot.engines.llama.tensors import read as read_tensors
from webbot.errors import Unusable

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
MOST_JSON_BYTES, MOST_TOKENIZER_BYTES, MOST_TEMPLATE_BYTES = 16 * 1024**2, 256 * 1024**2, 1024**2
# What transformers reads beside the weights and tokenizer.json; the first must be there.
CONFIGS = ("config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
# Settings that would bring program code: of the folder, of a hub, or of packages that a model names.
CODE = frozenset({"auto_map", "trust_remote_code", "custom_generate", "fusion_config", "kernel_config", "use_kernels",
                  "transformers_weights"})
PACKED = ("quantization_config", "compression_config")
IMPLEMENTATIONS = ("eager", "sdpa")
TOKENIZER_CLASS = re.compile(r"[A-Z][A-Za-z0-9]{0,40}(Tokenizer|TokenizerFast|TokenizersBackend)|TokenizersBackend")
NO_CODE = "{file} asks for program code ({name}). webbot runs only the architectures of transformers."
# The language models that webbot computes: their layers attend as its own attention does. Each was held against transformers.
SERVED = (
    "llama", "mistral", "ministral", "ministral3", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "phi", "phi3", "phimoe",
    "gemma", "gemma3_text", "olmo", "olmo2", "olmo3", "olmoe", "granite", "granitemoe", "starcoder2", "cohere", "cohere2",
    "smollm3", "glm", "glm4", "exaone4", "ernie4_5", "helium", "seed_oss", "hunyuan_v1_dense", "arcee", "apertus",
)


def check(folder: Path) -> dict[str, Any]:
    """Returns the model's config.json. Raises Unusable, naming the file that is wrong."""
    config, _ = _look(folder)
    return config


def check_language_model(folder: Path) -> dict[str, Any]:
    """As `check`, for a model that writes: its architecture must be one that webbot computes, and its weights fit it."""
    config, tensors = _look(folder)
    kind = config.get("model_type")
    if kind not in SERVED:
        raise Unusable("{file} names the architecture {kind}. webbot computes {served}.", file=str(folder / "config.json"),
                       kind=repr(kind)[:60], served=", ".join(SERVED))
    figures.check_weights(folder, config, tensors)
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


def _look(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The config and the tensors of a folder that is whole and only data."""
    try:
        return _examine(folder)
    except (OSError, RuntimeError) as error:  # no right to read it, a disk that fails, a circle of links
        raise Unusable("The model in {folder} cannot be read ({reason}).", folder=str(folder), reason=str(error)[:300]) from None


def _examine(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not folder.is_dir():
        raise Unusable("There is no model folder {folder}.", folder=str(folder))
    _refuse_links(folder)
    config = read_json(folder / CONFIGS[0])
    for name in CONFIGS:
        if name == CONFIGS[0] or (folder / name).exists():
            _refuse_code(folder / name, read_json(folder / name))
    if any(config.get(name) for name in PACKED):
        raise Unusable("The model in {folder} is quantized. Please use one with plain weights.", folder=str(folder))
    if (folder / "adapter_config.json").exists():
        raise Unusable("{file}: this is an adapter for another model. Please merge the two first.",
                       file=str(folder / "adapter_config.json"))
    _check_size(folder / "tokenizer.json", MOST_TOKENIZER_BYTES)
    for template in folder.rglob("*.jinja"):
        _check_size(template, MOST_TEMPLATE_BYTES)
    figures.check(folder / CONFIGS[0], config)
    tensors: dict[str, Tensor] = {}
    for file in weights(folder):
        tensors |= read_tensors(file)
    return config, tensors


def _refuse_links(folder: Path) -> None:
    """Files may be links into the folder itself, or into the store of a hub's cache around it."""
    whole = folder.resolve()
    places = [whole, *([whole.parent.parent / "blobs"] if whole.parent.name == "snapshots" else [])]
    for entry in sorted(folder.iterdir()):
        real = entry.resolve()
        if entry.is_symlink() and not any(place in real.parents for place in places):
            raise Unusable("{file} is a link to a place outside of the model's folder.", file=str(entry))
        if entry.exists() and not entry.is_file() and not entry.is_dir():
            raise Unusable("{file} is neither a file nor a folder.", file=str(entry))


def _check_size(file: Path, most: int) -> None:
    if not file.is_file():
        raise Unusable("{file} is missing: the folder is not a whole model.", file=str(file))
    if file.stat().st_size > most:
        raise Unusable("{file} is too large: {limit} MB at most can be read.", file=str(file), limit=most // 1024**2)


def _explain_missing(folder: Path, file: Path) -> NoReturn:
    pickle = next((other for other in sorted(folder.iterdir()) if other.suffix in PICKLES), None)
    if pickle is not None:
        raise Unusable(
            "{file} is a pickle, which can run code when it is read. Please use a model in the safetensors format.",
            file=str(pickle),
        )
    raise Unusable("{file} is missing: the folder is not a whole model.", file=str(file))


def read_json(file: Path, kind: type = dict) -> Any:
    """The JSON of a file, a `kind`, without NaN and without numbers that are none. Raises Unusable."""
    _check_size(file, MOST_JSON_BYTES)
    try:
        value = json.loads(file.read_text(encoding="utf-8"), parse_constant=_finite, parse_float=_finite)
    except (OSError, ValueError, RecursionError):
        raise Unusable("{file} cannot be read as JSON.", file=str(file)) from None
    if not isinstance(value, kind):
        raise Unusable("{file} cannot be read as JSON.", file=str(file))
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _refuse_code(file: Path, value: Any) -> None:
    """A config may name Python files of its folder (`auto_map`), kernels of a hub (`..._implementation`), classes and files."""
    if isinstance(value, list):
        for part in value:
            _refuse_code(file, part)
    elif isinstance(value, dict):
        for name, part in value.items():
            if part and _is_code(name, part):
                raise Unusable(NO_CODE, file=str(file), name=name[:40])
            _refuse_code(file, part)


def _is_code(name: str, value: Any) -> bool:
    if name == "tokenizer_class":
        return not isinstance(value, str) or not TOKENIZER_CLASS.fullmatch(value)
    if "_implementation" in name and name != "cache_implementation":
        return value not in IMPLEMENTATIONS
    return name in CODE
