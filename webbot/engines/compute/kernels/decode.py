"""Attention of single tokens over pages, each row cut into splits that are looked at beside one another.

Flash decoding (Dao, Haziza, Massa, Sizov 2023) over pages (Kwon et al. 2023): one program takes one split of one row for all
query heads that share a key head, so that keys and values are read once; a second kernel puts the splits together.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from webbot.engines.compute.kernels.device import precision, processors

TURN = 8192  # bytes of the keys of a turn; with the values, twice, and what is computed 40 KiB, so that two fit the smallest card
# Of the loop over turns, for Triton's pipeliner: a page's number is on its way two turns before its keys, these two turns before
# they are used. Fewer leave the loads waiting for one another.
STAGES = 5
LEAST_QUERIES = 16  # what tl.dot wants; a group is filled up
MOST_SPLITS = 64
LOG2_E = 1.4426950408889634


def decode(query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, tables: torch.Tensor, lengths: torch.Tensor,
           scale: float, size: int) -> torch.Tensor:
    """As `plain.decode`. What a captured graph keeps depends on the number of rows and the width of `tables`, not on lengths."""
    rows, heads, head = query.shape
    key_heads = keys.shape[0]
    group = heads // key_heads
    block = turn_of(head, query.dtype)
    splits = splits_of(rows * key_heads, tables.shape[1] * size, block, processors(query.device))
    seen = torch.empty((rows, heads, head), dtype=query.dtype, device=query.device)
    parts = torch.empty((rows, heads, splits, head), dtype=torch.float32, device=query.device) if splits > 1 else seen
    sums = torch.empty((rows, heads, splits), dtype=torch.float32, device=query.device) if splits > 1 else seen
    width = max(triton.next_power_of_2(head), 16)
    _decode[(rows, key_heads, splits)](
        query, keys, values, tables, lengths, seen, parts, sums, scale * LOG2_E, splits, query.stride(0), query.stride(1),
        keys.stride(0), keys.stride(1), values.stride(0), values.stride(1), tables.stride(0),
        HEADS=heads, GROUP=group, GROUP_BLOCK=max(triton.next_power_of_2(group), LEAST_QUERIES), HEAD=head, WIDTH=width,
        SIZE=size, BLOCK=block, WHOLE=splits == 1, PRECISION=precision(query.dtype), num_warps=4, num_stages=STAGES,
    )
    if splits > 1:
        _combine[(rows, heads)](
            parts, sums, lengths, seen, splits, HEADS=heads, HEAD=head, WIDTH=width, BLOCK=block, MOST=MOST_SPLITS, num_warps=4,
        )
    return seen


def turn_of(head: int, dtype: torch.dtype) -> int:
    """Keys of a turn."""
    return min(max(TURN // (triton.next_power_of_2(head) * dtype.itemsize), 16), 64)


def splits_of(programs: int, capacity: int, block: int, multiprocessors: int) -> int:
    """How many splits fill the device (twice, so that short rows leave no hole): a power of two, none shorter than a block."""
    wanted = triton.next_power_of_2(max(triton.cdiv(2 * multiprocessors, programs), 1))
    return min(wanted, triton.next_power_of_2(triton.cdiv(capacity, block)), MOST_SPLITS)


@triton.jit
def _share(length, splits, BLOCK: tl.constexpr):
    """The tokens of a split: whole blocks, the same for all splits of a row of this length."""
    return tl.cdiv(tl.cdiv(length, splits), BLOCK) * BLOCK


# Numbers that change from step to step must not each make a new program.
@triton.jit(do_not_specialize=["splits", "tables_row"])
def _decode(query, keys, values, tables, lengths, seen, parts, sums, scale, splits, query_row, query_head,
            keys_head, keys_place, values_head, values_place, tables_row,
            HEADS: tl.constexpr, GROUP: tl.constexpr, GROUP_BLOCK: tl.constexpr, HEAD: tl.constexpr, WIDTH: tl.constexpr,
            SIZE: tl.constexpr, BLOCK: tl.constexpr, WHOLE: tl.constexpr, PRECISION: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    key_head = tl.program_id(1).to(tl.int64)
    split = tl.program_id(2)
    length = tl.load(lengths + row)
    share = _share(length, splits, BLOCK)
    start = split * share
    stop = tl.minimum(start + share, length)
    if start >= stop:
        return  # a split beyond the row's end: _combine does not look at it

    line = tl.arange(0, GROUP_BLOCK)
    column = tl.arange(0, WIDTH)
    in_head = column < HEAD
    in_group = (line < GROUP)[:, None] & in_head[None, :]
    head = key_head * GROUP + line
    asked = tl.load(query + row * query_row + head[:, None] * query_head + column[None, :], mask=in_group, other=0.0)

    most = tl.full([GROUP_BLOCK], float("-inf"), tl.float32)
    mass = tl.zeros([GROUP_BLOCK], tl.float32)
    sight = tl.zeros([GROUP_BLOCK, WIDTH], tl.float32)
    for first in range(start, stop, BLOCK):
        token = first + tl.arange(0, BLOCK)
        known = token < stop
        page = tl.load(tables + row * tables_row + token // SIZE, mask=known, other=0).to(tl.int64)
        place = page * SIZE + token % SIZE
        there = known[:, None] & in_head[None, :]
        key = tl.load(keys + key_head * keys_head + place[:, None] * keys_place + column[None, :], mask=there, other=0.0)
        score = tl.dot(asked, tl.trans(key), input_precision=PRECISION) * scale
        score = tl.where(known[None, :], score, float("-inf"))
        higher = tl.maximum(most, tl.max(score, 1))
        weight = tl.exp2(score - higher[:, None])
        shrink = tl.exp2(most - higher)
        mass = mass * shrink + tl.sum(weight, 1)
        value = tl.load(values + key_head * values_head + place[:, None] * values_place + column[None, :], mask=there, other=0.0)
        sight = sight * shrink[:, None] + tl.dot(weight.to(value.dtype), value, input_precision=PRECISION)
        most = higher

    sight = sight / mass[:, None]
    if WHOLE:
        tl.store(seen + (row * HEADS + head[:, None]) * HEAD + column[None, :], sight.to(seen.dtype.element_ty), mask=in_group)
    else:
        part = (row * HEADS + head) * splits + split
        tl.store(parts + part[:, None] * HEAD + column[None, :], sight, mask=in_group)
        tl.store(sums + part, most + tl.log2(mass), mask=line < GROUP)


@triton.jit(do_not_specialize=["splits"])
def _combine(parts, sums, lengths, seen, splits, HEADS: tl.constexpr, HEAD: tl.constexpr, WIDTH: tl.constexpr,
             BLOCK: tl.constexpr, MOST: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    line = row * HEADS + tl.program_id(1)
    length = tl.load(lengths + row)
    split = tl.arange(0, MOST)
    used = split * _share(length, splits, BLOCK) < length
    column = tl.arange(0, WIDTH)
    sum_of = tl.load(sums + line * splits + split, mask=used, other=float("-inf"))
    weight = tl.exp2(sum_of - tl.max(sum_of, 0))
    weight = weight / tl.sum(weight, 0)
    part = tl.load(parts + (line * splits + split[:, None]) * HEAD + column[None, :],
                   mask=used[:, None] & (column < HEAD)[None, :], other=0.0)
    sight = tl.sum(part * weight[:, None], 0)
    tl.store(seen + line * HEAD + column, sight.to(seen.dtype.element_ty), mask=column < HEAD)
