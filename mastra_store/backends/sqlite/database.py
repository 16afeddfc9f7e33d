"""One SQLite database: a writer thread, reader threads, and transactions that survive cancellation.

Every operation is one function that runs on a thread, BEGIN and COMMIT included. Cancelling the task that awaits it can
therefore never leave a transaction open: a function that has begun runs to its end, one that has not is skipped.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic, sleep
from typing import Any, NamedTuple, TypeVar

from ...errors import StoreClosedError, StoreConnectionError, StoreError, UnsupportedOperationError
from ...models.base import StoredModel
from ...models.binding import forget_alias, new_alias
from ...once import Once, uncancelled
from .dialect import SqliteDialect, register_functions
from .errors import DRIVER_ERRORS, translate
from .orm import SqliteOrm
from .schema import create, missing
from .thread import ConnectionThread

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
_OLDEST = (3, 35)  # RETURNING
_PATIENCE = 10.0
_TURN = 0.1
"""Seconds that the writer waits for others at a time."""


class SqliteOptions(NamedTuple):
    """How to open a database. ``path=None`` is an in-memory database, private to its owner."""

    path: str | None
    mode: str = "rwc"
    busy_timeout: float = 10.0
    """Seconds to wait for another connection's lock."""
    readers: int = 2
    max_page_count: int | None = None


class SqliteTransaction:
    """An open write transaction; each call is one trip to the writer's thread."""

    def __init__(self, database: SqliteDatabase, thread: ConnectionThread) -> None:
        self._database = database
        self._thread = thread
        self._over = False

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        """Run a statement and return its rows."""
        return await self.run(lambda connection: connection.execute(sql, args).fetchall())

    async def execute(self, sql: str, *args: Any) -> int:
        """Run a statement and return how many rows it changed."""
        return await self.run(lambda connection: connection.execute(sql, args).rowcount)

    async def run(self, work: Work[T]) -> T:
        """Run a function on the connection."""
        if self._over:
            raise UnsupportedOperationError("this transaction is over; its connection serves nothing any more")
        return await self._database.on_thread(self._thread, lambda connection: self._within(connection, work))

    async def begin(self) -> None:
        """Begin, waiting for other writers."""
        await self._database.on_thread(self._thread, self._database.begin)

    async def commit(self) -> None:
        """Commit."""
        await self.execute("COMMIT")

    async def roll_back(self) -> None:
        """Roll back what is open."""
        await self._database.on_thread(self._thread, _rollback)

    def end(self) -> None:
        """Refuse further statements."""
        self._over = True

    def _within(self, connection: sqlite3.Connection, work: Work[T]) -> T:
        """Run only while the transaction is open: SQLite ends it by itself when, for example, the disk is full."""
        if not connection.in_transaction:
            text = f"{self._database.name}: SQLite rolled this transaction back after an earlier error"
            raise StoreError(text, details={"reason": "rolled_back"})
        return work(connection)

    read = write = run


