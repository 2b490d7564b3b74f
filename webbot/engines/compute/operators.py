"""What lies between the matrices of a layer: in torch's operators, as few as possible, or in Triton's kernels.

Both have the same methods. On a processor each operator costs some microseconds before it computes anything, so the torch way
works in place and gathers once a step what all layers need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch

from webbot.engines.compute.batch import Batch
from webbot.engines.compute.cache import PagedCache
from webbot.engines.compute.held import Held
from webbot.engines.compute.kernels.plain import ACTIVATIONS
from webbot.engines.compute.rope import Rope


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """One layer's attention. `turned` says whether positions turn its keys and queries; the weights [head size] norm each head
    before that."""

    layer: int
    count: int
    keys: int
    size: int
    scale: float
    turned: bool
    eps: float
    query_weight: torch.Tensor | None
    key_weight: torch.Tensor | None


class Operators(Protocol):
    def begin(self, batch: Batch) -> None:
        """Comes before the layers of each step, after the cache's `plan`."""

    def norm(self, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        """x [tokens, width] divided by its root mean square, times `weight` [width]."""

    def add_norm(
        self, linear: Held, x: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, eps: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The norm of linear(x) + residual, and the sum. `residual` may be overwritten."""

    def look(self, heads: Heads, qkv: torch.Tensor) -> torch.Tensor:
        """Attention: [tokens, (heads + 2 key heads) x head size] to [tokens, heads x head size]. `qkv` may be overwritten."""

    def gate(self, gate_up: torch.Tensor, kind: str) -> torch.Tensor:
        """[tokens, 2 x inner] to [tokens, inner]: the first half through the activation `kind`, times the second."""


class TorchOperators:
    """On any device."""

    def __init__(self, rope: Rope, cache: PagedCache) -> None:
        self._rope, self._cache = rope, cache
        self._floors: dict[float, torch.Tensor] = {}

    def begin(self, batch: Batch) -> None:
        self._sight = self._cache.sight
        self._cos = self._rope.cos.index_select(0, batch.positions)[:, None]
        self._lean = self._rope.lean.index_select(0, batch.positions)[:, None]

    def norm(self, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        floor = self._floors.get(eps)
        if floor is None:
            floor = self._floors[eps] = torch.tensor(eps**0.5, device=x.device)
        length = torch.linalg.vector_norm(x, 2, -1, True, dtype=torch.float32)
        root = length.mul_(x.shape[-1] ** -0.5).hypot_(floor)  # of mean(x^2) + eps
        return (x / root).to(x.dtype).mul_(weight)

    def add_norm(
        self, linear: Held, x: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, eps: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        linear.add(x, residual)
        return self.norm(residual, weight, eps), residual

    def look(self, heads: Heads, qkv: torch.Tensor) -> torch.Tensor:
        tokens, size = len(qkv), heads.size
        parts = qkv.view(tokens, -1, size)
        turning = parts.narrow(1, 0, heads.count + heads.keys)
        if heads.query_weight is not None and heads.key_weight is not None:
            for first, count, weight in ((0, heads.count, heads.query_weight), (heads.count, heads.keys, heads.key_weight)):
                part = parts.narrow(1, first, count)
                part.copy_(self.norm(part, weight, heads.eps))
        if heads.turned:
            rolled = turning.roll(size // 2, -1)
            turning.mul_(self._cos).addcmul_(rolled, self._lean)
        self._sight.write(heads.layer, parts.narrow(1, heads.count, 2 * heads.keys).view(tokens, 2, heads.keys, size))
        seen = self._sight.attend(heads.layer, parts.narrow(1, 0, heads.count), heads.scale)
        return seen.reshape(tokens, heads.count * size)

    def gate(self, gate_up: torch.Tensor, kind: str) -> torch.Tensor:
        inner = gate_up.shape[1] // 2
        gates: torch.Tensor = ACTIVATIONS[kind](gate_up.narrow(1, 0, inner))
        return gates.mul_(gate_up.narrow(1, inner, inner))


class KernelOperators:
    """`kernels` as `webbot.engines.compute.kernels.of` gives them. Nothing here waits for the device or looks at what a tensor
    holds, so that a step can be captured."""

    def __init__(self, rope: Rope, cache: PagedCache, kernels: Any) -> None:
        self._rope, self._cache, self._kernels = rope, cache, kernels
        self._still = torch.ones_like(rope.cos), torch.zeros_like(rope.sin)

    def begin(self, batch: Batch) -> None:
        self._batch, self._sight = batch, self._cache.sight

    def norm(self, x: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        normed: torch.Tensor = self._kernels.rms_norm(x, weight, eps)
        return normed

    def add_norm(
        self, linear: Held, x: torch.Tensor, residual: torch.Tensor, weight: torch.Tensor, eps: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        both: tuple[torch.Tensor, torch.Tensor] = self._kernels.rms_norm(linear(x), weight, eps, residual)
        return both

    def look(self, heads: Heads, qkv: torch.Tensor) -> torch.Tensor:
        cos, sin = (self._rope.cos, self._rope.sin) if heads.turned else self._still
        query = self._kernels.rope_write(
            qkv, cos, sin, self._batch.positions, self._batch.places, self._cache.keys[heads.layer],
            self._cache.values[heads.layer], heads.count, heads.keys, heads.query_weight, heads.key_weight, heads.eps,
        )
        return self._sight.attend(heads.layer, query, heads.scale).reshape(len(qkv), heads.count * heads.size)

    def gate(self, gate_up: torch.Tensor, kind: str) -> torch.Tensor:
        gated: torch.Tensor = self._kernels.gate(gate_up, kind)
        return gated
