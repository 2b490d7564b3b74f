"""Computations of fixed shapes, recorded once as CUDA graphs and replayed: one launch instead of some hundred.

What cannot be recorded is computed as it is. Knows nothing of Whisper.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import torch
from torch import Tensor

WARM_PASSES = 2
log = logging.getLogger(__name__)
Results = tuple[Tensor, ...]


class Graphs:
    """Graphs by their keys. All share one memory, so what one has computed stands only until the next computation."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._recorded: dict[Hashable, tuple[torch.cuda.CUDAGraph, Results]] = {}

    def __len__(self) -> int:
        return len(self._recorded)

    @torch.inference_mode()
    def record(self, computations: Mapping[Hashable, Callable[[], Results]]) -> None:
        """Records computations, in an order that has the largest first: the others find room in its memory. The first that
        cannot be recorded ends it, with a line in the log; it and the rest are computed without a graph."""
        try:
            pool, stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream(self.device)
            for key, compute in computations.items():
                self._recorded[key] = self._record(compute, pool, stream)
        except Exception as error:
            reason = str(error).partition("\n")[0]
            log.warning("speech is computed without CUDA graphs in part: %s: %s", type(error).__name__, reason)
            if self.device.type == "cuda":
                torch.cuda.empty_cache()

    def _record(
        self, compute: Callable[[], Results], pool: Any, stream: torch.cuda.Stream
    ) -> tuple[torch.cuda.CUDAGraph, Results]:
        stream.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(stream):
            for _ in range(WARM_PASSES):  # libraries choose their kernels and take their memory
                compute()
        torch.cuda.current_stream(self.device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            results = compute()
        return graph, results

    def run(self, key: Hashable, compute: Callable[[], Results]) -> Results:
        """What `compute` computes, which must be what was recorded under the key, if anything was."""
        found = self._recorded.get(key)
        if found is None:
            return compute()
        found[0].replay()
        return found[1]
