"""PostgreSQL as a place: connections, transactions, waiting for others, the meaning of its errors. It knows nothing of
conversations.

Every wait has an end, also for a server that was stopped in mid-answer: the server's own limits on locks and statements come
first, then the limit of the connection here, which is given up. Connections that died are noticed when they are used; then all
of the pool are dropped, and work of which nothing was committed is tried once more. Under gevent a greenlet waits in a selector
and stops no other one.

Covered: the password stays in the address that the driver gets; no error and no line of a log has it.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TypeVar

import psycopg
from psycopg import conninfo
from psycopg.abc import RV, PQGen
from sqlalchemy import Connection, create_engine, event
from sqlalchemy import exc as sql_errors
from sqlalchemy import text as sql_text

from webbot.errors import Conflict, DiskFull, Problem, SettingsError, Unavailable
from webbot.store.rules import CHANGED
from webbot.store.sql_database import DAMAGED, DENIED, FULL, LOCKED, MOST_WAITING, PATIENCE
from webbot.store.sql_transactions import Transactions

AWAY = "The database cannot be reached at the moment. Please try again in a moment."
SLOW = "The database takes too long. Please try again in a moment."
NO_CHANGES = "The database takes no changes at the moment. What is stored can still be read."
NO_ADDRESS = "The address of the database cannot be read. It looks like postgresql://USER:PASSWORD@HOST/NAME."
REFUSED = "The database server refuses the connection. Please check the user, the password and the name in the address."
NO_UNICODE = "The database must have the encoding UTF8; this one has {encoding}."

CONNECTIONS = 16  # at once, in one process
CONNECT_SECONDS = 4
LASTING_SECONDS = 3600.0  # without an answer, for work that takes its time
DEFAULTS = {
    "application_name": "webbot", "client_encoding": "UTF8",
    # A machine that is gone without a word is noticed.
    "keepalives_idle": "20", "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "10000",
}
# What a server says of an address that will never do. It gives no code at this stage.
NEVER = ("authentication failed", "no pg_hba.conf entry", "does not exist", "no password supplied", "not permitted to log in",
         "permission denied for database", "does not support SSL", "certificate verify failed")
AGAIN = frozenset({"40001", "40P01"})  # serialisation failed, deadlock: rolled back for certain
MEANING: dict[str, Callable[[], Problem]] = {
    "53100": lambda: DiskFull(FULL),
    "55P03": lambda: Unavailable(LOCKED, retry_after=5),
    "57014": lambda: Unavailable(SLOW, retry_after=5),
    "25006": lambda: Unavailable(NO_CHANGES, retry_after=5),
    "42501": lambda: Unavailable(DENIED),
    "XX001": lambda: Unavailable(DAMAGED),
    "XX002": lambda: Unavailable(DAMAGED),
}
# Connection lost, not enough of something, stopped by an operator, trouble of the system: by the first two characters.
AWAY_CLASSES = frozenset({"08", "53", "57", "58", "25"})
T = TypeVar("T")


class Limited(psycopg.Connection[Any]):
    """A connection that is given up when the server does not answer for `limit` seconds."""

    limit: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        if self.limit is not None:
            timeout = self.limit if timeout is None else min(self.limit, timeout)
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.errors._WaitTimeout:
            self.close()
            raise psycopg.OperationalError("no answer in time") from None


class PostgresDatabase(Transactions):
    """The database that `url` ("postgresql://USER:PASSWORD@HOST/NAME", any parameter of libpq behind a ?) names.

    Raises SettingsError for an address that is none or is refused, Unavailable when the server is away.
    """

    def __init__(self, url: str, prepare: Callable[[Connection], None], *, patience: float = PATIENCE) -> None:
        self._address = _address(url, patience)
        self._patience = patience
        self._inside, self._counting = 0, threading.Lock()
        self._engine = create_engine(
            "postgresql+psycopg://", creator=self._connect, hide_parameters=True, pool_size=CONNECTIONS, max_overflow=0,
            pool_timeout=patience, pool_use_lifo=True, isolation_level="READ COMMITTED",
        )
        event.listen(self._engine, "connect", self._set_connection)
        try:
            self.write(_check_encoding)
            self.write(prepare, lasting=True)
        except BaseException:
            self._engine.dispose()
            raise

    def read(self, work: Callable[[Connection], T]) -> T:
        return self._run(work, self._patience, isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def write(
        self, work: Callable[[Connection], T], *, may_use_reserve: bool = False, patience: float | None = None,
        lasting: bool = False,
    ) -> T:
        if lasting:
            with self._lasting() as connection:
                return work(connection)
        return self._run(work, self._patience if patience is None else patience)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Connection]:
        with self._lasting(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
            yield connection

    def free_bytes(self) -> None:
        return None

    def close(self) -> None:
        self._engine.dispose()

    # transactions

    def _run(self, work: Callable[[Connection], T], patience: float, **options: Any) -> T:
        deadline = time.monotonic() + patience
        died = False
        with self._among_the_waiting():
            while True:
                committing: list[bool] = []
                try:
                    return self._attempt(work, patience, committing, options)
                except sql_errors.TimeoutError:
                    raise Unavailable(LOCKED, retry_after=5) from None
                except (sql_errors.DBAPIError, psycopg.Error) as error:
                    code = _code(error)
                    lost = _is_lost(error)
                    # What was lost while it was committed may be there: only the caller can know.
                    again = code in AGAIN or (lost and not died and not committing)
                    died = died or lost
                    if not again or time.monotonic() + 0.05 >= deadline:
                        _raise(error)
                if code in AGAIN:
                    time.sleep(random.uniform(0.002, 0.02))

    def _attempt(
        self, work: Callable[[Connection], T], patience: float, committing: list[bool], options: dict[str, Any]
    ) -> T:
        with self._engine.connect().execution_options(**options) as connection, self._watched(connection, patience):
            transaction = connection.begin()
            try:
                if patience != self._patience:
                    _limit(connection, patience)
                result = work(connection)
                committing.append(True)
                transaction.commit()
                return result
            except BaseException:
                with contextlib.suppress(sql_errors.DBAPIError):
                    transaction.rollback()
                raise

    @contextlib.contextmanager
    def _lasting(self, **options: Any) -> Iterator[Connection]:
        """A transaction that takes its time."""
        try:
            with (
                self._engine.connect().execution_options(**options) as connection,
                self._watched(connection, LASTING_SECONDS), connection.begin(),
            ):
                connection.execute(sql_text("SET LOCAL statement_timeout = 0"))
                connection.execute(sql_text("SET LOCAL idle_in_transaction_session_timeout = 0"))
                yield connection
        except sql_errors.TimeoutError:
            raise Unavailable(LOCKED, retry_after=5) from None
        except (sql_errors.DBAPIError, psycopg.Error) as error:
            _raise(error)

    @contextlib.contextmanager
    def _watched(self, connection: Connection, limit: float) -> Iterator[None]:
        raw: Any = connection.connection.driver_connection
        raw.limit = limit
        try:
            yield
        finally:
            raw.limit = self._patience

    @contextlib.contextmanager
    def _among_the_waiting(self) -> Iterator[None]:
        with self._counting:
            if self._inside >= CONNECTIONS + MOST_WAITING:
                raise Unavailable(LOCKED, retry_after=5)
            self._inside += 1
        try:
            yield
        finally:
            with self._counting:
                self._inside -= 1

    # connections

    def _connect(self) -> Limited:
        return Limited.connect(self._address)

    def _set_connection(self, connection: Limited, _record: Any) -> None:
        """The server's own limits come before the one of the connection, so that it mostly need not be given up."""
        limit = max(1, int(self._patience * 800))
        connection.limit = self._patience
        connection.autocommit = True
        connection.execute(
            "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false),"
            " set_config('idle_in_transaction_session_timeout', '60000', false),"
            # A plan for any search fits none: whether a word is rare decides.
            " set_config('plan_cache_mode', 'force_custom_plan', false)", (str(limit), str(limit)),
        )
        connection.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        connection.autocommit = False


