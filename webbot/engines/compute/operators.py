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
from webbot.engines.compute.norm import Norm
from webbot.engines.compute.rope import Rope


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """One layer's attention. `turned` says whether positions turn its keys and queries; the norms are for each head, before."""

    layer: int
    count: int
    keys: int
    size: int
    scale: float
    turned: bool
    query_norm: Norm | None
    key_norm: Norm | None


class Operators(Protocol):
    def begin(self, batch: Batch) -> None:
        """Comes before the layers of each step, after the cache's `plan`."""

    def norm(self, norm: Norm, x: torch.Tensor) -> torch.Tensor:
        """x [tokens, width] divided by its root mean square, times the norm's weight."""

    def add_norm(
        self, norm: Norm, linear: Held, x: torch.Tensor, residual: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The norm of linear(x) + residual, and the sum. `residual` may be overwritten."""

    def look(self, heads: Heads, qkv: torch.Tensor) -> torch.Tensor:
        """Attention: [tokens, (heads + 2 key heads) x head size] to [tokens, heads x head size]. `qkv` may be overwritten."""

    def gate(self, gate_up: torch.Tensor, kind: str) -> torch.Tensor:
        """[tokens, 2 x inner] to [tokens, inner]: the first half through the activation `kind`, times the second."""


class TorchOperators:
    """On any device."""

    def __init__(self, rope: Rope, cache: PagedCache) -> None:
        self._cache, self._tables = cache, (rope.cos, rope.lean())

    def begin(self, batch: Batch) -> None:
        self._sight = self._cache.sight
        self._cos, self._lean = (table.index_select(0, batch.positions)[:, None] for table in self._tables)

    def norm(self, norm: Norm, x: torch.Tensor) -> torch.Tensor:
        return norm(x)

    def add_norm(
        self, norm: Norm, linear: Held, x: torch.Tensor, residual: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        linear.add(x, residual)
        return norm(residual), residual

    def look(self, heads: Heads, qkv: torch.Tensor) -> torch.Tensor:
        tokens, size = len(qkv), heads.size
        parts = qkv.view(tokens, -1, size)
        turning = parts.narrow(1, 0, heads.count + heads.keys)
        if heads.query_norm is not None and heads.key_norm is not None:
            for norm, part in zip((heads.query_norm, heads.key_norm), turning.split((heads.count, heads.keys), 1), strict=True):
                part.copy_(norm(part))
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
        self._still = torch.ones_like(rope.cos[:1]), torch.zeros_like(rope.sin[:1])

    def begin(self, batch: Batch) -> None:
        self._batch, self._sight = batch, self._cache.sight

    def norm(self, norm: Norm, x: torch.Tensor) -> torch.Tensor:
        normed: torch.Tensor = self._kernels.rms_norm(x, norm.weight, norm.eps)
        return normed

    def add_norm(
        self, norm: Norm, linear: Held, x: torch.Tensor, residual: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        both: tuple[torch.Tensor, torch.Tensor] = self._kernels.rms_norm(linear(x), norm.weight, norm.eps, residual)
        return both

    def look(self, heads: Heads, qkv: torch.Tensor) -> torch.Tensor:
        cos, sin, positions = self._rope.cos, self._rope.sin, self._batch.positions
        if not heads.turned:
            (cos, sin), positions = self._still, torch.zeros_like(positions)
        norms = (None, None, 0.0) if heads.query_norm is None or heads.key_norm is None else (
            heads.query_norm.weight, heads.key_norm.weight, heads.query_norm.eps)
        query = self._kernels.rope_write(
            qkv, cos, sin, positions, self._batch.places, self._cache.keys[heads.layer],
            self._cache.values[heads.layer], heads.count, heads.keys, *norms,
        )
        return self._sight.attend(heads.layer, query, heads.scale).reshape(len(qkv), heads.count * heads.size)

    def gate(self, gate_up: torch.Tensor, kind: str) -> torch.Tensor:
        gated: torch.Tensor = self._kernels.gate(gate_up, kind)
        return gated
