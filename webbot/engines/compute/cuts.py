"""Which tokens top_k and top_p keep: the smallest logit of them, without sorting and without waiting for the device."""

from __future__ import annotations

import torch

# The parts of the 32 bits behind a logit that are counted one after the other: shift and width.
PARTS = ((21, 11), (10, 11), (0, 10))


def least(logits: torch.Tensor, weights: torch.Tensor, top_p: torch.Tensor, top_k: torch.Tensor) -> torch.Tensor:
    """The smallest logit that is kept in each row, float32 [rows, 1]; minus infinity where all are.

    `logits` [rows, n], float32, and their `weights`, int64; `top_p` and `top_k` (0: all) [rows, 1].
    """
    limited = (top_k >= 1) & (top_k < logits.shape[-1])
    order = _order(logits)
    found = _reached(order, torch.ones_like(weights), torch.where(limited, top_k, 1).long())
    kth = torch.where(limited, found, -torch.inf)
    weights = weights * (logits >= kth)
    aim = (weights.sum(-1, keepdim=True) * top_p.double()).ceil_().long().clamp_(min=1)
    return torch.where(top_p < 1, _reached(order, weights, aim), kth)


def _order(logits: torch.Tensor) -> torch.Tensor:
    """Whole numbers from 0 to 2 ** 32 - 1, the likeliest first: int64."""
    bits = logits.view(torch.int32)
    return 0x7FFFFFFF - (bits ^ ((bits >> 31) & 0x7FFFFFFF)).long()


def _reached(order: torch.Tensor, weights: torch.Tensor, aim: torch.Tensor) -> torch.Tensor:
    """The largest logit which so many reach that they weigh `aim`, float32 [rows, 1].

    Radix selection: the weights are added up by the first bits of `order`; then, where the aim is reached, by the next ones.
    """
    found = torch.zeros_like(aim)
    for shift, width in PARTS:
        digits = (order >> shift) & (2**width - 1)
        sums = torch.zeros((len(order), 2**width), dtype=torch.int64, device=order.device).scatter_add_(-1, digits, weights)
        totals = sums.cumsum(-1)
        digit = torch.searchsorted(totals, aim).clamp_(max=2**width - 1)
        aim = aim - (totals.gather(-1, digit) - sums.gather(-1, digit))
        found = (found << width) + digit
        if shift:
            weights = weights * (digits == digit)
    bits = 0x7FFFFFFF - found
    return (bits ^ ((bits >> 63) & 0x7FFFFFFF)).to(torch.int32).view(torch.float32)
