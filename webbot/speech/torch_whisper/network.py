"""Whisper's arithmetic with openai-whisper's weights: queries, keys and values in one product, and every shape fixed.

The weights of the model are merged in place: its own modules go on as views of them, so that openai-whisper's search for the
times of words needs no second copy. Knows no tokens' meaning and no CUDA.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention as attend
from whisper import Whisper


class Linear(NamedTuple):
    """weight [out, in], bias [out]."""

    weight: Tensor
    bias: Tensor | None


class Norm(NamedTuple):
    weight: Tensor
    bias: Tensor


@dataclass(frozen=True, slots=True)
class Layer:
    """One block of the encoder, or of the decoder, which also asks what was heard."""

    norm: Norm
    qkv: Linear
    out: Linear
    wide_norm: Norm
    wide: Linear
    narrow: Linear
    heard_norm: Norm | None = None
    heard_query: Linear | None = None
    heard_out: Linear | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """What tokens are computed with, a row for each clip: keys and values of the tokens before [layers, 2, rows, heads, context,
    head] and of what was heard [layers, 2, rows, heads, span, head], and what the scores of the latter get [rows, 1, 1, span]."""

    written: Tensor
    heard: Tensor
    audible: Tensor


class Network:
    """A model whose large matrices are held as `dtype`. `model` is changed: see above."""

    def __init__(self, model: Whisper, device: torch.device, dtype: torch.dtype) -> None:
        for module in model.requires_grad_(False).modules():
            if isinstance(module, nn.Linear | nn.Conv1d | nn.Embedding):
                module.to(dtype)
        self.model, self.dims = model.to(device).eval(), model.dims
        self.device, self.dtype = device, dtype
        encoder, decoder = model.encoder, model.decoder
        self._first, self._second = _linear(encoder.conv1), _linear(encoder.conv2)
        self._sound_positions = encoder.positional_embedding
        self._sound_layers = [_layer(block, dtype) for block in encoder.blocks]
        self._sound_norm = _norm(encoder.ln_post, dtype)
        self._layers = [_layer(block, dtype) for block in decoder.blocks]
        self._heard = _merged([part for block in decoder.blocks for part in (block.cross_attn.key, block.cross_attn.value)])
        self._norm = _norm(decoder.ln, dtype)
        self._names, self._positions = decoder.token_embedding.weight, decoder.positional_embedding
        self._places = torch.arange(self.dims.n_text_ctx, device=device)
        self._open, self._shut = (torch.tensor(score, dtype=dtype, device=device) for score in (0.0, -torch.inf))

    def encode(self, mel: Tensor) -> Tensor:
        """[clips, frames / 2, state] of mel frames [clips, mels, frames]: up to 3000, where openai-whisper takes 3000 only."""
        x = F.gelu(F.conv1d(mel, *self._first, padding=1))
        x = F.gelu(F.conv1d(x, *self._second, stride=2, padding=1)).transpose(1, 2).contiguous()
        x = (x + self._sound_positions[: x.shape[1]]).to(self.dtype)
        heads = self.dims.n_audio_head
        for layer in self._sound_layers:
            query, key, value = F.linear(_normed(x, layer.norm), *layer.qkv).unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
            x = x + F.linear(attend(query, key, value).transpose(1, 2).flatten(2), *layer.out)
            x = _widened(x, layer)
        return _normed(x, self._sound_norm)

    def heard(self, encoded: Tensor) -> Tensor:
        """The keys and values [layers, 2, heads, positions, head] of what the encoder made of one clip [positions, state]."""
        found = F.linear(encoded, *self._heard)
        return found.unflatten(-1, (len(self._layers), 2, self.dims.n_text_head, -1)).permute(1, 2, 3, 0, 4)

    def decode(self, tokens: Tensor, positions: Tensor, memory: Memory) -> Tensor:
        """What is made of tokens [rows, n] at positions [rows, n]: [rows, n, state]. Their keys and values come to the memory."""
        rows = self._places[: tokens.shape[0], None]
        x = (F.embedding(tokens, self._names) + F.embedding(positions, self._positions)).to(self.dtype)
        seen = torch.where(self._places <= positions[:, None, :, None], self._open, self._shut)  # [rows, 1, n, context]
        heads = self.dims.n_text_head
        for number, layer in enumerate(self._layers):
            assert layer.heard_norm and layer.heard_query and layer.heard_out
            mixed = F.linear(_normed(x, layer.norm), *layer.qkv).unflatten(-1, (3, heads, -1))
            written = memory.written[number]
            written[:, rows, :, positions] = mixed[:, :, 1:]
            found = attend(mixed[:, :, 0].transpose(1, 2), written[0], written[1], attn_mask=seen)
            x = x + F.linear(found.transpose(1, 2).flatten(2), *layer.out)
            query = F.linear(_normed(x, layer.heard_norm), *layer.heard_query).unflatten(-1, (heads, -1)).transpose(1, 2)
            found = attend(query, memory.heard[number, 0], memory.heard[number, 1], attn_mask=memory.audible)
            x = x + F.linear(found.transpose(1, 2).flatten(2), *layer.heard_out)
            x = _widened(x, layer)
        return _normed(x, self._norm)

    def logits(self, hidden: Tensor, bias: Tensor | None = None) -> Tensor:
        """[..., vocabulary] of [..., state], with what is added to each token's."""
        return F.linear(hidden, self._names, bias)


def _normed(x: Tensor, norm: Norm) -> Tensor:
    return F.layer_norm(x, norm.weight.shape, norm.weight, norm.bias)


def _widened(x: Tensor, layer: Layer) -> Tensor:
    return x + F.linear(F.gelu(F.linear(_normed(x, layer.wide_norm), *layer.wide)), *layer.narrow)


def _linear(module: nn.Linear | nn.Conv1d) -> Linear:
    return Linear(module.weight, module.bias)


def _norm(module: nn.LayerNorm, dtype: torch.dtype) -> Norm:
    """The module keeps its own: openai-whisper's computes in float32."""
    return Norm(module.weight.to(dtype), module.bias.to(dtype))


def _merged(modules: list[nn.Linear]) -> Linear:
    """One matrix of several [out, in], which become views of it. Whisper's keys have no bias."""
    weight = torch.cat([module.weight for module in modules])
    bias = torch.cat([torch.zeros_like(module.weight[:, 0]) if module.bias is None else module.bias for module in modules])
    for module, part in zip(modules, weight.split([module.out_features for module in modules]), strict=True):
        module.weight = nn.Parameter(part, requires_grad=False)
    return Linear(weight, bias)


def _layer(block: Any, dtype: torch.dtype) -> Layer:
    attention, heard = block.attn, block.cross_attn
    return Layer(
        norm=_norm(block.attn_ln, dtype), qkv=_merged([attention.query, attention.key, attention.value]),
        out=_linear(attention.out), wide_norm=_norm(block.mlp_ln, dtype),
        wide=_linear(block.mlp[0]), narrow=_linear(block.mlp[2]),
        heard_norm=_norm(block.cross_attn_ln, dtype) if heard else None,
        heard_query=_linear(heard.query) if heard else None, heard_out=_linear(heard.out) if heard else None,
    )
