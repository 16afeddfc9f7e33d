"""One PostgreSQL database: leased connections, single statements, and transactions that survive cancellation."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar, Unpack

import asyncpg

from ...errors import StoreClosedError, StoreConnectionError, StoreError, UnsupportedOperationError, ValidationError
from ...models.base import StoredModel
from ...models.binding import forget_alias, new_alias
from .dialect import PostgresDialect
from .errors import DRIVER_ERRORS, REPEATABLE, is_lost, translate, translate_connect
from .leases import Connection, Leases
from .options import PostgresArguments, PostgresOptions, pool_options, url_options
from .orm import PostgresOrm
from .schema import create_missing

T = TypeVar("T")
_ATTEMPTS = 6
_PATIENCE = 10.0


class Collision(Exception):  # noqa: N818
    """What a transaction has read is stale, or the server undid it; it is rolled back and made again."""


class PostgresSession:
    """An open transaction on one connection."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection: Connection | None = connection
        self._name = name

    @property
    def connection(self) -> Connection:
        """The connection, as long as the transaction is open."""
        if self._connection is None:
            raise UnsupportedOperationError("this transaction is over; its connection serves nothing any more")
        return self._connection

    async def commit(self) -> None:
        """Commit, or say that the server rolled back because a statement had failed."""
        try:
            status = await self.connection.execute("COMMIT")
        except DRIVER_ERRORS as error:
            raise translate(error, self._name) from error
        if status != "COMMIT":
            text = f"{self._name}: the transaction was rolled back, as one of its statements had failed"
            raise StoreError(text, details={"reason": "rolled_back"})

    def end(self) -> None:
        """Let go of the connection."""
        self._connection = None

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        """Run a statement and return its rows."""
        try:
            rows: list[Any] = await self.connection.fetch(sql, *args)
        except DRIVER_ERRORS as error:
            raise translate(error, self._name, sql) from error
        return rows

    async def execute(self, sql: str, *args: Any) -> int:
        """Run a statement and return how many rows it changed."""
        try:
            return affected(await self.connection.execute(sql, *args))
        except DRIVER_ERRORS as error:
            raise translate(error, self._name) from error


