"""Leaves of some rows of logits only the tokens that their grammars allow, all rows in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy
import torch
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Mask:
    """Which tokens of a row may be chosen. `bits` is uint8 [vocabulary / 8, rounded up]; the least significant bit of a byte is
    the first token, as llguidance packs them."""

    bits: numpy.ndarray

    @classmethod
    def of(cls, bits: numpy.ndarray, vocabulary: int) -> Mask:
        """For so many logits: a grammar may know more tokens; those that it does not know are not allowed."""
        size = -(-vocabulary // 8)
        fitting = numpy.zeros(size, numpy.uint8)
        fitting[: len(bits)] = bits[:size]
        if vocabulary % 8:
            fitting[-1] &= (1 << vocabulary % 8) - 1
        return cls(fitting)

    @classmethod
    def only(cls, token: int, vocabulary: int) -> Mask:
        bits = numpy.zeros(-(-vocabulary // 8), numpy.uint8)
        bits[token // 8] = 1 << token % 8
        return cls(bits)

    def __len__(self) -> int:
        return 8 * len(self.bits)

    def __getitem__(self, token: int) -> bool:
        return bool(self.bits[token // 8] >> token % 8 & 1)


def apply(logits: torch.Tensor, masks: Sequence[tuple[int, Mask]]) -> None:
    """Changes rows of `logits` [rows, vocabulary], float32, in place: minus infinity where a row's mask says no.

    Eight tokens are looked up at a time: on a processor in a fifth of the time that masked_fill takes.
    """
    if masks:
        rows = torch.tensor([row for row, _ in masks]).to(logits.device, non_blocking=True)
        bits = torch.from_numpy(numpy.stack([mask.bits for _, mask in masks])).to(logits.device, non_blocking=True)
        added = functional.embedding(bits.int(), _eights(logits.device)).view(len(masks), -1)
        logits.index_add_(0, rows, added[:, : logits.shape[-1]])


@cache
def _eights(device: torch.device) -> torch.Tensor:
    """What is added to eight logits for each byte: 0 or minus infinity, float32 [256, 8]."""
    bits = torch.arange(256)[:, None] >> torch.arange(8) & 1
    return torch.where(bits > 0, 0.0, -torch.inf).to(device)
