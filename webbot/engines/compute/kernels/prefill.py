"""Attention of several new tokens a row over pages, without padding between the rows.

Flash attention (Dao 2023): a program keeps a block of queries and goes over the keys. Its queries are those of neighbouring
tokens with all heads that share a key head, so a row of one token fills a block as well as it can. The blocks of all rows stand
behind one another and a program finds its row by halving, as in vLLM's unified Triton attention: short rows cost no empty
programs for the sake of the longest.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from webbot.engines.compute.kernels.decode import LEAST_QUERIES, LOG2_E, STAGES, turn_of
from webbot.engines.compute.kernels.device import precision


def prefill(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, starts: torch.Tensor, lengths: torch.Tensor,
    tables: torch.Tensor, scale: float, size: int, longest: int,
) -> torch.Tensor:
    """As `plain.prefill`."""
    tokens, heads, head = query.shape
    rows, key_heads = len(lengths), keys.shape[0]
    group = heads // key_heads
    group_block = triton.next_power_of_2(group)
    queries, block, warps = blocks_of(head, query.dtype, longest * group_block)
    queries = max(queries, group_block)
    seen = torch.empty((tokens, heads, head), dtype=query.dtype, device=query.device)
    _prefill[(tokens // (queries // group_block) + rows, key_heads)](
        query, keys, values, starts, lengths, tables, seen, rows, scale * LOG2_E, query.stride(0), query.stride(1),
        keys.stride(0), keys.stride(1), values.stride(0), values.stride(1), tables.stride(0),
        HEADS=heads, GROUP=group, GROUP_BLOCK=group_block, HEAD=head, WIDTH=max(triton.next_power_of_2(head), 16), SIZE=size,
        QUERIES=queries, BLOCK=block, PRECISION=precision(query.dtype), num_warps=warps, num_stages=STAGES,
    )
    return seen


def blocks_of(head: int, dtype: torch.dtype, lines: int) -> tuple[int, int, int]:
    """Queries and keys of a block, warps.

    As large as registers (none may spill) and the 99 KiB of shared memory of a small card allow; measured by compiling for
    capabilities 8.0, 8.6 and 9.0. Rows of a few tokens (guesses that are tried) take a small block, because most of a large one
    would be computed for nothing.
    """
    keys = turn_of(head, dtype)
    if lines <= LEAST_QUERIES:
        return LEAST_QUERIES, keys, 4
    if dtype is torch.float32:  # without tensor cores every product is in registers
        return (32 if head <= 128 else LEAST_QUERIES), min(keys, 32), 4
    return (128, keys, 8) if head <= 128 else (32, 32, 4)


@triton.jit(do_not_specialize=["rows", "tables_row"])
def _prefill(query, keys, values, starts, lengths, tables, seen, rows, scale, query_token, query_head,
             keys_head, keys_place, values_head, values_place, tables_row,
             HEADS: tl.constexpr, GROUP: tl.constexpr, GROUP_BLOCK: tl.constexpr, HEAD: tl.constexpr, WIDTH: tl.constexpr,
             SIZE: tl.constexpr, QUERIES: tl.constexpr, BLOCK: tl.constexpr, PRECISION: tl.constexpr):
    TOKENS: tl.constexpr = QUERIES // GROUP_BLOCK
    program = tl.program_id(0)
    key_head = tl.program_id(1).to(tl.int64)
    # Row r's blocks begin at starts[r] // TOKENS + r: that leaves room for each row's last block. The row is the last one that
    # begins at or before this program.
    low = 0
    high = rows
    while high - low > 1:
        middle = (low + high) // 2
        if tl.load(starts + middle) // TOKENS + middle <= program:
            low = middle
        else:
            high = middle
    row = low
    begin = tl.load(starts + row)
    count = tl.load(starts + row + 1) - begin
    first_token = (program - begin // TOKENS - row) * TOKENS
    if first_token >= count:
        return
    past = tl.load(lengths + row) - count

    line = tl.arange(0, QUERIES)
    token = first_token + line // GROUP_BLOCK
    head = key_head * GROUP + line % GROUP_BLOCK
    column = tl.arange(0, WIDTH)
    in_head = column < HEAD
    asks = ((token < count) & (line % GROUP_BLOCK < GROUP))[:, None] & in_head[None, :]
    number = (begin + token).to(tl.int64)
    asked = tl.load(query + number[:, None] * query_token + head[:, None] * query_head + column[None, :], mask=asks, other=0.0)
    position = past + token

    most = tl.full([QUERIES], float("-inf"), tl.float32)
    mass = tl.zeros([QUERIES], tl.float32)
    sight = tl.zeros([QUERIES, WIDTH], tl.float32)
    stop = past + tl.minimum(first_token + TOKENS, count)
    for first in range(0, stop, BLOCK):
        other = first + tl.arange(0, BLOCK)
        known = other < stop
        page = tl.load(tables + row * tables_row + other // SIZE, mask=known, other=0).to(tl.int64)
        place = page * SIZE + other % SIZE
        there = known[:, None] & in_head[None, :]
        key = tl.load(keys + key_head * keys_head + place[:, None] * keys_place + column[None, :], mask=there, other=0.0)
        score = tl.dot(asked, tl.trans(key), input_precision=PRECISION) * scale
        # The first block holds token 0, which everything sees: no row of scores is ever without a number.
        score = tl.where(other[None, :] <= position[:, None], score, float("-inf"))
        higher = tl.maximum(most, tl.max(score, 1))
        weight = tl.exp2(score - higher[:, None])
        shrink = tl.exp2(most - higher)
        mass = mass * shrink + tl.sum(weight, 1)
        value = tl.load(values + key_head * values_head + place[:, None] * values_place + column[None, :], mask=there, other=0.0)
        sight = sight * shrink[:, None] + tl.dot(weight.to(value.dtype), value, input_precision=PRECISION)
        most = higher

    tl.store(seen + (number[:, None] * HEADS + head[:, None]) * HEAD + column[None, :],
             (sight / mass[:, None]).to(seen.dtype.element_ty), mask=asks)
