"""Chooses the next tokens from logits, on the device and without waiting for it. Nothing is sorted.

Of a row, those tokens are kept whose logit reaches a threshold: the largest of those that top_k, top_p and min_p ask for, so
tokens of the same logit are kept or left out together. One uniform number per row then picks a place among the kept ones, laid
behind one another in the order of the vocabulary (inverse transform sampling).

The order is that of transformers, which clients of the open-source servers know: bias, penalties and grammar (`shaping`), then
temperature, top_k, top_p of what top_k kept, min_p. vLLM applies min_p before top_k and top_p, SGLang measures top_p by what was
there before top_k, and llama.cpp as a rule applies the temperature last, so that its top_p and min_p see the model's own
probabilities.

Probabilities are counted in whole numbers (2 ** 40 for the likeliest token). Sums of those do not depend on the order in which
a device adds, so a seed gives the same answer alone and in any batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import torch

from webbot.engines.compute import cuts, kernels, row
from webbot.engines.compute.row import Wish

COLUMNS = ("temperature", "top_p", "top_k", "min_p", "uniform")  # of a table


class Uniforms:
    """The uniform numbers of an answer: the i-th belongs to its i-th token, however often and in whatever order it is asked
    for. So tokens that are guessed and tried together are chosen as they would be one after another."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = Random(seed)
        self._numbers: list[float] = []

    def __getitem__(self, place: int) -> float:
        while len(self._numbers) <= place:
            self._numbers.append(self._random.random())
        return self._numbers[place]


def table(wishes: Sequence[Wish]) -> torch.Tensor:
    """The wishes as float32 [rows, COLUMNS], on the CPU."""
    rows = [(wish.temperature, wish.top_p, wish.top_k, wish.min_p, wish.uniform) for wish in wishes]
    return torch.tensor(rows, dtype=torch.float32)


def choose(logits: torch.Tensor, wishes: Sequence[Wish]) -> torch.Tensor:
    """The token of each row of `logits` [rows, vocabulary]: int64 [rows] on the device. Where several are the likeliest, and
    the temperature is 0, it is the first."""
    if logits.device.type == "cpu":
        chosen = [row.choose(own, wish) for own, wish in zip(logits.float().numpy(), wishes, strict=True)]
        return torch.tensor(chosen, dtype=torch.int64)
    if all(wish.temperature <= 0 for wish in wishes):
        return logits.argmax(-1)
    return choose_by(logits, table(wishes).to(logits.device, non_blocking=True))


def choose_by(logits: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """The same by a `table` [rows, COLUMNS] on the device. Nothing here looks at a value, so it can be captured."""
    if logits.is_cuda and kernels.usable(logits.device, logits.dtype):
        from webbot.engines.compute.kernels.launched import draw

        return draw(logits, table)
    temperature, top_p, top_k, min_p, uniform = table.split(1, -1)
    sampled = temperature > 0
    temperature = torch.where(sampled, temperature, 1.0)
    logits = logits.float()
    most, first = logits.max(-1, keepdim=True)
    most = most.clamp(min=torch.finfo(torch.float32).min)  # finite, also where nothing is possible
    weights = logits.sub(most).div_(temperature).exp_().mul_(row.ONE).long()
    least = torch.maximum(most + temperature * min_p.log(), cuts.least(logits, weights, top_p, top_k))
    return torch.where(sampled, _draw(weights.mul_(logits >= least), uniform), first).squeeze(-1)


def _draw(weights: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """The first place [rows, 1] at which the sum of `weights` [rows, vocabulary] exceeds that share of them all."""
    sums = weights.cumsum(-1)
    mass = sums[:, -1:]
    aim = torch.minimum((uniform.double() * mass).long(), mass - 1)
    return torch.searchsorted(sums, aim, right=True).clamp_(max=weights.shape[-1] - 1)
