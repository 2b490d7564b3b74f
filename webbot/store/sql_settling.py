"""Sees to it that the words of deleted texts leave the index, in small steps between which others may write.

A small index is settled at once. A large one is written anew at most once an hour: that costs as much as the whole of it.
"""

from __future__ import annotations

import time
from functools import partial

from webbot.errors import Problem
from webbot.store import sql_index
from webbot.store.sql_transactions import Transactions

LARGE = 500  # pages of 4 kB
SECONDS_BETWEEN = 3600.0


class Settling:
    """Of the index in `database`."""

    def __init__(self, database: Transactions) -> None:
        self._database = database
        self._next = 0.0  # when a large index may be settled

    def begin(self) -> None:
        """After texts were deleted."""
        self._settle(0 < self._pages() <= LARGE)

    def go_on(self) -> None:
        """Now and then."""
        pages = self._pages()
        large = pages > LARGE
        self._settle(bool(pages) and (not large or time.monotonic() >= self._next))

    def _pages(self) -> int:
        return self._database.read(sql_index.unsettled)

    def _settle(self, now: bool) -> None:
        if not now:
            return
        try:
            done, first = False, True
            while not done:
                done = self._database.write(partial(sql_index.settle, first=first))
                first = False
                time.sleep(0)  # others may go on in between
        except Problem:
            pass  # the disk is full, or somebody else writes: the next time
        self._next = time.monotonic() + SECONDS_BETWEEN
