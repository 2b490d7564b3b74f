"""What the owner's page says of an engine at work, from the figures of engines/compute/figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

View = dict[str, Any]


def shown(figures: Mapping[str, Any], window: int) -> View:
    """`window` is the longest conversation in tokens, 0 where it is not known. What an engine does not tell is None."""
    asked, found = figures.get("asked", 0), figures.get("found", 0)
    return {
        "running": figures.get("running", 0), "waiting": figures.get("waiting", 0), "rate": figures.get("rate", 0.0),
        "read": figures.get("read", 0), "written": figures.get("written", 0), "asked": asked,
        "share": found / asked if asked else None, "failures": figures.get("failures", 0),
        "guessed": _part(figures, "accepted", "drafted"), "gpu": figures.get("gpu"), "cache": _cache(figures, window),
        "computes": figures.get("computes"),
    }


def _part(figures: Mapping[str, Any], some: str, every: str) -> float | None:
    return figures[some] / figures[every] if figures.get(every) else None


def _cache(figures: Mapping[str, Any], window: int) -> View | None:
    """Its pages by their state, and what they are in tokens, bytes and whole conversations."""
    pages = figures.get("pages", {"used": 0, "kept": 0, "free": 0, "size": 0})
    used, kept, free, size = (pages[name] for name in ("used", "kept", "free", "size"))
    count = used + kept + free
    if not count:
        return None
    return {
        "used": used, "kept": kept, "free": free, "size": size, "count": count, "bytes": count * pages["bytes"],
        "held": (used + kept) * pages["bytes"], "tokens": count * size, "conversations": figures.get("conversations"),
        "window": window, "whole": count * size // window if window else None,
        "evictions": figures.get("evictions", 0), "preemptions": figures.get("preemptions", 0),
    }
