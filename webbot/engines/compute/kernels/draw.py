"""Choosing a token from a row of logits in one launch, without a sort: `choose_by` of `sampling`, a program for each row.

The search is that of `sampling`: halving over the whole numbers behind the logits, and weights that are whole numbers, so that a
seed gives the same token in any batch. What makes it short: logits of 16 bits need half the halvings, and for top_p only those
tokens are looked at again that it can keep.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

# A row is read by one processor alone, so as many of its bytes as possible must be on their way at once.
BLOCK, WARPS = 8192, 32
ONE = 2.0**40  # as in `sampling`
# The last bits of a float32 that are 0 in every number of these types.
EMPTY_BITS = {torch.bfloat16: 16, torch.float16: 13, torch.float32: 0}


def draw(logits: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """The token of each row of `logits` [rows, vocabulary] as its row of `table` [rows, COLUMNS] wishes: int64 [rows].

    Where several logits are the largest, temperature 0 takes the first.
    """
    rows, vocabulary = logits.shape
    drawn = torch.empty(rows, dtype=torch.int64, device=logits.device)
    kept = torch.empty((rows, vocabulary), dtype=torch.int32, device=logits.device)  # only written for tokens that stay in
    block = min(BLOCK, triton.next_power_of_2(vocabulary))
    _draw[(rows,)](
        logits, table, kept, drawn, vocabulary, logits.stride(0), table.stride(0),
        ONE=ONE, EMPTY=EMPTY_BITS[logits.dtype], BLOCK=block, num_warps=WARPS if block == BLOCK else 8,
    )
    return drawn


@triton.jit
def _key(number):
    """Whole numbers in the order of float32."""
    bits = number.to(tl.int32, bitcast=True)
    return tl.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


@triton.jit
def _float(key):
    bits = tl.where(key < 0, (-key) | -0x80000000, key).to(tl.int32)
    return bits.to(tl.float32, bitcast=True)


@triton.jit
def _weight(number, most, temperature, ONE: tl.constexpr):
    return (tl.exp((number - most) / temperature) * ONE).to(tl.int64)


@triton.jit
def _most(row, vocabulary, BLOCK: tl.constexpr):
    """The largest logit, and the first token that has it."""
    best = tl.full([BLOCK], float("-inf"), tl.float32)
    best_at = tl.full([BLOCK], 0x7FFFFFFF, tl.int32)
    for first in range(0, vocabulary, BLOCK):
        token = first + tl.arange(0, BLOCK)
        number = tl.load(row + token, mask=token < vocabulary, other=float("-inf")).to(tl.float32)
        better = number > best
        best = tl.where(better, number, best)
        best_at = tl.where(better, token, best_at)
    most = tl.maximum(tl.max(best, 0), -3.4028234e38)  # finite, also where nothing is possible
    return most, tl.minimum(tl.min(tl.where(best == most, best_at, 0x7FFFFFFF), 0), vocabulary - 1)


@triton.jit
def _kth(row, vocabulary, most, count, EMPTY: tl.constexpr, BLOCK: tl.constexpr):
    """The largest number that at least `count` logits reach; minus infinity where there are fewer."""
    low = _key(tl.full([], float("-inf"), tl.float32)) >> EMPTY
    high = _key(most) >> EMPTY
    while low < high:
        middle = (low | high) - ((low ^ high) >> 1)  # their mean, rounded up, without their sum: it has 33 bits
        least = _float(middle << EMPTY)
        found = tl.zeros([BLOCK], tl.int32)
        for first in range(0, vocabulary, BLOCK):
            token = first + tl.arange(0, BLOCK)
            number = tl.load(row + token, mask=token < vocabulary, other=float("nan")).to(tl.float32)
            found += (number >= least).to(tl.int32)
        reached = tl.sum(found, 0) >= count
        low = tl.where(reached, middle, low)
        high = tl.where(reached, high, middle - 1)
    return _float(low << EMPTY)


@triton.jit
def _mass(row, vocabulary, most, temperature, least, ONE: tl.constexpr, BLOCK: tl.constexpr):
    """The weight of all logits that reach `least`."""
    mass = tl.zeros([BLOCK], tl.int64)
    for first in range(0, vocabulary, BLOCK):
        token = first + tl.arange(0, BLOCK)
        number = tl.load(row + token, mask=token < vocabulary, other=float("-inf")).to(tl.float32)
        mass += tl.where(number >= least, _weight(number, most, temperature, ONE), 0)
    return tl.sum(mass, 0)


@triton.jit
def _nucleus(row, kept, vocabulary, most, temperature, least, mass, top_p, ONE: tl.constexpr, EMPTY: tl.constexpr,
             BLOCK: tl.constexpr):
    """The largest number that logits of the share `top_p` of `mass`, the weight of all from `least` on, reach.

    The lightest tokens that weigh less than the share 1 - top_p even if all the vocabulary weighed as they do cannot be among
    these: only the others are looked at again, through their places in `kept`.
    """
    share = mass.to(tl.float64) * top_p.to(tl.float64)
    aim = share.to(tl.int64)
    aim = tl.maximum(aim + (aim.to(tl.float64) < share).to(tl.int64), 1)
    lightest = (mass - aim) // vocabulary
    count = 0
    for first in range(0, vocabulary, BLOCK):
        token = first + tl.arange(0, BLOCK)
        number = tl.load(row + token, mask=token < vocabulary, other=float("-inf")).to(tl.float32)
        stays = ((number >= least) & (_weight(number, most, temperature, ONE) > lightest)).to(tl.int32)
        tl.store(kept + count + tl.cumsum(stays, 0) - 1, token, mask=stays > 0)
        count += tl.sum(stays, 0)
    tl.debug_barrier()  # what some threads wrote, others read
    low = _key(tl.maximum(least, -3.0e38)) >> EMPTY
    high = _key(most) >> EMPTY
    while low < high:
        middle = (low | high) - ((low ^ high) >> 1)  # their mean, rounded up, without their sum: it has 33 bits
        limit = _float(middle << EMPTY)
        heavy = tl.zeros([BLOCK], tl.int64)
        for first in range(0, count, BLOCK):
            place = first + tl.arange(0, BLOCK)
            token = tl.load(kept + place, mask=place < count, other=0)
            number = tl.load(row + token, mask=place < count, other=float("-inf")).to(tl.float32)
            heavy += tl.where(number >= limit, _weight(number, most, temperature, ONE), 0)
        reached = tl.sum(heavy, 0) >= aim
        low = tl.where(reached, middle, low)
        high = tl.where(reached, high, middle - 1)
    return _float(low << EMPTY)


@triton.jit
def _pick(row, vocabulary, most, temperature, least, mass, uniform, ONE: tl.constexpr, BLOCK: tl.constexpr):
    """The first token at which the weight of those that reach `least` exceeds the share `uniform` of `mass`."""
    aim = tl.minimum((uniform.to(tl.float64) * mass.to(tl.float64)).to(tl.int64), mass - 1)
    before = tl.zeros([], tl.int64)
    found = vocabulary
    first = 0
    while (found == vocabulary) & (first < vocabulary):
        token = first + tl.arange(0, BLOCK)
        number = tl.load(row + token, mask=token < vocabulary, other=float("-inf")).to(tl.float32)
        weight = tl.where(number >= least, _weight(number, most, temperature, ONE), 0)
        sums = before + tl.cumsum(weight, 0)
        found = tl.min(tl.where((sums > aim) & (token < vocabulary), token, vocabulary), 0)
        before += tl.sum(weight, 0)
        first += BLOCK
    return tl.minimum(found, vocabulary - 1)


@triton.jit
def _draw(logits, table, kept, drawn, vocabulary, logits_row, table_row,
          ONE: tl.constexpr, EMPTY: tl.constexpr, BLOCK: tl.constexpr):
    number = tl.program_id(0).to(tl.int64)
    row = logits + number * logits_row
    temperature = tl.load(table + number * table_row)
    top_p = tl.load(table + number * table_row + 1)
    top_k = tl.load(table + number * table_row + 2)
    min_p = tl.load(table + number * table_row + 3)
    uniform = tl.load(table + number * table_row + 4)
    most, chosen = _most(row, vocabulary, BLOCK)
    if temperature > 0:
        least = tl.full([], float("-inf"), tl.float32)
        if top_k >= 1:
            least = _kth(row, vocabulary, most, top_k.to(tl.int32), EMPTY, BLOCK)
        mass = _mass(row, vocabulary, most, temperature, least, ONE, BLOCK)
        if top_p < 1:
            places = kept + number * vocabulary
            least = _nucleus(row, places, vocabulary, most, temperature, least, mass, top_p, ONE, EMPTY, BLOCK)
        if min_p > 0:
            least = tl.maximum(least, most + temperature * tl.log(min_p))
        if (top_p < 1) | (min_p > 0):
            mass = _mass(row, vocabulary, most, temperature, least, ONE, BLOCK)
        chosen = _pick(row, vocabulary, most, temperature, least, mass, uniform, ONE, BLOCK)
    tl.store(drawn + number, chosen.to(tl.int64))
