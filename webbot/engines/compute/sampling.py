"""Chooses the next tokens from logits, on the device and without waiting for it. Nothing is sorted.

Of a row, those tokens are kept whose logit reaches a threshold: the largest of those that top_k, top_p and min_p ask for, so
tokens of the same logit are kept or left out together. One uniform number per row then picks a place among the kept ones, laid
behind one another in the order of the vocabulary (inverse transform sampling).

The order is that of transformers: penalties, bias and grammar (`shaping`), temperature, top_k, top_p of what top_k kept, min_p.
vLLM and SGLang do the same, but vLLM applies min_p before top_k and top_p, and SGLang measures top_p by what was there before
top_k; llama.cpp as a rule applies the temperature last, so its top_p and min_p see the model's own probabilities.

Probabilities are counted in whole numbers (2 ** 40 for the likeliest token). Sums of those do not depend on the order in which
a device adds, so a seed gives the same answer alone and in any batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch.nn import functional

TEMPERATURE, TOP_P, TOP_K, MIN_P, UNIFORM = range(5)  # the columns of a table
COLUMNS = 5
ONE = 2.0**40  # the weight of the likeliest token; 2 ** 22 of them still fit an int64
BLOCK = 128  # tokens that are summed before they are looked at one by one
STEPS = 33  # halvings that find one among all float32
# How many of the likeliest tokens are looked at first, where the device can be asked at once.
WIDTHS = (64, 1024)


@dataclass(frozen=True, slots=True)
class Wish:
    """How one row is sampled. `temperature` 0 takes the likeliest token.

    Kept are the `top_k` likeliest tokens (0: all), of them the likeliest that together reach the share `top_p`, and of them
    those with at least `min_p` of the probability of the likeliest; at least one. `uniform` in [0, 1) picks among them.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    uniform: float = 0.0


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
    return torch.tensor(
        [(wish.temperature, wish.top_p, wish.top_k, wish.min_p, wish.uniform) for wish in wishes], dtype=torch.float32
    )


def choose(logits: torch.Tensor, wishes: Sequence[Wish]) -> torch.Tensor:
    """The token of each row of `logits` [rows, vocabulary]: int64 [rows] on the device."""
    if all(wish.temperature <= 0 for wish in wishes):
        return logits.argmax(-1)
    return choose_by(logits, table(wishes).to(logits.device, non_blocking=True))


def choose_by(logits: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """The same by a `table` [rows, COLUMNS] on the device. On CUDA nothing here looks at a value: it can be captured."""
    logits = logits.float()
    most, greedy = logits.max(-1, keepdim=True)
    temperature, top_p, top_k, min_p, uniform = table.split(1, -1)
    sampled = temperature > 0
    temperature = torch.where(sampled, temperature, 1.0)
    weights = ((logits - most) / temperature).exp_().mul_(ONE).to(torch.int64)
    least = _least(logits, weights, most, temperature, top_p, top_k, min_p)
    return torch.where(sampled, _draw(weights.masked_fill_(logits < least, 0), uniform), greedy).squeeze(-1)


def _draw(weights: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
    """The first place [rows, 1] at which the sum of `weights` [rows, vocabulary] exceeds that share of them all.

    Found among the sums of blocks, then within one block.
    """
    rows, vocabulary = weights.shape
    blocks = functional.pad(weights, (0, -vocabulary % BLOCK)).view(rows, -1, BLOCK)
    sums = blocks.sum(-1).cumsum(-1)
    mass = sums[:, -1:]
    aim = torch.minimum((uniform.double() * mass).to(torch.int64), mass - 1)
    block = torch.searchsorted(sums, aim, right=True).clamp_(max=sums.shape[-1] - 1)
    inside = blocks.gather(1, block[..., None].expand(-1, -1, BLOCK)).squeeze(1).cumsum(-1)
    before = sums.gather(1, block) - inside[:, -1:]
    place = torch.searchsorted(inside, aim - before, right=True)
    return (block * BLOCK + place).clamp_(max=vocabulary - 1)


def _least(
    logits: torch.Tensor, weights: torch.Tensor, most: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor,
    top_k: torch.Tensor, min_p: torch.Tensor,
) -> torch.Tensor:
    """The smallest logit that is kept in each row, float32 [rows, 1]."""
    here = logits.device.type == "cpu"
    limited = top_k >= 1
    least = most + temperature * min_p.log()  # minus infinity for 0
    if not here or bool(limited.any()):
        kth = _search(logits, most, None, torch.where(limited, top_k, logits.shape[-1]))
        least = torch.maximum(least, torch.where(limited, kth, -torch.inf))
        weights = weights.masked_fill(logits < torch.where(limited, kth, -torch.inf), 0)
    if not here or bool((top_p < 1).any()):
        aim = (weights.sum(-1, keepdim=True) * top_p.double()).ceil().to(torch.int64).clamp_(min=1)
        reached = _search(logits, most, weights, aim)
        least = torch.maximum(least, torch.where(top_p < 1, reached, -torch.inf))
    return least


def _search(logits: torch.Tensor, most: torch.Tensor, weights: torch.Tensor | None, aim: torch.Tensor) -> torch.Tensor:
    """The largest number [rows, 1] which logits of at least the weight `aim` (each weighs 1 without `weights`) reach.

    Halves the whole numbers behind float32, which are in the same order.
    """
    low = torch.full_like(most, -torch.inf)
    low, high = _key(low), _key(most)
    for _ in range(STEPS):
        middle = low + (high - low + 1) // 2
        reaches = logits >= _float(middle)
        weight = (reaches if weights is None else weights * reaches).sum(-1, keepdim=True)
        low, high = torch.where(weight >= aim, middle, low), torch.where(weight >= aim, high, middle - 1)
    return _float(low)


def _key(numbers: torch.Tensor) -> torch.Tensor:
    """Whole numbers in the order of float32."""
    bits = numbers.view(torch.int32).to(torch.int64)
    return torch.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def _float(keys: torch.Tensor) -> torch.Tensor:
    bits = torch.where(keys < 0, -keys - 2**31, keys)
    return bits.to(torch.int32).view(torch.float32)
