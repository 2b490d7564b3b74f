"""The empty pages, as runs of neighbours. It knows nothing of what pages hold."""

from __future__ import annotations


class Gaps:
    """`size` pages are empty: all of [0, count) at first."""

    def __init__(self, count: int) -> None:
        self.size = 0
        self._stops: dict[int, int] = {}  # where a run begins -> where it stops
        self._starts: dict[int, int] = {}  # the same the other way round
        if count:
            self._put(0, count)

    def add(self, page: int) -> None:
        """The page is empty now."""
        self._put(self._drop(stop=page) if page in self._starts else page,
                  self._drop(start=page + 1) if page + 1 in self._stops else page + 1)

    def take(self, most: int, after: int | None) -> range:
        """Some neighbours, at most `most`: those right after the page `after` where they are empty, otherwise in the longest run.

        There they begin in the middle of what is left over, so that whoever has the pages before the run can grow as well.
        """
        assert self.size
        first = after + 1 if after is not None and after + 1 in self._stops else max(self._stops, key=self._length)
        stop = self._drop(start=first)
        start = first
        if first and (after is None or first != after + 1):
            start += max(stop - first - most, 0) // 2
        taken = range(start, min(start + most, stop))
        for left in (range(first, start), range(taken.stop, stop)):
            if left:
                self._put(left.start, left.stop)
        return taken

    def _length(self, start: int) -> int:
        return self._stops[start] - start

    def _put(self, start: int, stop: int) -> None:
        self._stops[start], self._starts[stop] = stop, start
        self.size += stop - start

    def _drop(self, *, start: int | None = None, stop: int | None = None) -> int:
        """Takes out the run that begins or stops there: its other end."""
        if start is None:
            assert stop is not None
            start = self._starts.pop(stop)
            del self._stops[start]
            self.size -= stop - start
            return start
        stop = self._stops.pop(start)
        del self._starts[stop]
        self.size -= stop - start
        return stop
