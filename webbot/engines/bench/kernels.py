"""The kernels of this device against the same in torch, on random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from webbot.engines.compute.kernels import of, plain, usable
from webbot.engines.llama import loading

HEADS, KEY_HEADS, SIZE, PAGE = 8, 2, 64, 16
LENGTHS = (1, 5, 16, 100, 700)  # tokens of the rows
NEAR = {torch.float32: 1e-4, torch.bfloat16: 2e-2}  # of the largest number
Row = dict[str, Any]


@torch.inference_mode()
def compare(wanted: str) -> Iterator[Row]:
    device = loading.choose_device(wanted)
    for dtype, near in NEAR.items():
        name = str(dtype).removeprefix("torch.")
        if not usable(device, dtype):
            yield {"what": f"Kernels in {name}", "well": True, "found": "none are used on this device"}
            continue
        fast = of(device, dtype)
        errors = {what: _error(getattr(fast, what), getattr(plain, what), given) for what, given in _cases(device, dtype)}
        worst = max(errors, key=lambda what: errors[what])
        yield {"what": f"Kernels in {name} equal torch's operators", "well": errors[worst] <= near,
               "found": f"{len(errors)} kernels, largest difference {errors[worst]:.1e} of {near:.0e} ({worst})"}


def _cases(device: torch.device, dtype: torch.dtype) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The arguments of each function."""
    generator = torch.Generator().manual_seed(0)

    def some(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator).to(device, dtype)

    def whole(numbers: Any) -> torch.Tensor:
        return torch.tensor(numbers, dtype=torch.int32, device=device)

    pages = [-(-length // PAGE) for length in LENGTHS]
    places = sum(pages) * PAGE
    tables, first = [], 0
    for count in pages:
        tables.append([*reversed(range(first, first + count)), *[0] * (max(pages) - count)])  # not neighbours
        first += count
    keys, values, rows = some(KEY_HEADS, places, SIZE), some(KEY_HEADS, places, SIZE), len(LENGTHS)
    new = [min(length, 40) for length in LENGTHS]
    starts = [sum(new[:row]) for row in range(rows + 1)]
    yield "rms_norm", (some(33, 512), some(512), 1e-5, some(33, 512))
    yield "gate", (some(33, 1024), "silu")
    yield "decode", (some(rows, HEADS, SIZE), keys, values, whole(tables), whole(LENGTHS), SIZE ** -0.5, PAGE)
    yield "prefill", (some(sum(new), HEADS, SIZE), keys, values, whole(starts), whole(LENGTHS), whole(tables), SIZE ** -0.5, PAGE,
                      max(new))
    positions = torch.arange(20, device=device)
    angles = positions.float()[:, None] * torch.rand(SIZE // 2, generator=generator).to(device).repeat(2)
    yield "rope_write", (some(20, (HEADS + 2 * KEY_HEADS) * SIZE), angles.cos(), angles.sin(), positions, positions * 3, keys,
                         values, HEADS, KEY_HEADS)


def _error(fast: Any, slow: Any, given: tuple[Any, ...]) -> float:
    """The largest difference of all that comes out or is written, as a part of the largest number."""
    pairs = []
    for act in (fast, slow):
        own = tuple(each.clone() if isinstance(each, torch.Tensor) else each for each in given)
        made = act(*own)
        pairs.append([*(made if isinstance(made, tuple) else (made,)), *(each for each in own if isinstance(each, torch.Tensor))])
    return max(((one.float() - other.float()).abs().max() / other.float().abs().max().clamp(min=1e-6)).item()
               for one, other in zip(*pairs, strict=True))
