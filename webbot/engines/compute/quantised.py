"""Weights in 8 or 4 bits; everything else keeps the model's precision ("weight only").

int8: q x scale, one scale for each row of the weight. int4: (q - 8) x scale + middle with q of 0 to 15, both for each 32 numbers
of a row, so a number takes 5 bits. Scales and middles are rounded to bfloat16 before the numbers are fitted to them, so their
rounding costs next to nothing.

A few rows of x are multiplied by operators that read the small numbers: on a processor torch's own (they compute in bfloat16),
on CUDA Triton's kernels. For many rows, and where these are missing, the weight is written out for the moment of one product.
What raises, or computes something else than torch's plain operators, is not used.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

import torch
from torch.nn import functional

from webbot.engines.compute import kernels
from webbot.engines.compute.held import Held

FORMS = ("int8", "int4")
GROUP = 32  # numbers that share a scale in int4, as in llama.cpp's formats
# Rows of x: with more of them, writing the weight out costs less than reading it in small pieces for each row.
FEW = {"cpu": 32, "cuda": 64}
CLOSE = 0.02  # of the length of the result: bfloat16's rounding
SCALES = torch.bfloat16
Multiply = Callable[[torch.Tensor], torch.Tensor]
log = logging.getLogger(__name__)


class Quantised(Held):
    """`written` multiplies with the weight written out, `quick` up to `few` rows of x with the small numbers."""

    def __init__(self, written: Multiply | None, quick: Multiply | None, few: int, bias: torch.Tensor | None) -> None:
        self._written, self._quick, self._few, self._bias = written, quick, few, bias

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        multiply = self._quick if len(x) <= self._few else self._written
        assert multiply is not None
        made = multiply(x)
        return made if self._bias is None else made.add_(self._bias)


@torch.no_grad()
def hold(weight: torch.Tensor, bias: torch.Tensor | None, how: str) -> Held:
    """`weight` [out, in] in int8, or in int4 where its sides can be divided into groups."""
    if how == "int4" and _even(weight):
        return _hold_int4(weight, bias)
    return _hold_int8(weight, bias)


def _even(weight: torch.Tensor) -> bool:
    """Whether the sides are what all operators and kernels can divide: torch's for 8 bits writes elsewhere if not."""
    return weight.shape[0] % 16 == 0 and weight.shape[1] % (2 * GROUP) == 0


def _hold_int8(weight: torch.Tensor, bias: torch.Tensor | None) -> Held:
    numbers, scale = int8(weight)
    own = scale.to(weight.dtype)

    def written(x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, numbers.to(x.dtype)).mul_(own)

    def by_torch(x: torch.Tensor) -> torch.Tensor:
        return torch.ops.aten._weight_int8pack_mm(x.to(SCALES), numbers, scale).to(x.dtype)

    def by_triton(x: torch.Tensor) -> torch.Tensor:
        from webbot.engines.compute.kernels import small

        return small.int8(x, numbers, scale)

    quick = by_torch if weight.device.type == "cpu" else by_triton
    works = _even(weight) and _works("int8", quick, written, weight)
    return Quantised(written, quick if works else None, FEW[weight.device.type] if works else -1, bias)


def _hold_int4(weight: torch.Tensor, bias: torch.Tensor | None) -> Held:
    numbers, scale, middle = int4(weight)

    def written(x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, restored(numbers, scale, middle, x.dtype))

    if weight.device.type == "cpu":
        packed = _packed(numbers, scale, middle)
        # It computes any number of rows: to write out what it packs, the numbers would have to be held twice.
        if packed is not None and _works("int4", packed, written, weight):
            return Quantised(None, packed, sys.maxsize, bias)
        return Quantised(written, None, -1, bias)

    def by_triton(x: torch.Tensor) -> torch.Tensor:
        from webbot.engines.compute.kernels import small

        return small.int4(x, numbers, scale, middle)

    works = _works("int4", by_triton, written, weight)
    return Quantised(written, by_triton if works else None, FEW[weight.device.type] if works else -1, bias)


def int8(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The numbers int8 [out, in] and their scales [out]."""
    scale = (weight.abs().amax(1).float() / 127).to(SCALES).clamp_(min=torch.finfo(SCALES).tiny)
    return torch.round(weight.float() / scale.float()[:, None]).clamp_(-127, 127).to(torch.int8), scale


def int4(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The numbers uint8 [out, in / 2], the lower four bits those of the first half of a row, the upper ones of its second half;
    scales and middles [out, in / GROUP]."""
    groups = weight.float().unflatten(1, (-1, GROUP))
    least, most = groups.amin(2), groups.amax(2)
    scale = ((most - least) / 15).to(SCALES).clamp_(min=torch.finfo(SCALES).tiny)
    middle = (least + 8 * scale.float()).to(SCALES)
    numbers = (groups - middle.float()[..., None]).div_(scale.float()[..., None]).round_().add_(8).clamp_(0, 15)
    first, second = numbers.to(torch.uint8).flatten(1).chunk(2, 1)
    return first | (second << 4), scale, middle


def restored(numbers: torch.Tensor, scale: torch.Tensor, middle: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """The weight [out, in] of int4."""
    groups = _halves(numbers).to(dtype).sub_(8).unflatten(1, (-1, GROUP))
    return groups.mul_(scale.to(dtype)[..., None]).add_(middle.to(dtype)[..., None]).flatten(1)


def _halves(numbers: torch.Tensor) -> torch.Tensor:
    return torch.cat((numbers & 15, numbers >> 4), 1)


def _packed(numbers: torch.Tensor, scale: torch.Tensor, middle: torch.Tensor) -> Multiply | None:
    """With torch's operator for processors, which has a layout of its own; None where it is missing."""
    try:
        packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(_halves(numbers).int(), 1)
    except (RuntimeError, AttributeError) as error:
        log.info("torch's operator for four bits is not used: %s", str(error).partition("\n")[0])
        return None
    both = torch.stack((scale, middle), 2).transpose(0, 1).contiguous()
    return lambda x: torch.ops.aten._weight_int4pack_mm_for_cpu(x.to(SCALES), packed, GROUP, both).to(x.dtype)


_tried: dict[tuple[object, ...], bool] = {}


def _works(how: str, quick: Multiply, written: Multiply, weight: torch.Tensor) -> bool:
    """Whether `quick` computes the same. Tried once for each shape."""
    key = (how, weight.shape, weight.dtype, weight.device)
    if key not in _tried:
        _tried[key] = kernels.usable(weight.device, weight.dtype) if weight.device.type == "cuda" else True
        _tried[key] = _tried[key] and _close(how, quick, written, weight)
    return _tried[key]


def _close(how: str, quick: Multiply, written: Multiply, weight: torch.Tensor) -> bool:
    x = torch.linspace(-1, 1, 3 * weight.shape[1], device=weight.device).sin().view(3, -1).to(weight.dtype)
    try:
        expected = written(x).float()
        right = bool((quick(x).float() - expected).norm() <= CLOSE * expected.norm())
    except Exception as error:  # a compiler of kernels raises anything
        log.warning("the quick %s product is not used: %s: %s", how, type(error).__name__, str(error).partition("\n")[0])
        return False
    if not right:
        log.warning("the quick %s product is not used: it computed something wrong", how)
    return right
