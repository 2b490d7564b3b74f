"""The database as a place: opening it, transactions, waiting for locks, the meaning of its errors. All that is SQLite's own.

A thread (or greenlet) waits for a lock in Python, never inside SQLite: there it would stop every other one of the process.
A connection is never held while waiting. It knows nothing of conversations.
"""

from __future__ import annotations

import contextlib
import logging
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy import exc as sql_errors
from sqlalchemy.engine import make_url

from webbot.errors import Conflict, DiskFull, SettingsError, Unavailable
from webbot.store import sql_migrations
from webbot.store.reserve import Reserve
from webbot.store.rules import CHANGED
from webbot.store.sql_transactions import Transactions

PATIENCE = 5.0  # seconds that a call waits for a locked database
MOST_WAITING = 64  # calls; more are refused at once
LITTLE = 1024 * 1024  # free bytes below which an input/output error is a full disk

FULL = "The server's disk is full, so nothing new can be saved. Please delete old conversations or free some space on it."
LOCKED = "The database is in use by another program. Please try again in a moment."
DAMAGED = "The database is damaged. Stop the server and put a copy in its place, or move the file away to begin anew."
DENIED = "The database cannot be read or written. Please check the permissions of its folder and its disk."

Trouble = Literal["locked", "full", "damaged", "denied", ""]
# Extended result codes of writes that failed for another reason than ENOSPC: a quota, a limit of the process.
WRITE_FAILED = frozenset({
    sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_TRUNCATE, sqlite3.SQLITE_IOERR_SHMSIZE,
})
T = TypeVar("T")
log = logging.getLogger(__name__)


class Database(Transactions):
    """The SQLite file that `url` ("sqlite:///PATH") names, with a reserve beside it.

    Raises SettingsError when there is no such place or the file is none of ours, Unavailable when it stays locked.
    """

    def __init__(self, url: str, prepare: Callable[[Connection], None], *, patience: float = PATIENCE) -> None:
        self.path = _path(url)
        self._patience = patience
        self._waiting = 0
        self._writing = threading.Lock()
        _make_file(self.path)
        self.reserve = Reserve(self.path.with_name(self.path.name + ".reserve"))
        self.reserve.hold()
        self._engine = _engine(url)
        try:
            self._open(prepare)
        except BaseException:
            self._engine.dispose()
            raise

    def read(self, work: Callable[[Connection], T]) -> T:
        return self._run("DEFERRED", work, self._patience)

    def write(
        self, work: Callable[[Connection], T], *, may_use_reserve: bool = False, patience: float | None = None,
        lasting: bool = False,
    ) -> T:
        patience = self._patience if patience is None else patience
        if may_use_reserve:
            return self._with_reserve(lambda: self._run("IMMEDIATE", work, patience))
        if not self.reserve.hold():
            raise DiskFull(FULL)
        return self._run("IMMEDIATE", work, patience)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        with self._engine.connect().execution_options(begin="DEFERRED") as connection, connection.begin():
            try:
                yield connection
            except sql_errors.DBAPIError as error:
                self._raise_unless_locked(error)
                raise Unavailable(LOCKED, retry_after=5) from error

    def free_bytes(self) -> int:
        return self.reserve.free()

    def close(self) -> None:
        self._engine.dispose()

    def _with_reserve(self, act: Callable[[], T]) -> T:
        try:
            result = act()
        except DiskFull:
            if not self.reserve.give_up():
                raise
            result = act()
        if not self.reserve.held:
            self._shrink()
            self.reserve.hold(at_once=True)
        return result

    def _shrink(self) -> None:
        """Gives freed pages back to the disk, little by little: the log of each step needs room too."""
        with contextlib.suppress(sqlite3.Error, sql_errors.SQLAlchemyError):
            before, left = 0, -1
            while left and left != before:
                before = left
                with self._engine.connect() as connection:
                    raw: Any = connection.connection.driver_connection
                    raw.executescript("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA incremental_vacuum(256);")
                    (left,) = raw.execute("PRAGMA freelist_count").fetchone()
                    raw.executescript("PRAGMA wal_checkpoint(TRUNCATE);")
                time.sleep(0)  # others may go on in between

    def _open(self, prepare: Callable[[Connection], None]) -> None:
        try:
            self._with_reserve(lambda: self._run("", _set_up, self._patience))
            if revision := self._run("DEFERRED", sql_migrations.step_needed, self._patience):
                self._keep_copy(self.path.with_name(f"{self.path.name}.before-{revision}"))
            self._with_reserve(lambda: self._run("IMMEDIATE", prepare, self._patience))
        except DiskFull:
            raise SettingsError("The disk is full: {path} cannot be opened.", path=self.path) from None
        except Unavailable as problem:
            if problem.sentence == LOCKED:
                raise
            raise SettingsError("{path}: {reason}", path=self.path, reason=problem.sentence) from None

    def _keep_copy(self, copy: Path) -> None:
        """The file as it is, for somebody who wants the webbot back that wrote it."""
        part = copy.with_name(copy.name + ".part")
        try:
            if self.reserve.free() < 3 * self.path.stat().st_size:  # the steps take as much again
                log.warning("there is no room for a copy of the old database")
                return
            part.unlink(missing_ok=True)
            os.close(os.open(part, os.O_CREAT | os.O_RDWR, 0o600))
            with contextlib.closing(sqlite3.connect(part)) as target, self._engine.connect() as connection:
                raw: Any = connection.connection.driver_connection
                raw.backup(target)
            part.replace(copy)
            log.info("the old database is kept as %s", copy)
        except (OSError, sqlite3.Error) as error:
            log.warning("the old database was not copied: %s", error)
            part.unlink(missing_ok=True)

    def _run(self, begin: str, work: Callable[[Connection], T], patience: float) -> T:
        deadline = time.monotonic() + patience
        with self._turn(deadline) if begin == "IMMEDIATE" else contextlib.nullcontext():
            return self._try(begin, work, deadline)

    @contextlib.contextmanager
    def _turn(self, deadline: float) -> Iterator[None]:
        """Those of this process that write come one after the other, so that only one of them asks again and again for SQLite's
        lock, and none is passed over by the others."""
        if not self._writing.acquire(blocking=False):
            if self._waiting >= MOST_WAITING - 1:  # one more has the turn
                raise Unavailable(LOCKED, retry_after=5)
            self._waiting += 1
            try:
                if not self._writing.acquire(timeout=max(0.0, deadline - time.monotonic())):
                    raise Unavailable(LOCKED, retry_after=5)
            finally:
                self._waiting -= 1
        try:
            yield
        finally:
            self._writing.release()

    def _try(self, begin: str, work: Callable[[Connection], T], deadline: float) -> T:
        while True:
            try:
                return self._attempt(begin, work)
            except sql_errors.TimeoutError as error:
                raise Unavailable(LOCKED, retry_after=5) from error
            except sql_errors.IntegrityError as error:
                raise Conflict(CHANGED) from error
            except sql_errors.DBAPIError as error:
                self._raise_unless_locked(error)
                if time.monotonic() >= deadline:
                    raise Unavailable(LOCKED, retry_after=5) from error
            time.sleep(min(random.uniform(0.002, 0.02), max(0.0, deadline - time.monotonic())))

    def _attempt(self, begin: str, work: Callable[[Connection], T]) -> T:
        options = {"begin": begin, "sparing": not self.reserve.held}
        with self._engine.connect().execution_options(**options) as connection, connection.begin():
            return work(connection)

    def _raise_unless_locked(self, error: sql_errors.DBAPIError) -> None:
        trouble = self._trouble(error.orig)
        if trouble == "full":
            raise DiskFull(FULL) from error
        if trouble == "damaged":
            raise Unavailable(DAMAGED) from error
        if trouble == "denied":
            raise Unavailable(DENIED) from error
        if trouble != "locked":
            raise error

    def _trouble(self, error: BaseException | None) -> Trouble:
        code = getattr(error, "sqlite_errorcode", 0)
        kind = code & 0xFF
        if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
            return "locked"
        if kind == sqlite3.SQLITE_FULL or code in WRITE_FAILED:
            return "full"
        if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            return "damaged"
        if kind in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
            return "full" if self.reserve.free() < LITTLE else "denied"
        if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
            return "denied"
        return ""


