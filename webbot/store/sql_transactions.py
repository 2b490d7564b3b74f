"""What a database offers to the store: work in transactions. SQLite and PostgreSQL keep it, each in a module of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Transactions(ABC):
    """Every call raises Unavailable when the database is locked or away, and DiskFull when nothing can be written."""

    @abstractmethod
    def read(self, work: Callable[[Connection], T]) -> T:
        """Runs `work` in one transaction that sees one state of the database."""

    @abstractmethod
    def write(
        self, work: Callable[[Connection], T], *, may_use_reserve: bool = False, patience: float | None = None,
        lasting: bool = False,
    ) -> T:
        """Runs `work` in one writing transaction and commits it. `work` runs again when others were in its way.

        `may_use_reserve` is for what frees room or must not be lost. `patience`: seconds that it waits for others. `lasting`
        work may take longer than others wait, and runs only once.
        """

    @abstractmethod
    def snapshot(self) -> AbstractContextManager[Connection]:
        """A transaction for reading much: one state of the database, as long as it lasts."""

    @abstractmethod
    def free_bytes(self) -> int | None:
        """The free bytes on the disk of the database, None where that is not known."""

    @abstractmethod
    def close(self) -> None: ...
