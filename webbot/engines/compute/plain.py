"""Any served architecture: transformers' own forward, with our attention and our cache."""

from __future__ import annotations

from typing import Any

import torch

from webbot.engines.compute.batch import Batch
from webbot.engines.compute.cache import PagedCache


class Plain:
    """`model` must have been made with attn_implementation=ATTENTION."""

    def __init__(self, model: Any, cache: PagedCache) -> None:
        self._model, self._cache = model, cache

    def logits(self, batch: Batch) -> torch.Tensor:
        return self._forward(self._model, batch, logits_to_keep=batch.samples).logits[0]

    def hidden(self, batch: Batch) -> torch.Tensor:
        return self._forward(self._model.base_model, batch).last_hidden_state[0]

    @torch.inference_mode()
    def _forward(self, model: Any, batch: Batch, **more: Any) -> Any:
        self._cache.plan(batch)
        return model(input_ids=batch.ids[None], position_ids=batch.positions[None], past_key_values=self._cache, use_cache=True,
                     paged=self._cache, **more)
