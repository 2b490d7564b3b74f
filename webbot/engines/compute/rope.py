"""How far keys and queries are turned at each position, from a model's own rotary embedding."""

from __future__ import annotations

from typing import Any

import torch

# Kinds whose angles depend on the position only; "dynamic" and "longrope" look at the length of the text, too.
STEADY = ("default", "linear", "llama3", "yarn")


class Rope:
    """`cos` and `sin` [window, head size] in the model's precision, as the model's own layer gives them."""

    def __init__(self, rotary: Any, window: int, like: torch.Tensor) -> None:
        positions = torch.arange(window, device=like.device)[None]
        self.cos, self.sin = (table[0].contiguous() for table in rotary(like, positions))

    def lean(self) -> torch.Tensor:
        """`sin` with the sign of its first half turned: x * cos + roll(x, head size / 2) * lean is the rotation."""
        half = self.sin.shape[1] // 2
        return torch.cat((-self.sin[:, :half], self.sin[:, half:]), 1)


def steady(model: Any, head_size: int) -> bool:
    """Whether one table holds for texts of any length, for all layers, and for whole heads."""
    said = getattr(model.config, "rope_parameters", None)
    angles = getattr(getattr(model.base_model, "rotary_emb", None), "inv_freq", None)
    return isinstance(said, dict) and said.get("rope_type") in STEADY and angles is not None and 2 * len(angles) == head_size
