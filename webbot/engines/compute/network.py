"""What a model computes for a batch: the numbers after each token, and the logits after those where a token is chosen."""

from __future__ import annotations

from typing import Any, Protocol

import torch

from webbot.engines.compute.batch import Batch
from webbot.engines.compute.cache import PagedCache
from webbot.engines.compute.fused import Fused, fits
from webbot.engines.compute.placing import hold_linears, place
from webbot.engines.compute.plain import Plain


class Network(Protocol):
    """A model with the cache it writes to."""

    def logits(self, batch: Batch) -> torch.Tensor:
        """[samples, vocabulary], in the model's precision."""

    def hidden(self, batch: Batch) -> torch.Tensor:
        """[tokens, hidden size], after the last norm."""


def make(model: Any, cache: PagedCache, how: str = "auto") -> Network:
    """A network of a transformers model that was made with our attention, wherever it lies: it comes to the cache's device.
    `how` is how its matrices are held (see `linear`). The model is changed: only the network may be used from now on."""
    place(model, cache.device)
    if fits(model):
        return Fused(model, cache, how)
    hold_linears(model, how, cache.device)
    return Plain(model, cache)
