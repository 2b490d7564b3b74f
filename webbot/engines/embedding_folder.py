"""Looks at the folder of a sentence-embedding model: what reads the text, and how its states become one vector.

The form is that of sentence-transformers (modules.json, 1_Pooling/config.json) or a plain one of transformers, whose states are
averaged. Not covered: layers behind the pooling. Prompts that a model wants before a text are put there by the programs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from webbot.engines.llama import folder as folders
from webbot.errors import Unusable

Pooling = Literal["mean", "cls", "lasttoken"]
POOLINGS: dict[str, Pooling] = {
    "pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls", "pooling_mode_lasttoken": "lasttoken",
}
MODULES = ("Transformer", "Pooling", "Normalize")
READERS = (
    "bert", "roberta", "xlm-roberta", "xlm-roberta-xl", "distilbert", "mpnet", "electra", "camembert", "albert", "deberta",
    "deberta-v2", "modernbert", "ernie", "mobilebert", "nystromformer", "roformer", *folders.SERVED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingFolder:
    """`folder` holds the model itself. `limit` is the most tokens of a text that the folder names, None for the model's own;
    `lowers` says whether a text is read in lower case."""

    folder: Path
    pooling: Pooling = "mean"
    limit: int | None = None
    lowers: bool = False


def examine(folder: Path) -> EmbeddingFolder:
    """Raises Unusable, naming the file that is wrong."""
    if not folder.is_dir():
        raise Unusable("There is no model folder {folder}.", folder=str(folder))
    model, pooling = _parts(folder)
    kind = folders.check(model).get("model_type")
    if kind not in READERS:
        raise Unusable("{file} names the architecture {kind}. webbot computes {served}.", file=str(model / "config.json"),
                       kind=repr(kind)[:60], served=", ".join(READERS))
    wishes = _read(model / "sentence_bert_config.json", dict) or {}
    limit = wishes.get("max_seq_length")
    return EmbeddingFolder(
        folder=model, pooling=_pooling(pooling), limit=limit if type(limit) is int and limit > 0 else None,
        lowers=wishes.get("do_lower_case") is True,
    )


def _parts(folder: Path) -> tuple[Path, Path]:
    """The folders of the model and of its pooling."""
    file = folder / "modules.json"
    paths = {"Transformer": "", "Pooling": "1_Pooling"}
    for module in _read(file, list) or []:
        kind = str(module.get("type", "")).rpartition(".")[2] if isinstance(module, dict) else ""
        path = module.get("path", "") if isinstance(module, dict) else ""
        if kind not in MODULES:
            raise Unusable("{file} names the part {part}, which webbot does not know.", file=str(file), part=repr(kind)[:60])
        if not isinstance(path, str) or path != Path(path).name:
            raise Unusable("{file} names a folder that is not beside it.", file=str(file))
        paths[kind] = path
    return folder / paths["Transformer"], folder / paths["Pooling"]


def _pooling(folder: Path) -> Pooling:
    file = folder / "config.json"
    config = _read(file, dict)
    if config is None:
        return "mean"
    if "pooling_mode" in config:
        named = config["pooling_mode"]
        chosen = named if isinstance(named, list) else [named]
    else:
        asked = [name for name, value in config.items() if name.startswith("pooling_mode_") and value is True]
        chosen = [POOLINGS.get(name, name) for name in asked]
    known = [pooling for pooling in POOLINGS.values() if chosen == [pooling]]
    if not known:
        raise Unusable("{file} asks for the pooling {pooling}; webbot knows mean, cls and lasttoken.", file=str(file),
                       pooling=", ".join(map(str, chosen))[:100] or "none")
    return known[0]


def _read(file: Path, kind: type) -> Any:
    """The JSON of a file; None where there is none."""
    return folders.read_json(file, kind) if file.exists() else None