class SqliteDatabase:
    """Connections to one database, opened on first use."""

    def __init__(self, options: SqliteOptions) -> None:
        self.options = options
        self.name = options.path or ":memory:"
        self.dialect = SqliteDialect()
        self.schema: str | None = None
        self.orm = SqliteOrm(self, self.name, new_alias())
        self._opening = Once(self._open)
        self._writer: ConnectionThread | None = None
        self._readers: list[ConnectionThread] = []
        self._next_reader = 0
        # Held by an interactive transaction. Single functions need no lock: the thread runs them one after another.
        self._gate = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._holder: asyncio.Task[Any] | None = None
        self._closing = Once(self._close)
        self._closed = False

    async def read(self, work: Work[T]) -> T:
        """Run a function that only reads, beside the writer (in memory: between its transactions)."""
        if self._writer is None or self._loop is not asyncio.get_running_loop():
            await self._ready()
        if not self._readers:
            return await self._on_writer(work)
        self._next_reader = (self._next_reader + 1) % len(self._readers)
        return await self.on_thread(self._readers[self._next_reader], work)

    async def write(self, work: Work[T]) -> T:
        """Run a function in a write transaction of its own."""
        return await self._on_writer(lambda connection: self._in_transaction(connection, work))

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        """Rows of a statement that only reads."""
        return await self.read(lambda connection: connection.execute(sql, args).fetchall())

    async def execute(self, sql: str, *args: Any) -> int:
        """One writing statement, in a transaction of its own."""
        return await self.write(lambda connection: connection.execute(sql, args).rowcount)

    async def transact(
        self, work: Callable[[SqliteTransaction], Awaitable[T]], *, repeatable: bool = True, snapshot: bool = False
    ) -> T:
        """Run a coroutine function in a write transaction: commit when it returns, roll back when it does not.

        SQLite has one writer, so there are no deadlocks to repeat after, and every transaction sees one moment.
        """
        async with self._session() as session:
            return await work(session)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqliteOrm]:
        """A write transaction as a client for ``using_db``."""
        async with self._session() as session:
            yield SqliteOrm(session, self.name, self.orm.connection_name)

    async def create_schema(self, definitions: tuple[type[StoredModel], ...]) -> None:
        """Create the tables, columns and indexes that are missing, in one transaction."""
        if await self.read(lambda connection: missing(connection, definitions)):
            await self.write(lambda connection: create(connection, definitions))

    async def close(self) -> None:
        """Let queued work finish, close all connections (checkpointing the log) and end the threads."""
        self._closed = True
        await self._closing()

    async def on_thread(self, thread: ConnectionThread, work: Work[T]) -> T:
        """Run a function on one of the threads; errors of the driver are translated."""
        try:
            return await thread.run(work)
        except DRIVER_ERRORS as error:
            raise translate(error, self.name) from error

    async def _on_writer(self, work: Work[T]) -> T:
        """Run a function on the writer's thread as soon as no interactive transaction holds it."""
        if self._writer is None or self._loop is not asyncio.get_running_loop():
            await self._ready()
        if self._gate.locked():
            await self._wait_for_gate()
        return await self.on_thread(self._the_writer(), work)

    async def _ready(self) -> None:
        if self._closed:
            raise StoreClosedError("the database has been closed")
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        elif self._loop is not asyncio.get_running_loop():
            raise UnsupportedOperationError(
                "this Store belongs to another event loop; make one Store per loop (or keep to one loop)"
            )
        if self._writer is None:
            await self._opening()

    async def _wait_for_gate(self) -> None:
        """Wait until no interactive transaction holds the writer."""
        await self._take_gate()
        self._gate.release()

    async def _take_gate(self) -> None:
        if self._holder is asyncio.current_task():
            raise UnsupportedOperationError(
                "this task holds a transaction open on the same SQLite database; pass using_db=tx, or wait for its end"
            )
        try:
            async with asyncio.timeout(self.options.busy_timeout):
                await self._gate.acquire()
        except TimeoutError as error:
            message = f"a transaction held {self.name} for longer than {self.options.busy_timeout} s; try again"
            raise StoreError(message, details={"reason": "locked"}, retryable=True) from error

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[SqliteTransaction]:
        """Hold the writer for one transaction. Whatever happens, BEGIN and COMMIT included, it ends with the block."""
        await self._ready()
        await self._take_gate()
        try:
            self._holder = asyncio.current_task()
            session = SqliteTransaction(self, self._the_writer())
            try:
                await session.begin()
                yield session
                await session.commit()
            except BaseException:
                await uncancelled(session.roll_back())
                raise
            finally:
                session.end()
        finally:
            self._holder = None
            self._gate.release()

    def begin(self, connection: sqlite3.Connection) -> None:
        """Begin a write transaction on the writer's thread.

        SQLite's own wait for other writers cannot be ended from outside, so it waits in short turns here: until
        ``busy_timeout`` is over, or until the caller has gone.
        """
        deadline = monotonic() + self.options.busy_timeout
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                busy = (error.sqlite_errorname or "").startswith("SQLITE_BUSY")
                if not busy or monotonic() >= deadline or self._the_writer().deserted():
                    raise
            else:
                return

    def _in_transaction(self, connection: sqlite3.Connection, work: Work[T]) -> T:
        self.begin(connection)
        try:
            if self._the_writer().deserted():
                raise asyncio.CancelledError
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            _rollback(connection)
            raise
        return result

    def _the_writer(self) -> ConnectionThread:
        if self._writer is None:
            raise StoreClosedError("the database has been closed")
        return self._writer

    async def _open(self) -> None:
        if sqlite3.sqlite_version_info < _OLDEST:
            raise StoreConnectionError(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 or newer is needed")
        opened: list[ConnectionThread] = []
        try:
            for number in range(1 + (self.options.readers if self.options.path else 0)):
                opened.append(await self._connect(read_only=number > 0))  # noqa: PERF401 - closed one by one below
        except BaseException:
            for thread in opened:
                await uncancelled(thread.close())
            raise
        self._writer, self._readers = opened[0], opened[1:]

    async def _connect(self, *, read_only: bool) -> ConnectionThread:
        thread = ConnectionThread(lambda: connect(self.options, read_only=read_only))
        try:
            await thread.start()
        except DRIVER_ERRORS as error:
            raise translate(error, self.name) from error
        return thread

    async def _close(self) -> None:
        await self._opening.settled()
        with suppress(TimeoutError):  # a transaction that somebody holds open for longer is rolled back
            async with asyncio.timeout(_PATIENCE), self._gate:
                pass
        readers, self._readers = self._readers, []
        writer, self._writer = self._writer, None
        for thread in readers + ([writer] if writer else []):  # the writer last: it checkpoints the log
            await thread.close()
        forget_alias(self.orm.connection_name)


def connect(options: SqliteOptions, *, read_only: bool = False) -> sqlite3.Connection:
    """A configured connection. Runs on the thread that will use it."""
    if options.path is None:
        connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False, cached_statements=256)
    else:
        uri = f"file:{_escape(options.path)}?mode={options.mode}"
        connection = sqlite3.connect(
            uri,
            uri=True,
            timeout=options.busy_timeout,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
    try:
        _configure(connection, options, read_only)
    except BaseException:
        connection.close()
        raise
    return connection


def _configure(connection: sqlite3.Connection, options: SqliteOptions, read_only: bool) -> None:
    register_functions(connection)
    if options.path is not None and options.mode != "ro" and not read_only:
        _use_wal(connection, options.busy_timeout)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA temp_store=MEMORY")
    if options.max_page_count is not None:
        connection.execute(f"PRAGMA max_page_count={int(options.max_page_count)}")
    if read_only:
        connection.execute("PRAGMA query_only=ON")
    else:  # from here on ``begin`` waits in turns
        connection.execute(f"PRAGMA busy_timeout={int(min(options.busy_timeout, _TURN) * 1000)}")


def _use_wal(connection: sqlite3.Connection, busy_timeout: float) -> None:
    """Switch to write-ahead logging; a file that may only be read keeps its mode, and reading works all the same."""
    deadline = monotonic() + busy_timeout
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
                return
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or monotonic() > deadline:
                raise
        if monotonic() > deadline:
            return  # a file system without shared memory; the journal it has serves as well
        sleep(0.02)  # SQLite does not wait by itself here; another process may be switching at this moment


def _rollback(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _escape(path: str) -> str:
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
