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
        """After texts were deleted, which is done whatever happens here."""
        self._settle(hourly=False)

    def go_on(self) -> None:
        """Now and then."""
        self._settle(hourly=time.monotonic() >= self._next)

    def _settle(self, *, hourly: bool) -> None:
        try:
            pages = self._database.read(sql_index.unsettled)
            if not pages or (pages > LARGE and not hourly):
                return
            if pages > LARGE:
                self._next = time.monotonic() + SECONDS_BETWEEN
            done, first = False, True
            while not done:
                done = self._database.write(partial(sql_index.settle, first=first))
                first = False
                time.sleep(0)  # others may go on in between
        except Problem:
            pass  # the disk is full, or somebody else writes: the next time
