"""What a model computes for a batch: the numbers after each token, and the logits after those where a token is chosen."""

from __future__ import annotations

from typing import Any, Protocol

import torch

from webbot.engines.compute.batch import Batch
from webbot.engines.compute.cache import PagedCache
from webbot.engines.compute.fused import Fused, Linear, fits
from webbot.engines.compute.plain import Plain


class Network(Protocol):
    """A model with the cache it writes to."""

    def logits(self, batch: Batch) -> torch.Tensor:
        """[samples, vocabulary], in the model's precision."""

    def hidden(self, batch: Batch) -> torch.Tensor:
        """[tokens, hidden size], after the last norm."""


def make(model: Any, cache: PagedCache, hold: str = "auto") -> Network:
    """A network of a transformers model that was loaded with our attention. `hold` is how the weights are held (see `linear`)."""
    return Fused(model, cache, _hold) if fits(model) else Plain(model, cache)


def _hold(weight: torch.Tensor, bias: torch.Tensor | None) -> Linear:
    turned = weight.t().contiguous()
    if bias is None:
        return lambda x: torch.mm(x, turned)
    return lambda x: torch.addmm(bias, x, turned)
