"""The inputs of a decode step, from the one copy that was sent for it."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

BLOCK = 128  # rows; the work is nothing, only the launch counts


def unpack(packed: torch.Tensor, last: torch.Tensor, tables: torch.Tensor,
           size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """As `plain.unpack`."""
    rows = len(packed)
    ids, positions, places = torch.empty((3, rows), dtype=torch.int64, device=packed.device)
    lengths = torch.empty(rows, dtype=torch.int32, device=packed.device)
    _unpack[(triton.cdiv(rows, BLOCK),)](
        packed, last, tables, ids, positions, places, lengths, rows, packed.stride(0), tables.stride(0),
        SIZE=size, BLOCK=BLOCK, num_warps=4,
    )
    return ids, positions, places, lengths


@triton.jit(do_not_specialize=["rows"], do_not_specialize_on_alignment=["ids", "positions", "places"])
def _unpack(packed, last, tables, ids, positions, places, lengths, rows, packed_row, tables_row,
            SIZE: tl.constexpr, BLOCK: tl.constexpr):
    row = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    real = row < rows
    start = packed + row * packed_row
    given = tl.load(start, mask=real, other=0).to(tl.int64)
    late = tl.load(start + 1, mask=real, other=-1)
    position = tl.load(start + 2, mask=real, other=0)
    page = tl.load(start + 3, mask=real, other=0)
    newest = tl.load(last + late, mask=late >= 0, other=0)
    tl.store(ids + row, tl.where(late < 0, given, newest), mask=real)
    tl.store(positions + row, position.to(tl.int64), mask=real)
    tl.store(places + row, page.to(tl.int64) * SIZE + position % SIZE, mask=real)
    tl.store(lengths + row, position + 1, mask=real)
    tl.store(tables + row.to(tl.int64) * tables_row + position // SIZE, page, mask=real)
