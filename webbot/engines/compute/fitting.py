"""What a loaded model finds on this machine: pages for its cache, and threads. `planning` and `threads` decide by the figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from webbot.engines.compute import planning, threads
from webbot.engines.compute.cache import bytes_a_token
from webbot.engines.llama.loading import Loaded
from webbot.engines.llama.machine import free_bytes
from webbot.engines.processor import physical_cores

MOST_NUMBERS = 250_000_000  # of the matrices that threads are measured with: some milliseconds on any processor


def fit(loaded: Loaded, *, context: int, parallel: int, weights: str = "auto", budget: int = 0, spare: int = 0) -> planning.Fit:
    """The pages that the cache can have, whatever of the weights already lies on the device. `budget` are the bytes that it may
    take (0: by itself), `spare` those that stay free. Raises Unusable where too little is there."""
    model, device, width = loaded.model, loaded.device, loaded.precision.itemsize
    embedding, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    embedded = embedding.numel() + (0 if head is embedding else head.numel())
    parameters = list(model.parameters())
    held = planning.weight_bytes(sum(weight.numel() for weight in parameters), embedded, width, weights)
    free = free_bytes(device)
    if free is not None:
        free += sum(weight.nbytes for weight in parameters if weight.device.type == device.type) - held
    return planning.fit(free=free, bytes_a_token=bytes_a_token(model.config, loaded.precision), window=context,
                        parallel=parallel, gpu=device.type == "cuda", weights=held, spare=spare, budget=budget)


def threads_for(loaded: Loaded) -> int:
    """The number that multiplies with the model's matrices quickest; 1 where a GPU computes. It comes before they are held, which
    is measured with that number. Leaves torch's number of threads as it was."""
    counts = threads.candidates(physical_cores())
    if loaded.device.type != "cpu" or len(counts) == 1:
        return 1
    before = torch.get_num_threads()
    try:
        return threads.choose(threads.measure(_products(loaded.model), torch.set_num_threads, counts))
    finally:
        torch.set_num_threads(before)


def _products(model: Any) -> Callable[[], None]:
    """One token's way through the first matrices: what a decoding step spends its time with."""
    weights: list[torch.Tensor] = []
    numbers = 0
    for module in model.modules():
        if isinstance(module, nn.Linear) and numbers < MOST_NUMBERS:
            weights.append(module.weight.detach())
            numbers += weights[-1].numel()
    inputs = {weight.shape[1]: weight.new_ones(1, weight.shape[1]) for weight in weights}

    def step() -> None:
        for weight in weights:
            functional.linear(inputs[weight.shape[1]], weight)

    return step
