"""What the domains of SQL backends share: the database behind them, its models, and who closes it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar, Generic, Self, TypeVar

from tortoise.backends.base.client import BaseDBAsyncClient

from ...domains.base import DomainStorage, hook, operation
from ...domains.checks import LARGEST_OFFSET
from ...models.base import StoredModel
from ...models.binding import bind
from .paging import Limit
from .session import Session, SqlDatabase

DB = TypeVar("DB", bound=SqlDatabase)


class SqlDomain(DomainStorage, Generic[DB]):
    """A domain storage over a SQL database, which it owns when it was built alone."""

    definitions: ClassVar[tuple[type[StoredModel], ...]]

    def _attach(self, database: DB, *, owned: bool) -> None:
        """Connect this storage to its database; nothing is opened yet."""
        self._database = database
        self._owns_database = owned
        self._dialect = database.dialect
        self._schema = database.schema
        self._bound: dict[str, type[StoredModel]] | None = None
        self._create_schema: Callable[[], Awaitable[None]] = lambda: database.create_schema(self.definitions)
        self._bind_statements()

    def transaction(self) -> AbstractAsyncContextManager[BaseDBAsyncClient]:
        """A transaction for ad-hoc work with the bound models.

        ``async with memory.transaction() as tx: await memory.models.Message.filter(...).using_db(tx).delete()``.
        Only what is given the connection takes part: a call without ``using_db(tx)``, also one in a child task, does
        not. Leaving the block commits; an exception or cancellation rolls back.
        """
        return self._database.transaction()

    @operation("DANGEROUSLY_CLEAR_ALL")
    async def dangerously_clear_all(self) -> None:
        """Remove all rows of this domain's tables, which stay usable; other domains are untouched (G14)."""
        await self._clear()

    @classmethod
    def over(cls, database: DB, *, disable_init: bool) -> Self:
        """This domain over a database that a provider store owns."""
        storage = cls.__new__(cls)
        DomainStorage.__init__(storage, disable_init=disable_init)
        storage.belongs_to_store = True
        storage._attach(database, owned=False)
        return storage

    @abstractmethod
    def _bind_statements(self) -> None:
        """Build the statements of this domain for the database's dialect and schema."""

    @hook
    @abstractmethod
    async def _clear(self) -> None:
        """Delete all rows of this domain."""

    def _bound_models(self) -> dict[str, type[StoredModel]]:
        if self._bound is None:
            self._bound = bind(self.definitions, self._database.orm, self._dialect, self._schema)
        return self._bound

    async def _execute(self, statement: str, *args: Any) -> None:
        """One statement that locks many rows, repeated where a deadlock undid it."""

        async def work(session: Session) -> None:
            await session.execute(statement, *args)

        await self._database.transact(work)

    async def _page(
        self, statements: tuple[str, str], args: list[Any], offset: int, limit: int | None
    ) -> tuple[list[Any], int]:
        """Rows of a page and the total, which each row carries last.

        An empty page past the end is counted apart, as no row carries the total. ``statements`` are page and count.
        """
        page, count = statements
        if limit is None:
            rows = await self._database.fetch(page, *args)
            return rows, len(rows)
        bounds = Limit.of(limit, offset).args(min(limit, LARGEST_OFFSET), offset)
        rows = await self._database.fetch(page, *args, *bounds)
        if rows or (offset == 0 and limit > 0):
            return rows, rows[0][-1] if rows else 0
        return [], (await self._database.fetch(count, *args))[0][0]

    async def _init(self) -> None:
        await self._create_schema()

    async def _close(self) -> None:
        if self._owns_database:
            await self._database.close()
