"""What the kernels compute, in torch's operators: for processors, older cards and as what the kernels are tested against.

`webbot.engines.compute.kernels.launched` has the same functions with the same arguments, and `draw`, which is `choose_by` of
`webbot.engines.compute.sampling`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import overload

import torch
from torch.nn import functional


@overload
def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor: ...
@overload
def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float, residual: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]: ...
def rms_norm(x: torch.Tensor, weight: torch.Tensor, eps: float,
             residual: torch.Tensor | None = None) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    """x [tokens, width] divided by its root mean square, times weight [width]; with a residual [tokens, width] that of their sum,
    and the sum.

    Rounded as in Llama: the mean in float32, the quotient to x's type, then the weight.
    """
    if residual is None:
        return _normed(x, weight, eps)
    together = x + residual
    return _normed(together, weight, eps), together


def rope_write(
    qkv: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, positions: torch.Tensor, places: torch.Tensor, keys: torch.Tensor,
    values: torch.Tensor, heads: int, key_heads: int, q_weight: torch.Tensor | None = None, k_weight: torch.Tensor | None = None,
    eps: float = 0.0,
) -> torch.Tensor:
    """Queries [tokens, heads, head size] turned to their positions; keys and values are written to their places.

    `qkv` [tokens, (heads + 2 key heads) x head size]; `cos` and `sin` [window, head size]; `positions` and `places` [tokens];
    `keys` and `values` [key heads, places, head size]. With `q_weight` and `k_weight` [head size] each head is normed before.
    """
    size = keys.shape[-1]
    query, key, value = qkv.view(len(qkv), -1, size).split((heads, key_heads, key_heads), 1)
    if q_weight is not None and k_weight is not None:
        query, key = _normed(query, q_weight, eps), _normed(key, k_weight, eps)
    turn, lean = (table[positions].to(qkv.dtype)[:, None] for table in (cos, sin))
    keys[:, places] = _turned(key, turn, lean).transpose(0, 1)
    values[:, places] = value.transpose(0, 1)
    return _turned(query, turn, lean)


def gate(gate_up: torch.Tensor, kind: str) -> torch.Tensor:
    """[tokens, 2 x inner] -> [tokens, inner]: the first half through the activation `kind` (a name of transformers'), times the
    second."""
    gates, ups = gate_up.chunk(2, -1)
    return ACTIVATIONS[kind](gates) * ups


def decode(query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, tables: torch.Tensor, lengths: torch.Tensor,
           scale: float, size: int) -> torch.Tensor:
    """Attention of one new token a row.

    `query` [rows, heads, head size]; `keys` and `values` [key heads, places, head size]; `tables` int32 [rows, most pages] the
    row's pages of `size` tokens; `lengths` int32 [rows] its tokens with the new one. -> [rows, heads, head size].
    """
    starts = torch.arange(len(query) + 1, dtype=torch.int32, device=query.device)
    return prefill(query, keys, values, starts, lengths, tables, scale, size, 1)


def prefill(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, starts: torch.Tensor, lengths: torch.Tensor,
    tables: torch.Tensor, scale: float, size: int, longest: int,
) -> torch.Tensor:
    """Attention of several new tokens a row, each to all tokens of its row up to itself.

    As `decode`, with `query` [tokens, heads, head size]: row r's are `starts`[r] to `starts`[r + 1] (int32 [rows + 1]), the last
    of its `lengths`[r] tokens; no row has more than `longest` of them.
    """
    seen = torch.empty_like(query)
    group = query.shape[1] // keys.shape[0]
    for row, length in enumerate(lengths.tolist()):
        start, stop = int(starts[row]), int(starts[row + 1])
        pages = tables[row, : -(-length // size)].long()
        places = (pages[:, None] * size + torch.arange(size, device=query.device)).flatten()[:length]
        key, value = (pool[:, places].float().repeat_interleave(group, 0) for pool in (keys, values))
        positions = torch.arange(length - (stop - start), length, device=query.device)
        hidden = torch.arange(length, device=query.device) > positions[:, None]
        scores = query[start:stop].transpose(0, 1).float() @ key.transpose(1, 2) * scale
        weights = scores.masked_fill(hidden, float("-inf")).softmax(-1)
        seen[start:stop] = (weights @ value).transpose(0, 1).to(query.dtype)
    return seen


def unpack(packed: torch.Tensor, last: torch.Tensor, tables: torch.Tensor,
           size: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The inputs of a decode step from what was sent for it: ids, positions and places int64 [rows], lengths int32 [rows].

    `packed` int32 [rows, at least 4]: a token id; where it is only known here its place in `last` (int64 [n], the ids chosen
    before), else -1; the position; the page that holds it, which is also entered in `tables` int32 [rows, pages]. Pages are of
    `size`.
    """
    given, late, positions, pages = packed[:, :4].long().unbind(1)
    ids = torch.where(late < 0, given, last[late.clamp(min=0)])
    tables.scatter_(1, (positions // size)[:, None], pages[:, None].int())
    return ids, positions, pages * size + positions % size, (positions + 1).int()


ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "silu": functional.silu,
    "gelu": functional.gelu,
    "gelu_pytorch_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "relu": functional.relu,
}


def _normed(x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    wide = x.float()
    return weight * (wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps)).to(x.dtype)


def _turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat((-second, first), -1) * sin
