"""RMS norm, with the addition before it in the same launch."""

from __future__ import annotations

import torch
import triton
import triton.language as tl


def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float,
             residual: torch.Tensor | None = None) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    """As `plain.rms_norm`. `x` and `residual` may have any distance between their rows."""
    tokens, width = x.shape
    normed = torch.empty((tokens, width), dtype=x.dtype, device=x.device)
    together = torch.empty_like(normed) if residual is not None else normed
    other = residual if residual is not None else x
    block = triton.next_power_of_2(width)
    # 16 numbers of each thread: enough loads at once to hide the way to memory, few enough to stay in registers.
    warps = min(max(block // 512, 1), 16)
    _rms_norm[(tokens,)](
        x, other, weight, normed, together, x.stride(0), other.stride(0), width, eps,
        ADDS=residual is not None, BLOCK=block, num_warps=warps,
    )
    return normed if residual is None else (normed, together)


@triton.jit
def _rms_norm(x, residual, weight, normed, together, x_stride, residual_stride, width, eps,
              ADDS: tl.constexpr, BLOCK: tl.constexpr):
    token = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BLOCK)
    inside = column < width
    number = tl.load(x + token * x_stride + column, mask=inside, other=0.0)
    kind = number.dtype
    if ADDS:
        other = tl.load(residual + token * residual_stride + column, mask=inside, other=0.0)
        number = (number.to(tl.float32) + other.to(tl.float32)).to(kind)
        tl.store(together + token * width + column, number, mask=inside)
    wide = number.to(tl.float32)
    quotient = wide * tl.rsqrt(tl.sum(wide * wide, 0) / width + eps)
    scale = tl.load(weight + column, mask=inside, other=0.0)
    product = quotient.to(kind).to(tl.float32) * scale.to(tl.float32)
    tl.store(normed + token * width + column, product.to(kind), mask=inside)
