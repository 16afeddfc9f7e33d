"""The Tortoise client over our SQLite connections, for ad-hoc work with the bound models."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, NoReturn, Protocol, TypeVar

from tortoise.backends.sqlite.client import SqliteClient
from tortoise.exceptions import IntegrityError

from ...errors import StoreError, UnsupportedOperationError

T = TypeVar("T")
_READS = ("SELECT", "EXPLAIN")


class Runner(Protocol):
    """A database, or one open transaction of it."""

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function that only reads."""

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function that may write."""


class SqliteOrm(SqliteClient):
    """Runs Tortoise's statements on our threads; integrity errors stay Tortoise's own."""

    def __init__(self, runner: Runner, name: str, alias: str) -> None:
        super().__init__(file_path=name, connection_name=alias)
        self._runner = runner

    async def create_connection(self, with_db: bool) -> None:
        """Connections are the database's business."""

    async def close(self) -> None:
        """Connections are the database's business."""

    def acquire_connection(self) -> NoReturn:
        """There is no connection to hand out: statements travel to a thread."""
        raise _not_here()

    def _in_transaction(self) -> NoReturn:
        raise _not_here()

    async def execute_insert(self, query: str, values: list[Any]) -> int:
        """Insert a row and return its rowid."""
        return await self._write(lambda connection: connection.execute(query, values).lastrowid or 0)

    async def execute_many(self, query: str, values: list[list[Any]]) -> None:
        """Run a statement once per row of values, in one transaction."""
        await self._write(lambda connection: connection.executemany(query, values).rowcount)

    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Sequence[dict[str, Any]]]:
        """Run a statement; how many rows it changed (or returned), and the rows."""

        def work(connection: sqlite3.Connection) -> tuple[int, Sequence[Any]]:
            cursor = connection.cursor()
            cursor.row_factory = sqlite3.Row
            rows = cursor.execute(query, values or []).fetchall()
            return (cursor.rowcount if cursor.rowcount > 0 else len(rows)), rows

        if query.lstrip()[:7].upper().startswith(_READS):
            return await self._runner.read(work)
        return await self._write(work)

    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> list[dict[str, Any]]:
        """Run a statement and return its rows as dicts."""
        return [dict(row) for row in (await self.execute_query(query, values))[1]]

    async def execute_script(self, query: str) -> None:
        """Run several statements, in one transaction."""
        statements = [part for part in query.split(";") if part.strip()]
        await self._write(lambda connection: [connection.execute(part) for part in statements] and None)

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._runner.write(work)
        except StoreError as error:
            if isinstance(error.__cause__, sqlite3.IntegrityError):
                raise IntegrityError(error.__cause__) from error
            raise


def _not_here() -> UnsupportedOperationError:
    return UnsupportedOperationError(
        "Tortoise's in_transaction() is not safe under cancellation; use `async with memory.transaction() as tx` "
        "and pass using_db=tx"
    )
