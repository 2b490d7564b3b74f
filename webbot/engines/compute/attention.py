"""What each token of a batch sees: the tokens of its own row before it, and itself.

Torch looks at one row after the other: over a view of the pool where the row's pages follow one another, else over a copy of
its pages. Exactly the row's length is looked at, so nothing that was not written is read. On a GPU Triton's kernels look at all
rows at once, through the tables of pages.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from webbot.engines.compute.batch import Batch, Row

ATTENTION = "webbot_pages"


class Sight:
    """A batch over a pool [layers, 2, key heads, places, head size] with pages of `size`."""

    def __init__(self, batch: Batch, pool: torch.Tensor, size: int) -> None:
        self._batch, self._pool, self._size = batch, pool, size
        self._key_heads = pool.shape[2]
        self._kernels = _kernels(pool.device)
        self._rows = [_RowSight(row, pool, size) for row in batch.rows] if self._kernels is None else []

    def write(self, layer: int, both: torch.Tensor) -> None:
        """Keeps keys and values [tokens, 2, key heads, head size]."""
        self._pool[layer].index_copy_(2, self._batch.places, both.permute(1, 2, 0, 3))

    def attend(self, layer: int, query: torch.Tensor, scale: float) -> torch.Tensor:
        if self._kernels is not None:
            return self._attend_with_kernels(layer, query, scale)
        if len(self._rows) == 1:
            return self._rows[0].attend(layer, query, scale)
        return torch.cat([row.attend(layer, query[row.start : row.stop], scale) for row in self._rows])

    def _attend_with_kernels(self, layer: int, query: torch.Tensor, scale: float) -> torch.Tensor:
        batch, (keys, values) = self._batch, self._pool[layer]
        if batch.ones:
            return self._kernels.decode(query, keys, values, batch.tables, batch.lengths, scale, self._size)
        return self._kernels.prefill(
            query, keys, values, batch.starts, batch.lengths, batch.tables, scale, self._size, batch.longest,
        )


class _RowSight:
    """One row: tokens [start, stop) of the batch."""

    def __init__(self, row: Row, pool: torch.Tensor, size: int) -> None:
        self.start, self.stop, self._length, self._size = row.start, row.stop, row.length, size
        self._tokens = row.stop - row.start
        self._seen: Any = None  # [2, 1, key heads, length, head size] of each layer
        if row.first >= 0:
            self._seen = pool[:, :, None, :, row.first : row.first + row.length].unbind()
        else:
            self._pool = pool
            self._pages = torch.tensor(row.pages[: -(-row.length // size)]).to(pool.device)
        self._mask = _causal(self._tokens, row.length, pool) if self._tokens > 1 and row.past else None

    def attend(self, layer: int, query: torch.Tensor, scale: float) -> torch.Tensor:
        """[tokens, heads, head size] of this row's queries to the same shape."""
        keys, values = self._seen[layer] if self._seen is not None else self._gather(layer)
        tokens, heads, size = query.shape
        key_heads = keys.shape[1]
        group = heads // key_heads
        if tokens == 1:  # the queries that share a key head stand side by side as if they were tokens: no key is copied
            seen = scaled_dot_product_attention(query.view(1, key_heads, group, size), keys, values, scale=scale)
            return seen.reshape(1, heads, size)
        wide = (key_heads, group, self._length, size)
        seen = scaled_dot_product_attention(
            query.transpose(0, 1).reshape(key_heads, group, tokens, size), keys[0, :, None].expand(wide),
            values[0, :, None].expand(wide), attn_mask=self._mask, is_causal=self._mask is None, scale=scale,
        )
        return seen.reshape(heads, tokens, size).transpose(0, 1)

    def _gather(self, layer: int) -> torch.Tensor:
        pool = self._pool[layer]
        pages = pool.unflatten(2, (-1, self._size)).index_select(2, self._pages)
        return pages.flatten(2, 3)[:, None, :, : self._length]


def _causal(tokens: int, length: int, like: torch.Tensor) -> torch.Tensor:
    """[tokens, length] to add: 0 for what the last `tokens` of `length` see, minus infinity for what comes after them."""
    return torch.full((tokens, length), float("-inf"), dtype=like.dtype, device=like.device).triu_(length - tokens + 1)


def _kernels(device: torch.device) -> Any:
    """Triton's kernels where they can be used."""
    if device.type != "cuda":
        return None
    from webbot.engines.compute import kernels

    return kernels if kernels.usable(device) else None


def _attention(  # noqa: PLR0913 - the arguments that transformers passes
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: torch.Tensor | None,
    *, scaling: float, paged: Any, softcap: float | None = None, s_aux: torch.Tensor | None = None, **_: Any,
) -> tuple[torch.Tensor, None]:
    """[1, heads, tokens, head size] of queries to [1, tokens, heads, head size], over the PagedCache of keys and values."""
    if softcap is not None or s_aux is not None:
        raise NotImplementedError("attention with a soft cap or sinks")
    return paged.attend(module.layer_idx, query[0].transpose(0, 1), scaling)[None], None


AttentionInterface.register(ATTENTION, _attention)
