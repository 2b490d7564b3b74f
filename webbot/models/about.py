"""All that can be said of a model without loading it, and whether its files are what was published."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from webbot.errors import Problem, Unusable
from webbot.models import manifest, plan, shape
from webbot.models.found import Found
from webbot.settings import Settings
from webbot.speech import weights

BLOCK_BYTES = 1 << 20


def of(found: Found, settings: Settings) -> dict[str, Any]:
    """The facts by their labels; "" and 0 where nobody knows. `needs` are the bytes of memory that are planned, `fits` whether
    they are there, `damage` says which file is missing or cut."""
    came = manifest.read(found.path) if found.path is not None else None
    facts: dict[str, Any] = {
        "name": found.name, "title": found.title, "kind": found.kind, "path": str(found.path) if found.path else "",
        "size": found.size, "architecture": "whisper" if found.kind == "speech" else "", "parameters": 0, "context": 0,
        "quantisation": "", "template": "", "licence": "", "from": "", "revision": "",
        "needs": plan.need(found, settings), "fits": True, "reason": "", "damage": _damage(found),
    }
    if found.entry is not None:
        facts |= {"parameters": found.entry.parameters, "context": found.entry.window}
        facts |= _source(found)
    if came is not None:
        facts |= {"from": came.repository, "revision": came.revision}
    elif found.hub is not None:
        facts |= {"from": found.hub.repository, "revision": found.hub.revision}
    if found.path is not None and found.kind != "speech":
        facts |= _shape(found.path)
    try:
        plan.check({found.name: plan.least(found, settings)}, settings)
    except Problem as problem:
        facts |= {"fits": False, "reason": str(problem)}
    return facts


def _source(found: Found) -> dict[str, Any]:
    """Where an entry comes from."""
    entry = found.entry
    assert entry is not None
    if entry.weights:
        return {"from": weights.address(entry.weights)[0], "revision": f"sha256 {weights.address(entry.weights)[1]}",
                "licence": "MIT (openai-whisper)"}
    return {"from": entry.sources[0].repository, "revision": entry.sources[0].revision}


def _shape(path: Path) -> dict[str, Any]:
    try:
        known = shape.of(path)
    except Problem:
        return {}
    licence = next((str(file) for file in sorted(path.glob("LICEN[CS]E*"))), "") if path.is_dir() else known.licence
    return {"architecture": known.architecture, "parameters": known.parameters, "context": known.window,
            "quantisation": known.quantisation, "template": known.template, "licence": licence}


def _damage(found: Found) -> str:
    if found.path is None:
        return ""
    try:
        manifest.check(found.path)
        if found.kind != "speech":
            shape.of(found.path)
    except Problem as problem:
        return str(problem)
    return ""


def verify(found: Found, tell: Callable[[float], None] = lambda share: None) -> int:
    """Compares the files with the published hashes, reading everything; how many files there were hashes for. Raises Unusable
    that names the file."""
    if found.path is None:
        return 0
    if found.kind != "speech":
        return manifest.verify(found.path, tell)
    if found.starter or not found.path.is_file() or not weights.known(found.path.stem):
        return 0
    digest, done = hashlib.sha256(), 0
    with found.path.open("rb") as opened:
        while block := opened.read(BLOCK_BYTES):
            digest.update(block)
            done += len(block)
            tell(min(1.0, done / max(found.size, 1)))
    if digest.hexdigest() != weights.address(found.path.stem)[1]:
        raise Unusable("{file} is not what was published (its SHA-256 differs). Please load it again.", file=str(found.path))
    return 1
