"""The Tortoise client over our leased connections, for ad-hoc work with the bound models."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.exceptions import IntegrityError

from ...errors import UnsupportedOperationError
from .errors import DRIVER_ERRORS, translate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from .database import PostgresDatabase, PostgresSession


class PostgresOrm(AsyncpgDBClient):
    """Runs Tortoise's statements on a leased connection, or on that of one transaction."""

    def __init__(self, database: PostgresDatabase, alias: str, session: PostgresSession | None = None) -> None:
        super().__init__(connection_name=alias)
        self._database = database
        self._session = session

    async def create_connection(self, with_db: bool) -> None:
        """Connections are the database's business."""

    async def close(self) -> None:
        """Connections are the database's business."""

    def acquire_connection(self) -> AbstractAsyncContextManager[Any]:  # type: ignore[override]
        """The transaction's connection, or one for a single statement."""
        return self._of_session() if self._session is not None else self._database.connection()

    def _in_transaction(self) -> NoReturn:
        raise UnsupportedOperationError(
            "Tortoise's in_transaction() is not safe under cancellation; use `async with memory.transaction() as tx` "
            "and pass using_db=tx"
        )

    async def _translate_exceptions(self, func: Any, *args: Any, **kwargs: Any) -> Any:
        """Integrity errors stay Tortoise's own; all others are ours."""
        try:
            return await func(self, *args, **kwargs)
        except asyncpg.IntegrityConstraintViolationError as error:
            raise IntegrityError(error) from error
        except DRIVER_ERRORS as error:
            raise translate(error, self._database.name) from error

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        """Run a statement once per row of values; asyncpg sends them as one transaction."""
        await self._translate_exceptions(_executemany, query, values)

    @asynccontextmanager
    async def _of_session(self) -> AsyncIterator[Any]:
        assert self._session is not None
        yield self._session.connection


async def _executemany(orm: PostgresOrm, query: str, values: list[list[Any]]) -> None:
    async with orm.acquire_connection() as connection:
        await connection.executemany(query, values)
