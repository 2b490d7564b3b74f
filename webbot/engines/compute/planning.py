"""How many pages the cache gets, from the memory that is free once the weights are there. No torch.

A token's keys and values take 2 x layers x key heads x head size numbers of the cache's precision. What is left to the cache is

    free - RESERVE - parallel x RESERVE_A_ROW - spare

RESERVE is what one step computes with. For a piece of 2 048 tokens in bfloat16 that is 2 048 x (3 x inner size + 8 x hidden size)
x 2 bytes, 170 MB for Llama 3.2 1B, 310 MB for an 8B, and the rest are the steps that are kept as CUDA graphs, what torch cannot
give out because it lies in pieces, and a matrix in int8 or int4 that is written out for a moment (100 MB for a 3B). RESERVE_A_ROW
are the logits of one answer, for 128 256 tokens 16 bytes each, with what choosing makes of them. `spare` is for other models.

More than KEPT times what all answers together could fill is not taken, so that a large card stays open for other models. On a
processor the cache gets what models/plan promises, and a bonus for conversations that may go on: BONUS, or a part of what is
free. Memory is taken there page by page as it is written, and everything else on the machine wants some, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webbot.errors import Unusable

PAGE = 16  # tokens: small, so that short conversations share and little is computed twice
RESERVE = 500_000_000
RESERVE_ON_CPU = 100_000_000
RESERVE_A_ROW = 2_000_000
KEPT = 4
BONUS = 1_000_000_000
BONUS_PART = 8
OTHERS = 1024  # tokens: what each answer beside the longest one is planned with
LEAST_WINDOW = 512  # tokens: with less, hardly a question and its answer fit
FEWER_BITS = ("int8", "int4")  # what the setting weights may ask for
GROUP_BITS = 5  # of a number in int4, its part of a scale and a middle with it (engines/compute/quantised)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """What fits: `pages` of PAGE tokens, and the `window` of one conversation. `weights` are their bytes."""

    pages: int
    window: int
    bytes_a_token: int
    weights: int

    @property
    def tokens(self) -> int:
        return self.pages * PAGE

    @property
    def bytes(self) -> int:
        """Of the cache."""
        return self.tokens * self.bytes_a_token

    @property
    def conversations(self) -> int:
        """Of a whole window."""
        return self.tokens // self.window


def sentence(name: str, computes: Mapping[str, Any], fit: Fit) -> str:
    """What the model called `name` computes with (AnsweringWorker.computes) and what fits, for people."""
    precision = computes["precision"] + (f", matrices in {computes['weights']}" if computes["weights"] else "")
    threads = f", threads: {computes['threads']}" if computes["threads"] else ""
    return (
        f"{name} on {computes['device']} in {precision}{threads}. {_size(fit.weights)} of weights, {_size(fit.bytes)} for "
        f"conversations of together {fit.tokens} tokens, {fit.conversations} of a whole window ({fit.window} tokens)."
    )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def reserve(parallel: int, gpu: bool) -> int:
    """Bytes that computing takes beside weights and cache."""
    return (RESERVE if gpu else RESERVE_ON_CPU) + parallel * RESERVE_A_ROW


def planned(window: int, parallel: int) -> int:
    """The tokens that a model is promised: one full window, and OTHERS for each of the other answers."""
    return window + (parallel - 1) * min(OTHERS, window)


def fit(*, free: int | None, bytes_a_token: int, window: int, parallel: int, gpu: bool, weights: int = 0, spare: int = 0,
        budget: int = 0) -> Fit:
    """`free` are the bytes that are free beside the weights, None where nobody knows; `window` the wanted one in tokens; `budget`
    the bytes that the cache may take, 0: by itself. The window gets smaller where it does not fit; fewer answers at once need not
    be computed then, for an answer without pages waits.

    Raises Unusable with figures when less than LEAST_WINDOW tokens fit.
    """
    if budget:
        cap = max(budget // bytes_a_token, window)
    elif gpu:
        cap = KEPT * parallel * window
    else:
        promised = planned(window, parallel)
        bonus = min(BONUS, (free or 0) // BONUS_PART) // bytes_a_token
        cap = max(promised, min(promised + bonus, KEPT * parallel * window))
    pages = -(-cap // PAGE)
    if free is not None:
        left = max(free - reserve(parallel, gpu) - spare, 0)
        pages = min(pages, left // (PAGE * bytes_a_token))
        least = min(LEAST_WINDOW, window)
        if pages * PAGE < least:
            raise Unusable(
                "The model leaves {left} GB of memory for conversations, and {count} tokens of one take {least} GB. Please use a "
                "smaller model, or WEBBOT_WEIGHTS=int8.",
                left=f"{left / 1e9:.2f}", count=least, least=f"{least * bytes_a_token / 1e9:.2f}",
            )
    return Fit(pages=pages, window=min(window, pages * PAGE), bytes_a_token=bytes_a_token, weights=weights)


def weight_bytes(parameters: int, embedded: int, width: int, weights: str) -> int:
    """The bytes of a model's `parameters`, of which `embedded` are tables of tokens (they stay as they are) and the others are
    held as `weights` says; `width` is that of a number in bytes."""
    if weights not in FEWER_BITS:
        return parameters * width
    bits = 8 if weights == "int8" else GROUP_BITS
    return embedded * width + (parameters - embedded) * bits // 8
