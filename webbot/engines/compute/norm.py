"""The weight of a root mean square norm, prepared for few operators."""

from __future__ import annotations

from typing import Any

import torch


class Norm:
    """`weight` [width]. With `wide` = weight * sqrt(width) and `floor` = sqrt(eps * width), both in float32,
    x / sqrt(mean(x^2) + eps) * weight is x * wide / hypot(|x|, floor)."""

    def __init__(self, module: Any) -> None:
        self.weight: torch.Tensor = module.weight.detach()
        self.eps: float = module.variance_epsilon
        width = len(self.weight)
        self.root = width**0.5
        self.wide = self.weight.float() * self.root
        self.floor = torch.tensor((self.eps * width) ** 0.5, device=self.weight.device)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """x [..., width], rounded as in Llama: the quotient to x's precision before the weight."""
        length = torch.linalg.vector_norm(x, 2, -1, True, dtype=torch.float32).hypot_(self.floor)
        if x.dtype is torch.float32:
            return (x * self.wide).div_(length)
        return (x * (self.root / length)).to(x.dtype).mul_(self.weight)
