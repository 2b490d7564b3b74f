"""How a weight is held so that multiplying with it is quick.

`hold` takes a weight [out, in] and gives what is called with x [tokens, in] and returns [tokens, out], both in the number format
of the weight (float32 or bfloat16). Where it holds the weight in another form it does not keep the original, so that the memory
is given back as soon as the caller lets go of it, too.

On a GPU "auto" is "plain": cuBLAS reads a row-major weight at full bandwidth. On a CPU the quickest form depends on the
processor, the shape, the number format and the threads, so it is measured, once for each of these in a process.
Results for one x differ by rounding with the number of rows it is computed together with: the libraries choose other kernels.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch.nn import functional

from webbot.engines.compute import packed, quantised
from webbot.engines.compute.held import Held
from webbot.engines.llama.machine import free_bytes

ROWS = (1, 8)  # an answer alone, and some together
RUNS = 5
SECONDS = 0.005  # for the runs of one form with one number of rows; a large weight gets fewer runs
GAIN = 1.1  # a form that is not the first one has to be so many times quicker, or the choice would change from start to start
SECOND_COPY = 1.3  # the same, where the original stays because others need it

ROUNDING = {torch.float32: 1e-4, torch.bfloat16: 5e-2, torch.float16: 1e-2}  # of the largest number of a result
log = logging.getLogger(__name__)

_chosen: dict[tuple[object, ...], str] = {}


class Plain(Held):
    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        self.weight, self.bias = weight, bias

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.weight, self.bias)

    def add(self, x: torch.Tensor, to: torch.Tensor) -> torch.Tensor:
        if self.bias is not None:
            return to.add_(self(x))
        return to.addmm_(x, self.weight.t())


class Transposed(Held):
    """[in, out], contiguous: MKL's kernels for a few rows are quicker with it."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        self.weight, self.bias = weight.t().contiguous(), bias

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return torch.mm(x, self.weight) if self.bias is None else torch.addmm(self.bias, x, self.weight)

    def add(self, x: torch.Tensor, to: torch.Tensor) -> torch.Tensor:
        if self.bias is not None:
            return to.add_(self(x))
        return to.addmm_(x, self.weight)


Form = Callable[[torch.Tensor, torch.Tensor | None], Held | None]
# In the order of preference. None from a form: this torch or this processor does not have it.
FORMS: Mapping[str, Form] = {"plain": Plain, "transposed": Transposed, "packed": packed.hold}


@torch.no_grad()
def hold(
    weight: torch.Tensor, bias: torch.Tensor | None = None, how: str = "auto", *, device: torch.device | None = None,
    shared: bool = False,
) -> Held:
    """`how` is auto, plain, int8 or int4; `device` is where it computes, if that is not where the weight is. A `shared` weight
    stays in memory whatever is done here (an embedding table that is the head as well): another form of it is a second copy, and
    has to gain more and to leave as much memory as it takes."""
    weight = weight.detach().to(device)
    bias = None if bias is None else bias.detach().to(device)
    if how in quantised.FORMS:
        return quantised.hold(weight, bias, how)
    if how == "plain" or weight.device.type != "cpu" or (shared and not _leaves_room(weight)):
        return Plain(weight, bias)
    key = (*weight.shape, weight.dtype, bias is None, torch.get_num_threads(), shared)
    if key not in _chosen:
        _chosen[key] = _choose(weight, bias, SECOND_COPY if shared else GAIN)
    return FORMS[_chosen[key]](weight, bias) or Plain(weight, bias)


def hold_head(model: Any, how: str = "auto", *, device: torch.device | None = None) -> Held:
    """The head of a transformers model. It is never quantised: its errors would be those of the choice between tokens itself, and
    where it is the embedding table too, a small copy beside the table would take more memory and not less."""
    head = model.get_output_embeddings()
    shared = head.weight is model.get_input_embeddings().weight
    return hold(head.weight, head.bias, "auto" if how in quantised.FORMS else how, device=device, shared=shared)


def chosen() -> dict[str, int]:
    """For how many shapes each form was chosen in this process."""
    forms = list(_chosen.values())
    return {form: forms.count(form) for form in FORMS if form in forms}


def _leaves_room(weight: torch.Tensor) -> bool:
    free = free_bytes(weight.device)
    return free is None or free > 2 * weight.nbytes


def _choose(weight: torch.Tensor, bias: torch.Tensor | None, gain: float) -> str:
    held = {name: made for name, form in FORMS.items() if (made := form(weight, bias)) is not None}
    inputs = [torch.randn(rows, weight.shape[1], dtype=weight.dtype) for rows in ROWS]
    first, *others = held
    for name in others:
        if not all(_alike(held[name](x), held[first](x)) for x in inputs):
            log.warning("the form %s computes something else here and is not used", name)
            del held[name]
    took = dict.fromkeys(held, 0.0)
    for x in inputs:
        for name, seconds in _quickest(held, x).items():
            took[name] += seconds
    return prefer(took, gain)


def _alike(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two forms compute the same, but for rounding."""
    return bool((one - other).abs().max() <= ROUNDING[one.dtype] * other.abs().max())


def prefer(took: Mapping[str, float], gain: float) -> str:
    """Of names with seconds, in their order of preference: a later one is taken where it is `gain` times quicker."""
    best = next(iter(took))
    for name, seconds in took.items():
        if seconds * gain < took[best]:
            best = name
    return best


def _quickest(held: Mapping[str, Held], x: torch.Tensor) -> dict[str, float]:
    """The best of several runs of each, in turns, so that other work on the machine meets all of them."""
    best = dict.fromkeys(held, float("inf"))
    for _ in _runs(len(held)):
        for name, form in held.items():
            began = time.perf_counter()
            form(x)
            best[name] = min(best[name], time.perf_counter() - began)
    return best


def _runs(forms: int) -> Iterator[None]:
    began = time.perf_counter()
    for run in range(RUNS + 1):  # the first one finds cold caches
        if run > 1 and time.perf_counter() - began > SECONDS * forms:
            return
        yield