def _address(url: str, patience: float) -> str:
    """What the driver gets; what the URL itself says comes first."""
    try:
        given = conninfo.conninfo_to_dict(url)
    except psycopg.Error:
        raise SettingsError(NO_ADDRESS) from None  # the driver's words have parts of the address
    connect = str(max(2, min(CONNECT_SECONDS, int(patience))))  # the driver knows no less than 2
    return conninfo.make_conninfo("", **{**DEFAULTS, "connect_timeout": connect, **given})


def _check_encoding(connection: Connection) -> None:
    encoding = connection.scalar(sql_text("SHOW server_encoding"))
    if encoding != "UTF8":
        raise SettingsError(NO_UNICODE, encoding=encoding)


def _limit(connection: Connection, patience: float) -> None:
    limit = max(1, int(patience * 800))
    connection.execute(sql_text(f"SET LOCAL lock_timeout = {limit}"))
    connection.execute(sql_text(f"SET LOCAL statement_timeout = {limit}"))


def _driver_error(error: BaseException) -> BaseException:
    return getattr(error, "orig", None) or error


def _code(error: BaseException) -> str:
    return getattr(_driver_error(error), "sqlstate", None) or ""


def _is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, or none was to be had."""
    told = _driver_error(error)
    return (
        getattr(error, "connection_invalidated", False) or (isinstance(told, psycopg.OperationalError) and not _code(error))
        or (_code(error)[:2] in ("08", "57") and _code(error) != "57014")
    )


def _raise(error: BaseException) -> NoReturn:
    """Raises what a person is told."""
    code, told = _code(error), _driver_error(error)
    if code in MEANING:
        raise MEANING[code]() from error
    if isinstance(error, sql_errors.IntegrityError):
        raise Conflict(CHANGED) from error
    if code in AGAIN:
        raise Unavailable(LOCKED, retry_after=5) from error
    if _is_lost(error) or code[:2] in AWAY_CLASSES:
        if not code and any(words in str(told) for words in NEVER):
            raise SettingsError(REFUSED) from None
        raise Unavailable(AWAY, retry_after=5) from error
    raise error
