"""What stands between the merged q-k-v matrix and attention: norm of each head, rotary positions, the write into the cache."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

# Heads of a program: eight of 64 numbers are what four warps load at once, and one token of 48 heads still makes six programs.
LINES = 8


def rope_write(
    qkv: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, positions: torch.Tensor, places: torch.Tensor, keys: torch.Tensor,
    values: torch.Tensor, heads: int, key_heads: int, q_weight: torch.Tensor | None = None, k_weight: torch.Tensor | None = None,
    eps: float = 0.0,
) -> torch.Tensor:
    """As `plain.rope_write`."""
    tokens, size = len(qkv), keys.shape[-1]
    query = torch.empty((tokens, heads, size), dtype=qkv.dtype, device=qkv.device)
    norms = q_weight is not None and k_weight is not None
    _rope_write[(tokens, triton.cdiv(heads + 2 * key_heads, LINES))](
        qkv, cos, sin, positions, places, keys, values, query, q_weight if norms else cos, k_weight if norms else cos, eps,
        qkv.stride(0), cos.stride(0), sin.stride(0), keys.stride(0), keys.stride(1), values.stride(0), values.stride(1),
        HEADS=heads, KEY_HEADS=key_heads, SIZE=size, BLOCK=triton.next_power_of_2(size), LINES=LINES, NORMS=norms, num_warps=4,
    )
    return query


@triton.jit(do_not_specialize_on_alignment=["positions", "places"])
def _rope_write(qkv, cos, sin, positions, places, keys, values, query, q_weight, k_weight, eps,
                qkv_stride, cos_stride, sin_stride, keys_head, keys_place, values_head, values_place,
                HEADS: tl.constexpr, KEY_HEADS: tl.constexpr, SIZE: tl.constexpr, BLOCK: tl.constexpr, LINES: tl.constexpr,
                NORMS: tl.constexpr):
    token = tl.program_id(0).to(tl.int64)
    line = tl.program_id(1) * LINES + tl.arange(0, LINES)
    column = tl.arange(0, BLOCK)
    real = (line < HEADS + 2 * KEY_HEADS)[:, None] & (column < SIZE)[None, :]
    is_query = (line < HEADS)[:, None]
    turns = (line < HEADS + KEY_HEADS)[:, None]
    half = SIZE // 2
    partner = tl.where(column < half, column + half, column - half)

    start = qkv + token * qkv_stride + line[:, None] * SIZE
    number = tl.load(start + column[None, :], mask=real, other=0.0)
    kind = number.dtype
    wide = number.to(tl.float32)
    other = tl.load(start + partner[None, :], mask=real & turns, other=0.0).to(tl.float32)
    if NORMS:
        root = tl.rsqrt(tl.sum(wide * wide, 1) / SIZE + eps)[:, None]
        inside = column < SIZE
        scale = tl.where(is_query, tl.load(q_weight + column, mask=inside, other=1.0).to(tl.float32)[None, :],
                         tl.load(k_weight + column, mask=inside, other=1.0).to(tl.float32)[None, :])
        scale_other = tl.where(is_query, tl.load(q_weight + partner, mask=inside, other=1.0).to(tl.float32)[None, :],
                               tl.load(k_weight + partner, mask=inside, other=1.0).to(tl.float32)[None, :])
        normed = ((wide * root).to(kind).to(tl.float32) * scale).to(kind).to(tl.float32)
        wide = tl.where(turns, normed, wide)
        other = ((other * root).to(kind).to(tl.float32) * scale_other).to(kind).to(tl.float32)

    position = tl.load(positions + token).to(tl.int64)
    turn = tl.load(cos + position * cos_stride + column, mask=column < SIZE, other=1.0).to(tl.float32)[None, :]
    lean = tl.load(sin + position * sin_stride + column, mask=column < SIZE, other=0.0).to(tl.float32)[None, :]
    other = tl.where((column < half)[None, :], -other, other)
    turned = tl.where(turns, wide * turn + other * lean, wide).to(kind)

    tl.store(query + (token * HEADS + line[:, None]) * SIZE + column[None, :], turned, mask=real & is_query)
    place = tl.load(places + token).to(tl.int64)
    key_line = (line - HEADS).to(tl.int64)[:, None]
    tl.store(keys + key_line * keys_head + place * keys_place + column[None, :], turned,
             mask=real & turns & (line >= HEADS)[:, None])
    value_line = (line - HEADS - KEY_HEADS).to(tl.int64)[:, None]
    tl.store(values + value_line * values_head + place * values_place + column[None, :], number,
             mask=real & (line >= HEADS + KEY_HEADS)[:, None])
