"""How far keys and queries are turned at each position, from a model's own rotary embedding."""

from __future__ import annotations

from typing import Any

import torch

# Kinds whose angles depend on the position only; "dynamic" and "longrope" look at the length of the text, too.
STEADY = ("default", "linear", "llama3", "yarn")


class Rope:
    """`cos` and `sin` [window, head size] in the model's precision, as the model's own layer gives them. `lean` is `sin` with the
    sign of its first half turned, so that x * cos + roll(x, head size / 2) * lean is the same rotation."""

    def __init__(self, rotary: Any, window: int, like: torch.Tensor) -> None:
        positions = torch.arange(window, device=like.device)[None]
        self.cos, self.sin = (table[0].contiguous() for table in rotary(like, positions))
        half = self.sin.shape[1] // 2
        self.lean = torch.cat((-self.sin[:, :half], self.sin[:, half:]), 1)


def steady(config: Any) -> bool:
    """Whether one table holds for texts of any length, and for all layers."""
    said = getattr(config, "rope_parameters", None)
    return isinstance(said, dict) and said.get("rope_type") in STEADY and said.get("partial_rotary_factor", 1.0) == 1.0
