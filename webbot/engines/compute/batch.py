"""A step, laid out for the model: all its tokens behind one another, without padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch

from webbot.engines.compute.answer import Answer, Part, Step


@dataclass(frozen=True, slots=True)
class Row:
    """One answer's tokens [start, stop) of the batch. `past` tokens of it were in the cache before; with these it has `length`.

    `pages` hold them; where those follow one another, `first` is the place of the first token in the cache, otherwise -1.
    """

    start: int
    stop: int
    past: int
    length: int
    pages: Sequence[int]
    first: int


@dataclass(frozen=True, kw_only=True)
class Batch:
    """`ids`, `positions` and `places` (where in the cache: page x size + offset) are int64 [tokens] on the device; `samples`
    int64 [samples] are those of the tokens after which a token is chosen. `size` is that of a page.

    For kernels, int32: `starts` [rows + 1], `lengths` [rows] and `tables` [rows, pages of the longest row].
    """

    ids: torch.Tensor
    positions: torch.Tensor
    places: torch.Tensor
    samples: torch.Tensor
    rows: Sequence[Row]
    size: int

    @cached_property
    def starts(self) -> torch.Tensor:
        return self._int32([0, *(row.stop for row in self.rows)])

    @cached_property
    def lengths(self) -> torch.Tensor:
        return self._int32([row.length for row in self.rows])

    @cached_property
    def tables(self) -> torch.Tensor:
        counts = [-(-row.length // self.size) for row in self.rows]
        most = max(counts)
        return self._int32([[*row.pages[:count], *[0] * (most - count)] for row, count in zip(self.rows, counts, strict=True)])

    @property
    def ones(self) -> bool:
        """Whether each row is one token."""
        return len(self.rows) == len(self.ids)

    @property
    def longest(self) -> int:
        """Of the rows' new tokens."""
        return max(row.stop - row.start for row in self.rows)

    def _int32(self, numbers: Sequence[int] | Sequence[Sequence[int]]) -> torch.Tensor:
        return torch.tensor(numbers, dtype=torch.int32).to(self.ids.device, non_blocking=True)


def lay_out(step: Step, size: int, device: torch.device, later: Mapping[Answer, int] | None = None,
            chosen: torch.Tensor | None = None) -> Batch:
    """`chosen` [n] are token ids that the step before chose and that only the device knows yet: those of the answers in `later`,
    at these places of it."""
    ids: list[int] = []
    positions: list[int] = []
    places: list[int] = []
    samples: list[int] = []
    rows: list[Row] = []
    late: list[tuple[int, int]] = []  # (place in ids, place in chosen)
    for part in step.parts:
        answer, start = part.answer, len(ids)
        ids += answer.tokens(part.start, part.stop)
        missing = start + part.stop - part.start - len(ids)
        if missing:
            assert missing == 1 and later is not None
            late.append((len(ids), later[answer]))
            ids.append(0)
        ids += part.draft
        stop = start + part.size
        positions += range(part.start, part.start + part.size)
        places += [answer.pages[place // size] * size + place % size for place in range(part.start, part.start + part.size)]
        if part.chooses:
            samples += range(stop - 1 - len(part.draft), stop)
        rows.append(_row(part, start, size))
    table = torch.tensor([ids, positions, places]).to(device, non_blocking=True)
    if late:
        where = torch.tensor(late).to(device, non_blocking=True)
        assert chosen is not None
        table[0, where[:, 0]] = chosen[where[:, 1]]
    return Batch(ids=table[0], positions=table[1], places=table[2], samples=torch.tensor(samples, dtype=torch.int64).to(
        device, non_blocking=True), rows=rows, size=size)


def _row(part: Part, start: int, size: int) -> Row:
    length = part.start + part.size
    pages = part.answer.pages[: -(-length // size)]
    together = pages[-1] - pages[0] == len(pages) - 1 and all(page == pages[0] + number for number, page in enumerate(pages))
    return Row(start, start + part.size, part.start, length, pages, pages[0] * size if together else -1)