class PostgresDatabase:
    """Connections to one database, opened on first use. A pool that the caller gave is never closed here."""

    def __init__(self, options: PostgresOptions) -> None:
        self.options = options
        self.name = options.name
        self.schema = options.schema_name
        self.dialect = PostgresDialect()
        self.orm = PostgresOrm(self, new_alias())
        self._own_pool: asyncpg.Pool | None = None
        keep_seconds = None if options.pool is not None else options.idle_seconds
        self._leases = Leases(self._open_pool, options.pool_size, keep_seconds)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        """Rows of a statement that only reads; repeated once when the connection turns out to be gone."""
        try:
            rows: list[Any] = await self._once(lambda connection: connection.fetch(sql, *args), sql)
        except StoreConnectionError as error:
            if error.__cause__ is None or not is_lost(error.__cause__):
                raise
            rows = await self._once(lambda connection: connection.fetch(sql, *args))
        return rows

    async def execute(self, sql: str, *args: Any) -> int:
        """One writing statement, which is a transaction by itself; repeated after a collision, which left nothing."""

        async def attempt() -> int:
            return affected(await self._once(lambda connection: connection.execute(sql, *args)))

        return await _repeating(attempt)

    async def write(self, sql: str, *args: Any) -> list[Any]:
        """One writing statement that returns rows; repeated after a deadlock, which left nothing behind."""

        async def attempt() -> list[Any]:
            rows: list[Any] = await self._once(lambda connection: connection.fetch(sql, *args))
            return rows

        return await _repeating(attempt)

    async def transact(
        self, work: Callable[[PostgresSession], Awaitable[T]], *, repeatable: bool = True, snapshot: bool = False
    ) -> T:
        """Run a coroutine function in a transaction: commit when it returns, roll back when it does not."""

        async def attempt() -> T:
            async with self.session(snapshot=snapshot) as session:
                return await work(session)

        return await _repeating(attempt) if repeatable else await attempt()

    @asynccontextmanager
    async def session(self, *, snapshot: bool = False) -> AsyncIterator[PostgresSession]:
        """Hold a connection for one transaction; it ends with the block, cancelled in BEGIN or COMMIT as well."""
        connection = await self._take()
        session = PostgresSession(connection, self.name)
        try:
            await session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ" if snapshot else "BEGIN")
            yield session
            await session.commit()
        except BaseException:
            session.end()
            await self._leases.give_back_clean(connection)
            raise
        session.end()
        self._leases.give(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresOrm]:
        """A transaction as a client for ``using_db``."""
        async with self.session() as session:
            yield PostgresOrm(self, self.orm.connection_name, session)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for Tortoise's own statements, each a transaction by itself."""
        connection = await self._take()
        try:
            yield connection
        except BaseException:
            await self._leases.give_back_clean(connection)
            raise
        self._leases.give(connection)

    async def create_schema(self, definitions: tuple[type[StoredModel], ...]) -> None:
        """Create the schema, tables, columns and indexes that are missing."""
        await create_missing(self, definitions)

    async def close(self) -> None:
        """Return what is leased and close our own pool; statements in flight get some seconds to finish."""
        if self._closed:
            return
        self._closed = True
        forget_alias(self.orm.connection_name)
        if self._loop is not None and self._loop.is_closed():
            self._own_pool = None  # the loop took the connections with it when it ended
            return
        await self._leases.close(_PATIENCE)
        if self._own_pool is not None:
            pool, self._own_pool = self._own_pool, None
            await _close_pool(pool, cut=self._leases.in_use > 0)

    async def _once(self, statement: Callable[[Connection], Awaitable[T]], sql: str = "") -> T:
        here = self._loop is asyncio.get_running_loop()
        connection = (here and self._leases.take_idle()) or await self._take()
        try:
            result = await statement(connection)
        except BaseException as error:
            await self._recover(connection, error)
            if isinstance(error, DRIVER_ERRORS):
                raise translate(error, self.name, sql) from error
            raise
        self._leases.give(connection)
        return result

    async def _recover(self, connection: Connection, error: BaseException) -> None:
        """A failed statement leaves the connection usable; after anything else it is cleaned first."""
        if isinstance(error, asyncpg.PostgresError) and not is_lost(error):
            self._leases.give(connection)
        else:
            await self._leases.give_back_clean(connection)

    async def _take(self) -> Connection:
        if self._closed:
            raise StoreClosedError("the database has been closed")
        if self._loop is not asyncio.get_running_loop():
            self._bind_loop()
        try:
            return await self._leases.take()
        except DRIVER_ERRORS as error:
            raise translate_connect(error, self.name) from error

    def _bind_loop(self) -> None:
        if self._loop is not None:
            raise UnsupportedOperationError(
                "this Store belongs to another event loop; make one Store per loop (or keep to one loop)"
            )
        self._loop = asyncio.get_running_loop()

    async def _open_pool(self) -> asyncpg.Pool:
        if self.options.pool is not None:
            return self.options.pool
        if self._own_pool is None:
            self._own_pool = asyncpg.create_pool(**self.options.pool_arguments())
        await self._own_pool
        return self._own_pool


def open_database(**options: Unpack[PostgresArguments]) -> PostgresDatabase:
    """The database of a URL or of a caller's pool; exactly one of them must be given. Opens nothing yet."""
    given: dict[str, Any] = dict(options)
    url, pool = given.pop("url", None), given.pop("pool", None)
    if (url is None) == (pool is None):
        raise ValidationError("give either url or pool", details={"field": "url"})
    return PostgresDatabase(url_options(url, **given) if pool is None else pool_options(pool, **given))


def affected(status: str) -> int:
    """How many rows a command tag such as ``UPDATE 3`` speaks of."""
    number = status.rpartition(" ")[2]
    return int(number) if number.isdecimal() else 0


async def _close_pool(pool: asyncpg.Pool, *, cut: bool) -> None:
    if not cut:
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await pool.close()
                return
    pool.terminate()


async def _repeating(attempt: Callable[[], Awaitable[T]]) -> T:
    """Repeat what a deadlock or a collision of snapshots undid, with a growing, jittered pause."""
    for number in range(1, _ATTEMPTS):
        with suppress(Collision):
            return await _noting_collisions(attempt)
        await asyncio.sleep(random.uniform(0, 0.01 * 2**number))  # noqa: S311
    try:
        return await attempt()
    except Collision as error:
        text = "concurrent changes kept colliding; try again"
        raise StoreError(text, details={"reason": "serialization"}, retryable=True) from error


async def _noting_collisions(attempt: Callable[[], Awaitable[T]]) -> T:
    try:
        return await attempt()
    except StoreError as error:
        if isinstance(error.__cause__, REPEATABLE):
            raise Collision from error
        raise
