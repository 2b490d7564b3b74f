"""What is measured: one model with the same weights for both sides."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from transformers import AutoModelForCausalLM, LlamaConfig
from transformers.utils import logging

from webbot.engines.bench.wanted import Wanted
from webbot.engines.compute import planning
from webbot.engines.compute.attention import ATTENTION
from webbot.engines.compute.cache import bytes_a_token
from webbot.engines.llama import loading
from webbot.engines.llama.loading import Loaded
from webbot.engines.llama.machine import free_bytes
from webbot.modelhost import apart

Report = Callable[[str], None]
Value = TypeVar("Value")
SHAPES: dict[str, tuple[str, dict[str, Any]]] = {"1b": ("Llama 3.2 1B's shape, random weights", {
    "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
    "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128_256, "max_position_embeddings": 131_072,
    "rms_norm_eps": 1e-5, "tie_word_embeddings": True,
    "rope_parameters": {
        "rope_type": "llama3", "rope_theta": 500_000.0, "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    },
})}
FIRST_TOKEN = 8  # those before it are often special ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """`theirs` is the model as transformers runs it, None where the memory does not hold the weights twice. One step reads
    `weight_bytes`, and `token_bytes` for each token that it looks back at. The model reads at most `window` tokens."""

    name: str
    loaded: Loaded
    theirs: Any
    weight_bytes: int
    token_bytes: int
    window: int

    @property
    def device(self) -> torch.device:
        return self.loaded.device

    def alone(self, act: Callable[[], Value]) -> Value:
        """What `act` gives, without the threads that other computing has left behind, and leaving none."""
        return apart(act) if self.device.type == "cpu" else act()

    def prompts(self, count: int, length: int, seed: int) -> list[list[int]]:
        """Random tokens, others for each seed: nothing of them is in a cache."""
        generator = torch.Generator().manual_seed(seed)
        most = self.loaded.model.config.vocab_size
        return torch.randint(min(FIRST_TOKEN, most - 1), most, (count, length), generator=generator).tolist()


def bring(wanted: Wanted, report: Report) -> Subject:
    """Loads the model of a folder, or makes one of a shape. Raises Unusable with what speaks against it."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    name = wanted.name
    if wanted.folder:
        loaded = loading.load(Path(wanted.folder), wanted.device, wanted.precision, lambda _, sentence: None)
        loaded.model.set_attn_implementation(ATTENTION)
    else:
        name, loaded = SHAPES[wanted.shape][0], _made(wanted.shape, loading.choose_device(wanted.device), wanted.precision)
    loaded = replace(loaded, ends=frozenset())  # every answer has its full length
    free, size = free_bytes(loaded.device), _bytes(loaded.model, "plain")
    theirs = None
    if free is None or free > 2 * size:
        theirs = copy.deepcopy(loaded.model).to(loaded.device)  # ours is taken apart
        theirs.set_attn_implementation("sdpa")
        theirs.generation_config.eos_token_id = None
    report(f"{name}: {size / 1e9:.3g} GB of weights on {loading.describe_machine(loaded.device)}")
    return Subject(
        name=name, loaded=loaded, theirs=theirs, weight_bytes=_bytes(loaded.model, wanted.weights),
        token_bytes=bytes_a_token(loaded.model.config, loaded.precision), window=loaded.context,
    )


def _made(shape: str, device: torch.device, precision: str) -> Loaded:
    """A model without a tokenizer: nothing here needs one."""
    torch.manual_seed(0)
    dtype = loading.choose_precision(precision, device)
    with torch.device(device):
        config = LlamaConfig(**SHAPES[shape][1])
        model = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation=ATTENTION).eval()
    none = cast("Any", None)
    return Loaded(model=model, prompts=none, vocabulary=none, context=model.config.max_position_embeddings, ends=frozenset(),
                  device=device, precision=dtype, tokenizer="")


def _bytes(model: Any, weights: str) -> int:
    """What one step reads: all weights; of an embedding that is not the output as well only some rows."""
    inputs, outputs = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    read = sum(weight.numel() for weight in model.parameters() if weight is not inputs or inputs is outputs)
    return planning.weight_bytes(read, outputs.numel(), outputs.dtype.itemsize, weights)