def _path(url: str) -> Path:
    try:
        address = make_url(url)
    except sql_errors.ArgumentError:
        address = None
    if address is None or address.get_backend_name() != "sqlite" or not address.database or address.database == ":memory:":
        raise SettingsError("The database must be a file: sqlite:///PATH.")
    return Path(address.database)


def _make_file(path: Path) -> None:
    """Only this user may read what is stored. SQLite's other files get the mode of this one."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)
    except OSError as error:
        raise SettingsError("{path} cannot be opened: {reason}.", path=path, reason=error.strerror) from None


def _engine(url: str) -> Engine:
    engine = create_engine(
        url, connect_args={"timeout": 0, "check_same_thread": False}, hide_parameters=True,
        pool_size=8, max_overflow=0, pool_timeout=PATIENCE,
    )
    event.listen(engine, "connect", _set_connection)
    event.listen(engine, "begin", _begin)
    return engine


def _set_connection(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin in _begin, not by the driver's guess
    for pragma in ("foreign_keys = ON", "synchronous = FULL", f"journal_size_limit = {LITTLE}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    options = {"begin": "", **connection.get_execution_options()}
    if options["begin"] == "IMMEDIATE":
        # Overwriting what is deleted takes as much room as it had; on a full disk there is none.
        connection.exec_driver_sql(f"PRAGMA secure_delete = {'FAST' if options['sparing'] else 'ON'}")
    if options["begin"]:
        connection.exec_driver_sql(f"BEGIN {options['begin']}")


def _set_up(connection: Connection) -> None:
    """What is kept in the file itself; auto_vacuum counts only before the first table."""
    connection.exec_driver_sql("PRAGMA auto_vacuum = INCREMENTAL")
    connection.exec_driver_sql("PRAGMA journal_mode = WAL").fetchall()

