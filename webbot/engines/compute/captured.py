"""Decode steps that are replayed from CUDA graphs: one launch instead of some hundred.

A graph has fixed shapes and addresses, so there is one for each of a few numbers of rows (buckets); the rows that no answer needs
write to the cache's scratch page. What changes from step to step is sent in one small copy. The tables of pages stay on the
device: a step enters the page it writes to by itself, and only the pages of an answer that is new in its row are sent besides.
The ids that a step chose stay there too, and may be the input of the next one.

What is not known here: how a network computes, and what a token means. With a cache without kernels nothing is captured, because
torch's attention looks at the lengths of rows on this side. `dry` computes the same steps without a graph, on any device whose
cache has kernels, be they `plain`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from webbot.engines.compute.answer import Answer, Part, Step
from webbot.engines.compute.batch import Batch, Row
from webbot.engines.compute.cache import PagedCache
from webbot.engines.compute.kernels import plain
from webbot.engines.compute.network import Network
from webbot.engines.compute.sampling import COLUMNS, Wish, table

# Numbers of rows. Between two of them a step costs what the next one costs: little, because the weights are read once for all.
BUCKETS = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 160, 192, 224, 256)
INPUTS = 5  # token, place among the ids chosen before (or -1), position, page, row of the answer whose token is the n-th result
WARM_PASSES = 2
log = logging.getLogger(__name__)


class Captured:
    """Steps of up to `rows` answers of up to `pages` pages each. `choose` takes logits [rows, vocabulary] and a table of wishes
    [rows, COLUMNS] to ids [rows], on the device and without looking at a value."""

    def __init__(self, network: Network, choose: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], cache: PagedCache, *,
                 rows: int, pages: int, dry: bool = False) -> None:
        self._network, self._choose, self._cache, self._dry = network, choose, cache, dry
        self._kernels = cache.kernels or plain
        self._buckets = (*(bucket for bucket in BUCKETS if bucket < rows), rows)
        device = cache.device
        idle = torch.tensor([0, -1, 0, cache.scratch, 0] + [0] * len(COLUMNS), dtype=torch.int32)
        self._idle = idle.repeat(rows, 1)
        self._packed = self._idle.to(device, copy=True)  # also where that is this one
        self._hosts = [torch.empty_like(self._idle, pin_memory=device.type == "cuda") for _ in range(2)]
        self._sent: list[torch.cuda.Event | None] = [None, None]
        self._last = torch.zeros(rows, dtype=torch.int64, device=device)
        self._tables = torch.full((rows, pages), cache.scratch, dtype=torch.int32, device=device)
        self._samples = torch.arange(rows, device=device)
        self._starts = torch.arange(rows + 1, dtype=torch.int32, device=device)
        # Kernels only count rows; what is in them they take from the tensors.
        self._ones = [Row(row, row + 1, 0, 1, (cache.scratch,), cache.scratch * cache.size) for row in range(rows)]
        self._answers: list[Answer] = []  # of each row in the step before
        self._known: list[list[int]] = [[] for _ in range(rows)]  # what each row of the tables holds
        self._graphs: dict[int, torch.cuda.CUDAGraph] = {}

    @torch.inference_mode()
    def capture(self) -> int:
        """Makes the graphs, the largest first, so that the others find room in its memory. What cannot be captured is computed
        as without this. Returns for how many rows there is one."""
        if self._cache.kernels is None:
            return 0
        pool, stream = torch.cuda.graph_pool_handle(), torch.cuda.Stream(self._cache.device)
        for bucket in reversed(self._buckets):
            try:
                self._graphs[bucket] = self._record(bucket, pool, stream)
            except Exception as error:
                reason = str(error).partition("\n")[0]
                log.warning("steps of %d rows are not captured: %s: %s", bucket, type(error).__name__, reason)
                torch.cuda.empty_cache()
        self._buckets = tuple(sorted(self._graphs))
        return max(self._buckets, default=0)

    def fits(self, step: Step) -> bool:
        """Whether the step can be replayed."""
        ready = self._dry or bool(self._graphs)
        return (ready and step.decodes and not step.reads and len(step.parts) <= self._buckets[-1]
                and all(part.start < self._tables.shape[1] * self._cache.size for part in step.parts))

    @torch.inference_mode()
    def replay(self, step: Step, wishes: Sequence[Wish], late: Mapping[Answer, int] | None = None,
               chosen: torch.Tensor | None = None) -> torch.Tensor:
        """The ids that the parts of a step choose, int64 [parts] on the device; the next replay overwrites them. `late` and
        `chosen` as in `batch.lay_out`."""
        parts = step.parts
        bucket = next(bucket for bucket in self._buckets if bucket >= len(parts))
        if late and chosen is not None and chosen.data_ptr() != self._last.data_ptr():
            late = self._take_in(parts, late, chosen)
        rows = self._rows(parts)
        self._send(parts, rows, bucket, wishes, late or {})
        self._enter(parts, rows, bucket)
        if self._dry:
            self._compute(bucket)
        else:
            self._graphs[bucket].replay()
        return self._last[: len(parts)]

    def _compute(self, rows: int) -> None:
        """The step itself, from `_packed` to `_last`. Nothing here depends on what a tensor holds."""
        packed, tables = self._packed[:rows], self._tables[:rows]
        ids, positions, places, lengths = self._kernels.unpack(packed, self._last, tables, self._cache.size)
        batch = Batch(ids=ids, positions=positions, places=places, samples=self._samples[:rows], rows=self._ones[:rows],
                      size=self._cache.size)
        vars(batch).update(starts=self._starts[: rows + 1], lengths=lengths, tables=tables)
        drawn = self._choose(self._network.logits(batch), packed.view(torch.float32)[:, INPUTS:])
        torch.index_select(drawn, 0, packed[:, INPUTS - 1], out=self._last[:rows])

    def _record(self, rows: int, pool: Any, stream: torch.cuda.Stream) -> torch.cuda.CUDAGraph:
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_PASSES):  # kernels are compiled and libraries take their memory
                self._compute(rows)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            self._compute(rows)
        return graph

    def _rows(self, parts: Sequence[Part]) -> list[int]:
        """The row of each part: that of its answer in the step before where possible, so that its pages are there already."""
        before = {answer: row for row, answer in enumerate(self._answers[: len(parts)])}
        held = [before.get(part.answer) for part in parts]
        free = iter(sorted(set(range(len(parts))) - set(held)))
        rows = [next(free) if row is None else row for row in held]
        order = sorted(range(len(parts)), key=rows.__getitem__)
        self._answers = [parts[number].answer for number in order]
        return rows

    def _send(self, parts: Sequence[Part], rows: Sequence[int], bucket: int, wishes: Sequence[Wish],
              late: Mapping[Answer, int]) -> None:
        """Copies what is new in this step to the device, from memory that it reads by itself: of two, because what the step
        before sent may not be there yet."""
        size, inputs = self._cache.size, []
        for part, row in zip(parts, rows, strict=True):
            known = part.answer.tokens(part.start, part.stop)
            token, place = (known[0], -1) if known else (0, late[part.answer])
            inputs.append((token, place, part.start, part.answer.pages[part.start // size], row))
        numbers, where = torch.tensor(inputs, dtype=torch.int32), torch.tensor(rows)
        self._hosts.reverse()
        self._sent.reverse()
        host, sent = self._hosts[0][:bucket], self._sent[0]
        if sent is not None:
            sent.synchronize()
        host.copy_(self._idle[:bucket])
        host[where, : INPUTS - 1] = numbers[:, : INPUTS - 1]
        host[: len(parts), INPUTS - 1] = numbers[:, INPUTS - 1]
        host.view(torch.float32)[where, INPUTS:] = table(wishes)
        self._packed[:bucket].copy_(host, non_blocking=True)
        if host.is_pinned():
            self._sent[0] = sent = torch.cuda.Event()
            sent.record()

    def _enter(self, parts: Sequence[Part], rows: Sequence[int], bucket: int) -> None:
        """Sends the pages of answers that are new in their rows, or got other ones; the step enters its own page by itself."""
        new: list[int] = []
        for part, row in zip(parts, rows, strict=True):
            before, known = part.start // self._cache.size, self._known[row]
            if known[:before] != part.answer.pages[:before]:
                new.append(row)
                known[:] = part.answer.pages[:before]
            known[before:] = part.answer.pages[before : before + 1]
        for row in range(len(parts), bucket):
            self._known[row] = [self._cache.scratch]
        if new:
            most = max(len(self._known[row]) for row in new)
            pages = [[*self._known[row], *[0] * (most - len(self._known[row]))] for row in new]
            device = self._cache.device
            self._tables[:, :most].index_copy_(0, torch.tensor(new).to(device, non_blocking=True), torch.tensor(
                pages, dtype=torch.int32).to(device, non_blocking=True))

    def _take_in(self, parts: Sequence[Part], late: Mapping[Answer, int], chosen: torch.Tensor) -> dict[Answer, int]:
        """Ids that a step chose that was not replayed: they come to the places where those of a replay would be."""
        places = torch.tensor([late.get(part.answer, 0) for part in parts]).to(chosen.device, non_blocking=True)
        torch.index_select(chosen, 0, places, out=self._last[: len(parts)])
        return {part.answer: number for number, part in enumerate(parts)}
