"""The keys and values of all conversations in work, and attention over them.

One tensor a layer: [slots, key heads, capacity, head size]. A slot is one conversation's row. Before each forward pass `plan_*`
says which rows at which positions are written and how far each row may look; transformers' own Llama calls `update` and
the attention below. A row never looks beyond its own slot or its own length, so what an earlier owner left there is never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, Cache, PreTrainedConfig

from webbot.engines.llama.machine import free_bytes
from webbot.errors import NoMemory

ATTENTION = "webbot_slots"
FIRST_CAPACITY = 512
# CUDA's attention kernels want aligned masks; a CPU is quicker with exact lengths.
CUDA_GRANULE = 64
TOO_LONG = "This is too long for the memory of this machine. Please begin a new conversation, or send less."


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring slots [first, last) that attend in one call: rows [start, stop) of the batch, `length` tokens long."""

    start: int
    stop: int
    first: int
    last: int
    length: int
    mask: torch.Tensor | None


class SlotCache(Cache):
    """`slots` rows of up to `context` tokens; memory grows in steps as rows grow longer."""

    def __init__(self, config: PreTrainedConfig, slots: int, context: int, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(layers=[])
        heads = config.num_attention_heads
        self.head_size = getattr(config, "head_dim", None) or config.hidden_size // heads
        self.key_heads = getattr(config, "num_key_value_heads", None) or heads
        self.slots, self.context, self.device, self.dtype = slots, context, device, dtype
        self.depth = config.num_hidden_layers
        self.capacity = 0
        self.keys: list[torch.Tensor] = []
        self.values: list[torch.Tensor] = []
        self.clear()

    def clear(self) -> None:
        """Gives all memory back."""
        self.capacity = 0
        self.keys, self.values = [], []
        self._runs: list[Run] = []
        self._prefill: tuple[int, int, int] | None = None

    def reserve(self, length: int) -> None:
        """Makes room for rows of `length` tokens. Raises NoMemory when it cannot be had; what torch raises when it could not
        after all. The rows are then what they were, or `capacity` is 0 and all are lost."""
        if length <= self.capacity:
            return
        capacity = max(self.capacity, FIRST_CAPACITY)
        while capacity < length:
            capacity *= 2
        capacity = min(capacity, -(-self.context // CUDA_GRANULE) * CUDA_GRANULE)
        free = free_bytes(self.device)
        if free is not None and (capacity - self.capacity) * self.token_bytes > free:
            raise NoMemory(TOO_LONG)  # without this the system might end the whole process
        try:
            self._grow(capacity)
        except (RuntimeError, MemoryError):
            self._shrink()
            raise
        self.capacity = capacity

    @property
    def token_bytes(self) -> int:
        """What one token more takes, in all rows."""
        return 2 * self.depth * self.slots * self.key_heads * self.head_size * self.dtype.itemsize

    def _grow(self, capacity: int) -> None:
        shape = (self.slots, self.key_heads, capacity, self.head_size)
        for held in (self.keys, self.values):
            for layer in range(self.depth):
                # Zeros, because attention multiplies what is masked by 0, and 0 times NaN is NaN.
                larger = torch.zeros(shape, dtype=self.dtype, device=self.device)
                if layer < len(held):
                    larger[:, :, : held[layer].shape[2]] = held[layer]
                    held[layer] = larger
                else:
                    held.append(larger)

    def _shrink(self) -> None:
        """Undoes a growth that stopped half-way."""
        try:
            for held in (self.keys, self.values):
                for layer, tensor in enumerate(held):
                    if tensor.shape[2] > self.capacity > 0:
                        held[layer] = tensor[:, :, : self.capacity].clone()
        except (RuntimeError, MemoryError):
            self.capacity = 0
        if not self.capacity:
            self.clear()

    def copy(self, source: int, target: int, length: int) -> None:
        """Copies the first `length` tokens of a slot to another one."""
        for tensor in (*self.keys, *self.values):
            tensor[target, :, :length] = tensor[source, :, :length]

    def plan_prefill(self, slot: int, start: int, stop: int, lengths: Sequence[int] = ()) -> None:
        """The next pass writes positions [start, stop) of one slot.

        `lengths` are those of several whole texts behind each other, from position 0, that do not see each other.
        """
        self.reserve(stop)
        self._prefill = (slot, start, stop)
        mask = None
        if len(lengths) > 1:
            text = torch.repeat_interleave(torch.tensor(lengths)).to(self.device)  # [tokens], the text of each
            mask = _additive((text[:, None] == text[None]).tril(), self.dtype)  # [tokens, length]
        elif start:
            positions = torch.arange(stop, device=self.device)
            mask = _additive(positions[None] <= positions[start:, None], self.dtype)  # [tokens, length]
        self._runs = [Run(0, 1, slot, slot + 1, stop, mask)]

    def plan_decode(self, slots: Sequence[int], positions: Sequence[int], on_device: torch.Tensor) -> None:
        """The next pass writes one token for each slot (ascending); `on_device` holds [slots, positions] again."""
        self.reserve(max(positions) + 1)
        self._prefill = None
        self._where = on_device
        self._runs = []
        start = 0
        for stop in range(1, len(slots) + 1):
            if stop == len(slots) or slots[stop] != slots[stop - 1] + 1:
                self._runs.append(self._decode_run(start, stop, slots, positions))
                start = stop

    def _decode_run(self, start: int, stop: int, slots: Sequence[int], positions: Sequence[int]) -> Run:
        length = max(positions[start:stop]) + 1
        if self.device.type != "cpu":
            length = min(-(-length // CUDA_GRANULE) * CUDA_GRANULE, self.capacity)
        mask = None
        if any(position + 1 != length for position in positions[start:stop]):
            reach = torch.arange(length, device=self.device)[None] <= self._where[1, start:stop, None]
            mask = _additive(reach, self.dtype)[:, None, None]  # [rows, 1, 1, length]
        return Run(start, stop, slots[start], slots[stop - 1] + 1, length, mask)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Called by the model: keeps keys and values [rows, key heads, tokens, head size] as planned."""
        keys, values = self.keys[layer_idx], self.values[layer_idx]
        if self._prefill is not None:
            slot, start, stop = self._prefill
            keys[slot, :, start:stop] = key_states[0]
            values[slot, :, start:stop] = value_states[0]
        else:
            slots, positions = self._where
            keys[slots, :, positions] = key_states[:, :, 0]
            values[slots, :, positions] = value_states[:, :, 0]
        return keys, values

    def attend(self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scale: float) -> torch.Tensor:
        """[rows, heads, tokens, head size] of queries to [rows, tokens, heads, head size]."""
        if self._prefill is not None:
            return self._attend_prefill(query, keys, values, scale)
        rows, heads, _, size = query.shape
        # The queries that share a key head stand side by side as if they were tokens: no key is copied.
        grouped = query.reshape(rows, self.key_heads, heads // self.key_heads, size)
        parts = [
            scaled_dot_product_attention(
                grouped[run.start : run.stop], keys[run.first : run.last, :, : run.length],
                values[run.first : run.last, :, : run.length], attn_mask=run.mask, scale=scale,
            )
            for run in self._runs
        ]
        attended = parts[0] if len(parts) == 1 else torch.cat(parts)
        return attended.reshape(rows, 1, heads, size)

    def _attend_prefill(self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scale: float) -> torch.Tensor:
        run = self._runs[0]
        heads, tokens, size = query.shape[1:]
        group = heads // self.key_heads
        shape = (self.key_heads, group, run.length, size)
        attended = scaled_dot_product_attention(
            query.reshape(self.key_heads, group, tokens, size),
            keys[run.first, :, None, : run.length].expand(shape), values[run.first, :, None, : run.length].expand(shape),
            attn_mask=run.mask, is_causal=run.mask is None and tokens > 1, scale=scale,
        )
        return attended.reshape(1, heads, tokens, size).transpose(1, 2)


def _additive(allowed: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return torch.zeros(allowed.shape, dtype=dtype, device=allowed.device).masked_fill_(~allowed, float("-inf"))


def _attention(  # noqa: PLR0913 - the arguments that transformers passes
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: torch.Tensor | None,
    *, scaling: float, slots: SlotCache, softcap: float | None = None, s_aux: torch.Tensor | None = None, **_: Any,
) -> tuple[torch.Tensor, None]:
    if softcap is not None or s_aux is not None:
        raise NotImplementedError("attention with a soft cap or sinks")
    return slots.attend(query, key, value, scaling), None


AttentionInterface.register(ATTENTION, _attention)
