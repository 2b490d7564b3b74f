"""Products of a few rows with weights of 8 and 4 bits: the weight is read once, as small as it is.

A program computes all rows for a block of outputs. Four bits: the lower ones of a row's bytes are its first half, the upper ones
its second half, so both halves are whole blocks and nothing has to be woven together.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from webbot.engines.compute.kernels.device import precision

LEAST_ROWS = 16  # of tl.dot
OUTPUTS = 32  # of a program: with a layer of 2 048 outputs all of a small card's processors have work
INPUTS = 128  # of a turn


def int8(x: torch.Tensor, numbers: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """x [rows, in], numbers int8 [out, in], scale [out] -> [rows, out]."""
    x = x.contiguous()
    rows, made = x.shape[0], x.new_empty((x.shape[0], numbers.shape[0]))
    _int8[(triton.cdiv(numbers.shape[0], OUTPUTS),)](
        x, numbers, scale, made, rows, numbers.shape[1], numbers.shape[0], ROWS=_rows(rows), OUTPUTS=OUTPUTS, INPUTS=INPUTS,
        PRECISION=precision(x.dtype), num_warps=4, num_stages=4,
    )
    return made


def int4(x: torch.Tensor, numbers: torch.Tensor, scale: torch.Tensor, middle: torch.Tensor) -> torch.Tensor:
    """x [rows, in], numbers uint8 [out, in / 2], scale and middle [out, in / group] -> [rows, out]. (q - 8) x scale + middle."""
    x = x.contiguous()
    rows, made = x.shape[0], x.new_empty((x.shape[0], numbers.shape[0]))
    half = numbers.shape[1]
    _int4[(triton.cdiv(numbers.shape[0], OUTPUTS),)](
        x, numbers, scale, middle, made, rows, half, numbers.shape[0], GROUP=2 * half // scale.shape[1], ROWS=_rows(rows),
        OUTPUTS=OUTPUTS, INPUTS=INPUTS // 2, PRECISION=precision(x.dtype), num_warps=4, num_stages=4,
    )
    return made


def _rows(rows: int) -> int:
    return max(LEAST_ROWS, triton.next_power_of_2(rows))


@triton.jit(do_not_specialize=["rows"])
def _int8(x, numbers, scale, made, rows, inputs, outputs, ROWS: tl.constexpr, OUTPUTS: tl.constexpr, INPUTS: tl.constexpr,
          PRECISION: tl.constexpr):
    row = tl.arange(0, ROWS)
    output = tl.program_id(0) * OUTPUTS + tl.arange(0, OUTPUTS)
    line = output.to(tl.int64) * inputs
    real = (row < rows)[:, None]
    wanted = (output < outputs)[None, :]
    total = tl.zeros((ROWS, OUTPUTS), tl.float32)
    for start in range(0, inputs, INPUTS):
        place = start + tl.arange(0, INPUTS)
        inside = place < inputs
        part = tl.load(x + row[:, None] * inputs + place[None, :], mask=real & inside[None, :], other=0.0)
        number = tl.load(numbers + line[None, :] + place[:, None], mask=wanted & inside[:, None], other=0)
        total = tl.dot(part, number.to(tl.float32).to(part.dtype), total, input_precision=PRECISION)
    factor = tl.load(scale + output, mask=output < outputs, other=0.0).to(tl.float32)
    tl.store(made + row[:, None] * outputs + output[None, :], (total * factor[None, :]).to(made.dtype.element_ty),
             mask=real & wanted)


@triton.jit(do_not_specialize=["rows"])
def _int4(x, numbers, scale, middle, made, rows, half, outputs, GROUP: tl.constexpr, ROWS: tl.constexpr, OUTPUTS: tl.constexpr,
          INPUTS: tl.constexpr, PRECISION: tl.constexpr):
    row = tl.arange(0, ROWS)
    output = tl.program_id(0) * OUTPUTS + tl.arange(0, OUTPUTS)
    line = output.to(tl.int64)
    groups = 2 * half // GROUP
    real = (row < rows)[:, None]
    wanted = (output < outputs)[None, :]
    total = tl.zeros((ROWS, OUTPUTS), tl.float32)
    for start in range(0, half, INPUTS):
        place = start + tl.arange(0, INPUTS)
        inside = place < half
        mask = wanted & inside[:, None]
        both = tl.load(numbers + (line * half)[None, :] + place[:, None], mask=mask, other=0).to(tl.int32)
        group = (line * groups)[None, :] + (place // GROUP)[:, None]
        part = tl.load(x + row[:, None] * 2 * half + place[None, :], mask=real & inside[None, :], other=0.0)
        factor = tl.load(scale + group, mask=mask, other=0.0).to(tl.float32)
        shift = tl.load(middle + group, mask=mask, other=0.0).to(tl.float32)
        weight = ((both & 15) - 8).to(tl.float32) * factor + shift
        total = tl.dot(part, weight.to(part.dtype), total, input_precision=PRECISION)
        group += groups // 2
        part = tl.load(x + row[:, None] * 2 * half + half + place[None, :], mask=real & inside[None, :], other=0.0)
        factor = tl.load(scale + group, mask=mask, other=0.0).to(tl.float32)
        shift = tl.load(middle + group, mask=mask, other=0.0).to(tl.float32)
        weight = ((both >> 4) - 8).to(tl.float32) * factor + shift
        total = tl.dot(part, weight.to(part.dtype), total, input_precision=PRECISION)
    tl.store(made + row[:, None] * outputs + output[None, :], total.to(made.dtype.element_ty), mask=real & wanted)
