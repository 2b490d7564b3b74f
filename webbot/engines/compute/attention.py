"""What each token of a batch sees: the tokens of its own row before it, and itself.

Torch looks at one row after the other: over a view of the pool where the row's pages follow one another, else over a copy of
its pages. Exactly the row's length is looked at, so nothing that was not written is read. On a GPU Triton's kernels look at all
rows at once, through the tables of pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from webbot.engines.compute.batch import Batch, Row

ATTENTION = "webbot_pages"


class Sight:
    """A batch over a pool [layers, 2, key heads, places, head size] with pages of `size`; `kernels` as the cache has them."""

    def __init__(self, batch: Batch, pool: torch.Tensor, size: int, kernels: Any) -> None:
        self._batch, self._pool, self._size, self._kernels = batch, pool, size, kernels
        self._rows = [_RowSight(row, pool, size) for row in batch.rows] if kernels is None else []
        self._slots: Any = None  # [2, key heads, tokens, head size] of each layer, where the new tokens follow one another
        if len(self._rows) == 1 and batch.rows[0].first >= 0:
            row = batch.rows[0]
            self._slots = pool[:, :, :, row.first + row.past : row.first + row.length].unbind()

    def write(self, layer: int, both: torch.Tensor) -> None:
        """Keeps keys and values [tokens, 2, key heads, head size]."""
        states = both.permute(1, 2, 0, 3)
        if self._slots is not None:
            self._slots[layer].copy_(states)
        else:
            self._pool[layer].index_copy_(2, self._batch.places, states)

    def attend(self, layer: int, query: torch.Tensor, scale: float) -> torch.Tensor:
        """[tokens, heads, head size] to the same shape."""
        if self._kernels is not None:
            return self._attend_with_kernels(layer, query, scale)
        if self._batch.ones:
            return self._attend_ones(layer, query, scale)
        if len(self._rows) == 1:
            return self._rows[0].attend(layer, query, scale)
        return torch.cat([row.attend(layer, query[row.start : row.stop], scale) for row in self._rows])

    def _attend_ones(self, layer: int, query: torch.Tensor, scale: float) -> torch.Tensor:
        """Each row is one token. The queries that share a key head stand side by side as if they were tokens, so no key is
        copied. One row after the other: to gather them all for one call takes twice as long (measured on a CPU, 8 rows of 64 to
        500 tokens)."""
        tokens, heads, size = query.shape
        key_heads = self._pool.shape[2]
        grouped = query.view(tokens, 1, key_heads, heads // key_heads, size).unbind()
        seen = []
        for part, row in zip(grouped, self._rows, strict=True):
            keys, values = row.seen(layer)
            seen.append(scaled_dot_product_attention(part, keys, values, scale=scale))
        return (seen[0] if tokens == 1 else torch.cat(seen)).reshape(tokens, heads, size)

    def _attend_with_kernels(self, layer: int, query: torch.Tensor, scale: float) -> torch.Tensor:
        batch, (keys, values) = self._batch, self._pool[layer]
        seen: torch.Tensor
        if batch.ones:
            seen = self._kernels.decode(query, keys, values, batch.tables, batch.lengths, scale, self._size)
        else:
            seen = self._kernels.prefill(
                query, keys, values, batch.starts, batch.lengths, batch.tables, scale, self._size, batch.longest,
            )
        return seen


class _RowSight:
    """One row: tokens [start, stop) of the batch."""

    def __init__(self, row: Row, pool: torch.Tensor, size: int) -> None:
        self.start, self.stop, self._length, self._size = row.start, row.stop, row.length, size
        self._keys: Any = None  # of each layer [1, key heads, length, head size], as the values
        if row.first >= 0:
            view = pool[:, :, None, :, row.first : row.first + row.length]
            self._keys, self._values = view[:, 0].unbind(), view[:, 1].unbind()
        else:
            self._pool = pool
            self._pages = torch.tensor(row.pages[: -(-row.length // size)]).to(pool.device)
        tokens = row.stop - row.start
        self._mask = _causal(tokens, row.length, pool) if tokens > 1 and row.past else None

    def seen(self, layer: int) -> Sequence[torch.Tensor]:
        """Keys and values [1, key heads, length, head size]."""
        if self._keys is not None:
            return self._keys[layer], self._values[layer]
        pages = self._pool[layer].unflatten(2, (-1, self._size)).index_select(2, self._pages)
        return pages.flatten(2, 3)[:, None, :, : self._length].unbind()

    def attend(self, layer: int, query: torch.Tensor, scale: float) -> torch.Tensor:
        """[tokens, heads, head size] of this row's queries to the same shape."""
        keys, values = self.seen(layer)
        tokens, heads, size = query.shape
        key_heads = keys.shape[1]
        group = heads // key_heads
        wide = (key_heads, group, self._length, size)  # one key head a batch: no key is copied
        seen = scaled_dot_product_attention(
            query.transpose(0, 1).reshape(key_heads, group, tokens, size), keys[0, :, None].expand(wide),
            values[0, :, None].expand(wide), attn_mask=self._mask, is_causal=self._mask is None and tokens > 1, scale=scale,
        )
        return seen.reshape(heads, tokens, size).transpose(0, 1)


def _causal(tokens: int, length: int, like: torch.Tensor) -> torch.Tensor:
    """[tokens, length] to add: 0 for what the last `tokens` of `length` see, minus infinity for what comes after them."""
    return torch.full((tokens, length), float("-inf"), dtype=like.dtype, device=like.device).triu_(length - tokens + 1)


def _attention(  # noqa: PLR0913 - the arguments that transformers passes
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: torch.Tensor | None,
    *, scaling: float, paged: Any, softcap: float | None = None, s_aux: torch.Tensor | None = None, **_: Any,
) -> tuple[torch.Tensor, None]:
    """[1, heads, tokens, head size] of queries to [1, tokens, heads, head size], over the PagedCache of keys and values."""
    if softcap is not None or s_aux is not None:
        raise NotImplementedError("attention with a soft cap or sinks")
    return paged.attend(module.layer_idx, query[0].transpose(0, 1), scaling)[None], None


AttentionInterface.register(ATTENTION, _attention)
