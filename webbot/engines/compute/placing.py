"""Transformers' models on a device, with their matrices held by `linear`."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from webbot.engines.compute.held import Held
from webbot.engines.compute.linear import hold


class HeldLinear(nn.Module):
    """In the place of an nn.Linear: x [..., in] -> [..., out]."""

    def __init__(self, held: Held) -> None:
        super().__init__()
        self.held = held

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.held(x.reshape(-1, x.shape[-1])).unflatten(0, x.shape[:-1])


def place(model: Any, device: torch.device) -> None:
    """Brings all but the matrices to the device. Those follow one by one as they are held: a model that only fits there in
    a few bits never lies there in full."""
    head = model.get_output_embeddings()
    for module in model.modules():
        if isinstance(module, nn.Linear) and module is not head:
            continue
        for weight in module.parameters(recurse=False):
            weight.data = weight.data.to(device)
        for name, buffer in module.named_buffers(recurse=False):
            setattr(module, name, buffer.to(device))


def hold_linears(model: Any, how: str, device: torch.device) -> None:
    """Replaces each nn.Linear of a model but its head."""
    head = model.get_output_embeddings()
    for parent in list(model.modules()):
        for name, module in list(parent.named_children()):
            if type(module) is nn.Linear and module is not head:
                setattr(parent, name, HeldLinear(hold(module.weight, module.bias, how, device=device)))
