"""Weights in 8 or 4 bits."""

from __future__ import annotations

import torch

from webbot.engines.compute.held import Held

FORMS = ("int8", "int4")


def hold(weight: torch.Tensor, bias: torch.Tensor | None, how: str) -> Held:
    raise NotImplementedError
