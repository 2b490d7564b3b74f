"""A weight that is ready to be multiplied with: the contract of linear, packed and quantised."""

from __future__ import annotations

import torch


class Held:
    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """x [tokens, in] -> [tokens, out], with the bias if there is one."""
        raise NotImplementedError

    def add(self, x: torch.Tensor, to: torch.Tensor) -> torch.Tensor:
        """The same, added to `to` [tokens, out] in place; returns it. For a residual: one pass less over it."""
        return to.add_(self(x))
