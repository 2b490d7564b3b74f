"""The keys and values of all answers, in pages: a cache for transformers' models and for our own layers.

One tensor holds them all, [layers, 2, key heads, places, head size] with place = page x size + offset. Its memory is not written
before it is needed (on a CPU it is not even taken), so what lies there may be anything, NaN included: `Sight` looks at written
places only.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import Cache, PreTrainedConfig

from webbot.engines.compute import kernels
from webbot.engines.compute.attention import Sight
from webbot.engines.compute.batch import Batch


class PagedCache(Cache):
    """`pages` pages of `size` tokens, and behind them a `scratch` one for rows that no answer needs. `keys` and `values` hold for
    each layer [key heads, places, head size]. `kernels` are Triton's, or None where torch does everything."""

    def __init__(self, config: PreTrainedConfig, pages: int, size: int, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(layers=[])
        layers, key_heads, head_size = shape(config)
        self._shape = (layers, 2, key_heads, (pages + 1) * size, head_size)
        self.scratch = pages
        self.size, self.device, self.dtype = size, device, dtype
        self.pool = torch.empty(self._shape, device=device, dtype=dtype)
        self.kernels = kernels.of(device, dtype) if kernels.usable(device, dtype) else None
        self._part()

    def _part(self) -> None:
        self.keys, self.values = self.pool[:, 0].unbind(), self.pool[:, 1].unbind()
        self._sight: Sight | None = None

    def clear(self) -> None:
        """Gives the memory back where it is only lent by the system; on a GPU it stays, because captured steps know its place."""
        if self.device.type == "cpu":
            del self.pool, self.keys, self.values, self._sight
            self.pool = torch.empty(self._shape, device=self.device, dtype=self.dtype)
            self._part()

    def plan(self, batch: Batch) -> None:
        """What `write`, `attend` and transformers' models see from now on are the tokens of this batch."""
        self._sight = Sight(batch, self.pool, self.size, self.kernels)

    @property
    def sight(self) -> Sight:
        assert self._sight is not None, "plan() comes first"
        return self._sight

    def write(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Keeps [tokens, key heads, head size] of the batch."""
        self.sight.write(layer, torch.stack((keys, values), 1))

    def attend(self, layer: int, query: torch.Tensor, scale: float) -> torch.Tensor:
        """[tokens, heads, head size] of queries, each row of the batch over its own past and itself, to the same shape."""
        return self.sight.attend(layer, query, scale)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Called by transformers' models with [1, key heads, tokens, head size]."""
        self.write(layer_idx, key_states[0].transpose(0, 1), value_states[0].transpose(0, 1))
        return key_states, value_states


def shape(config: PreTrainedConfig) -> tuple[int, int, int]:
    """Layers, key heads and head size."""
    heads = config.num_attention_heads
    return (config.num_hidden_layers, getattr(config, "num_key_value_heads", None) or heads,
            getattr(config, "head_dim", None) or config.hidden_size // heads)


def bytes_a_token(config: PreTrainedConfig, dtype: torch.dtype) -> int:
    layers, key_heads, head_size = shape(config)
    return 2 * layers * key_heads * head_size * dtype.itemsize
