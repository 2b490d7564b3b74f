"""The gate of a layer's inner numbers."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

# Nothing is used twice, so a block only has to be long enough that starting it costs nothing beside its bytes, and short enough
# that one token (8 192 numbers) still makes eight of them.
BLOCK = 1024
KINDS = {"silu": 0, "gelu": 1, "gelu_pytorch_tanh": 2, "relu": 3}


def gate(gate_up: torch.Tensor, kind: str) -> torch.Tensor:
    """As `plain.gate`."""
    tokens, inner = gate_up.shape[0], gate_up.shape[1] // 2
    made = torch.empty((tokens, inner), dtype=gate_up.dtype, device=gate_up.device)
    _gate[(tokens, triton.cdiv(inner, BLOCK))](
        gate_up, made, gate_up.stride(0), inner, KIND=KINDS[kind], BLOCK=BLOCK, num_warps=4,
    )
    return made


@triton.jit
def _gate(gate_up, made, stride, inner, KIND: tl.constexpr, BLOCK: tl.constexpr):
    token = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < inner
    first = tl.load(gate_up + token * stride + column, mask=inside, other=0.0)
    kind = first.dtype
    x = first.to(tl.float32)
    if KIND == 0:
        through = x / (1.0 + tl.exp(-x))
    elif KIND == 1:
        through = 0.5 * x * (1.0 + tl.erf(x * 0.7071067811865476))
    elif KIND == 2:
        inner_sum = 0.7978845608028654 * (x + 0.044715 * x * x * x)
        through = x / (1.0 + tl.exp(-2.0 * inner_sum))  # 0.5 x (1 + tanh y) = x sigmoid(2 y)
    else:
        through = tl.maximum(x, 0.0)
    second = tl.load(gate_up + token * stride + inner + column, mask=inside, other=0.0)
    product = through.to(kind).to(tl.float32) * second.to(tl.float32)
    tl.store(made + token * inner + column, product.to(kind), mask=inside)
