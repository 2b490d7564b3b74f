"""Layers of Llama's shape, computed from a transformers model's weights with few operators.

q, k and v are one matrix, gate and up are one. What it knows: norm, attention with rope, sum, norm, gated network, sum; with or
without biases and norms of the heads. Any other shape is transformers' own to compute (`plain`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from webbot.engines.compute.batch import Batch
from webbot.engines.compute.cache import PagedCache, shape
from webbot.engines.compute.held import Held
from webbot.engines.compute.kernels.plain import ACTIVATIONS
from webbot.engines.compute.linear import hold, hold_head
from webbot.engines.compute.norm import Norm
from webbot.engines.compute.operators import Heads, KernelOperators, Operators, TorchOperators
from webbot.engines.compute.rope import Rope, steady

# Architectures whose layers compute nothing beyond what their modules show.
KINDS = ("llama", "mistral", "ministral", "qwen2", "qwen3", "seed_oss", "smollm3", "phi3")
LAYER = {"self_attn", "mlp", "input_layernorm", "post_attention_layernorm"}
APART = ({"q_proj", "k_proj", "v_proj", "o_proj"}, {"gate_proj", "up_proj", "down_proj"})
MERGED = ({"qkv_proj", "o_proj"}, {"gate_up_proj", "down_proj"})
HEAD_NORMS = {"q_norm", "k_norm"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    heads: Heads
    qkv: Held
    out: Held
    gate_up: Held
    down: Held
    kind: str  # of activation
    middle: Norm  # between attention and network
    after: Norm  # the next layer's first one, or the last one of all


class Fused:
    """`model` is taken apart: its layers and its head are gone afterwards, so that no weight is held twice. What is not a matrix
    must lie on the cache's device; the matrices are brought there one by one, held as `how` says."""

    def __init__(self, model: Any, cache: PagedCache, how: str = "auto") -> None:
        assert fits(model)
        self._cache, decoder = cache, model.base_model
        self._embedding = decoder.embed_tokens.weight.detach()
        window = min(model.config.max_position_embeddings, cache.pool.shape[3])
        rope = Rope(decoder.rotary_emb, window, self._embedding)
        self._operators: Operators = (
            TorchOperators(rope, cache) if cache.kernels is None else KernelOperators(rope, cache, cache.kernels))
        norms = [Norm(layer.input_layernorm) for layer in decoder.layers]
        self._first, afters = norms[0], [*norms[1:], Norm(decoder.norm)]
        self._layers: list[Layer] = []
        for number, after in enumerate(afters):
            self._layers.append(_take(model.config, decoder.layers[number], number, after, how, cache.device))
            decoder.layers[number] = nn.Identity()
        self._head = hold_head(model, how, device=cache.device)
        model.set_output_embeddings(nn.Identity())

    @torch.inference_mode()
    def logits(self, batch: Batch) -> torch.Tensor:
        return self._head(self._forward(batch, None if len(batch.samples) == len(batch.ids) else batch.samples))

    @torch.inference_mode()
    def hidden(self, batch: Batch) -> torch.Tensor:
        return self._forward(batch, None)

    def _forward(self, batch: Batch, samples: torch.Tensor | None) -> torch.Tensor:
        """[tokens, hidden size], or only those of the samples: the last layer's network is not computed for the others."""
        self._cache.plan(batch)
        steps = self._operators
        steps.begin(batch)
        residual = self._embedding.index_select(0, batch.ids)
        x = steps.norm(self._first, residual)
        for layer in self._layers:
            seen = steps.look(layer.heads, layer.qkv(x))
            if samples is not None and layer is self._layers[-1]:
                seen, residual = seen.index_select(0, samples), residual.index_select(0, samples)
            x, residual = steps.add_norm(layer.middle, layer.out, seen, residual)
            inner = steps.gate(layer.gate_up(x), layer.kind)
            x, residual = steps.add_norm(layer.after, layer.down, inner, residual)
        return x


def fits(model: Any) -> bool:
    """Whether each layer has exactly the shape that is known here."""
    config, decoder = model.config, model.base_model
    if config.model_type not in KINDS or not steady(model, shape(config)[2]):
        return False
    activation = getattr(config, "hidden_act", None)
    return activation in ACTIVATIONS and _is_norm(decoder.norm) and all(_known(layer) for layer in decoder.layers)


def _known(layer: nn.Module) -> bool:
    children = {name for name, child in layer.named_children() if not isinstance(child, nn.Dropout)}
    if children != LAYER:
        return False
    attention: Any = layer.self_attn
    network: Any = layer.mlp
    matrices = {name for name, child in attention.named_children() if isinstance(child, nn.Linear)}
    others = {name for name, _ in attention.named_children()} - matrices
    inner = {name for name, child in network.named_children() if isinstance(child, nn.Linear)}
    norms = [layer.input_layernorm, layer.post_attention_layernorm, *(getattr(attention, name) for name in others & HEAD_NORMS)]
    return ((matrices, inner) in (APART, MERGED) and others in (set(), HEAD_NORMS)
            and all(_is_norm(norm) for norm in norms))


def _is_norm(module: Any) -> bool:
    return hasattr(module, "variance_epsilon") and [name for name, _ in module.named_parameters()] == ["weight"]


def _take(config: Any, layer: Any, number: int, after: Norm, how: str, device: torch.device) -> Layer:
    attention, network = layer.self_attn, layer.mlp
    _, key_heads, size = shape(config)
    query_norm, key_norm = getattr(attention, "q_norm", None), getattr(attention, "k_norm", None)
    heads = Heads(
        layer=number, count=config.num_attention_heads, keys=key_heads, size=size, scale=attention.scaling,
        turned=bool(getattr(attention, "use_rope", True)), query_norm=None if query_norm is None else Norm(query_norm),
        key_norm=None if key_norm is None else Norm(key_norm),
    )
    return Layer(
        heads=heads, kind=config.hidden_act, middle=Norm(layer.post_attention_layernorm), after=after,
        qkv=hold(*_merged(attention, "qkv_proj", ("q_proj", "k_proj", "v_proj")), how, device=device),
        out=hold(*_merged(attention, "o_proj"), how, device=device),
        gate_up=hold(*_merged(network, "gate_up_proj", ("gate_proj", "up_proj")), how, device=device),
        down=hold(*_merged(network, "down_proj"), how, device=device),
    )


def _merged(module: Any, whole: str, names: Iterable[str] = ()) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The weight and the bias of the matrix `whole`, or of several as one; the module loses them."""
    found = [whole] if hasattr(module, whole) else list(names)
    parts = [getattr(module, name) for name in found]
    weight = parts[0].weight.detach() if len(parts) == 1 else torch.cat([part.weight.detach() for part in parts])
    biases = [part.bias for part in parts if part.bias is not None]
    assert len(biases) in (0, len(parts))
    bias = torch.cat([part.detach() for part in biases]) if biases else None
    for name in found:
        delattr(module, name)
    return weight, bias
