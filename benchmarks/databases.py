"""The databases of the contestants: one each, with equal data, brought back to that state after every round."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Protocol, Self

import asyncpg

from mastra_store import Store
from mastra_store.instants import iso
from mastra_store.testing import PostgresServer

from .operations import Backend
from .tables import INSTANTS, Table

_BATCH = 20_000
_TABLES = ("mastra_threads", "mastra_messages", "mastra_workflow_snapshot", "mastra_ai_spans", "mastra_scorers")
_OF_TORTOISE = ("thread", "message", "run", "span", "score")
_SAVED = {
    "mastra_messages": "id",
    "message": "id",
    "mastra_ai_spans": '"traceId"',
    "span": "trace_id",
    "mastra_scorers": "id",
    "score": "id",
}
_DELETE = {table: f"DELETE FROM {table} WHERE {id} >= 'saved-' AND {id} < 'saved.'" for table, id in _SAVED.items()}
# Nothing but the contestants is to work during the slots; the harness cleans up between the rounds.
_SERVER = {"autovacuum": "off", "shared_buffers": "256MB", "max_wal_size": "4GB", "checkpoint_timeout": "1h"}


class Databases(Protocol):
    """Where the databases of one backend are."""

    def __enter__(self) -> Self:
        """Start what is needed."""

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Remove all databases."""

    def create(self, name: str) -> str:
        """An empty database; returns its URL."""

    def load(self, url: str, tables: Iterable[Table]) -> None:
        """Fill Mastra's tables, which exist already."""

    def tidy(self, url: str) -> None:
        """Remove what was saved, and what the removal leaves."""

    def version(self) -> str:
        """What the databases run on."""


def databases_of(backend: Backend) -> Databases:
    """Those of a backend."""
    return SqliteFiles() if backend == "sqlite" else PostgresDatabases()


def create_schema(url: str) -> None:
    """Make our tables and indexes for a contestant that makes none itself."""

    async def create() -> None:
        async with Store(id="schema", default=url):
            pass

    asyncio.run(create())


class SqliteFiles:
    """Files in a temporary directory."""

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="mastra-store-bench-")))
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stack.close()

    def create(self, name: str) -> str:
        return f"sqlite:///{self._folder / name.replace(' ', '-')}.db"

    def load(self, url: str, tables: Iterable[Table]) -> None:
        with self._connect(url) as connection:
            connection.execute("BEGIN")
            for name, columns, rows in tables:
                places = _places(columns)
                listed = ", ".join(f'"{column}"' for column in columns)
                statement = f"INSERT INTO {name} ({listed}) VALUES ({', '.join('?' * len(columns))})"
                connection.executemany(statement, (_as_text(row, places) for row in rows))
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def tidy(self, url: str) -> None:
        with self._connect(url) as connection:
            for table in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                if table[0] in _DELETE:
                    connection.execute(_DELETE[table[0]])
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def version(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    def _connect(self, url: str) -> closing[sqlite3.Connection]:
        connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=10)
        connection.execute("PRAGMA synchronous=NORMAL")
        return closing(connection)


class PostgresDatabases:
    """Databases of a server of our own."""

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        self._server = self._stack.enter_context(PostgresServer(durable=False, settings=_SERVER))
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._stack.close()

    def create(self, name: str) -> str:
        return self._server.create_database(name.replace(" ", "_"))

    def load(self, url: str, tables: Iterable[Table]) -> None:
        asyncio.run(_with_connection(url, lambda connection: _copy(connection, tables)))

    def tidy(self, url: str) -> None:
        asyncio.run(_with_connection(url, _tidy))

    def version(self) -> str:
        version: str = asyncio.run(
            _with_connection(self._server.url(), lambda connection: connection.fetchval("SHOW server_version"))
        )
        return f"PostgreSQL {version.split()[0]}"


async def _with_connection(url: str, work: Callable[[asyncpg.Connection], Any]) -> Any:
    connection = await asyncpg.connect(url)
    try:
        return await work(connection)
    finally:
        await connection.close()


async def _copy(connection: asyncpg.Connection, tables: Iterable[Table]) -> None:
    """Each instant goes into two columns, the plain one as UTC wall clock."""
    for name, columns, rows in tables:
        places = _places(columns)
        all_columns = [*columns, *(f"{columns[place]}Z" for place in places)]
        records = (_with_twins(row, places) for row in rows)
        while batch := list(islice(records, _BATCH)):
            await connection.copy_records_to_table(name, records=batch, columns=all_columns)
    await _vacuum(connection)


async def _tidy(connection: asyncpg.Connection) -> None:
    for table in await _tables(connection):
        if table in _DELETE:
            await connection.execute(_DELETE[table])
    await _vacuum(connection)


async def _vacuum(connection: asyncpg.Connection) -> None:
    for table in await _tables(connection):
        await connection.execute(f'VACUUM (ANALYZE) "{table}"')


async def _tables(connection: asyncpg.Connection) -> Iterator[str]:
    rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    present = {row[0] for row in rows}
    return (table for table in (*_TABLES, *_OF_TORTOISE) if table in present)


def _places(columns: Sequence[str]) -> list[int]:
    """Where the instants stand."""
    return [place for place, column in enumerate(columns) if column in INSTANTS]


def _as_text(row: Sequence[Any], places: list[int]) -> list[Any]:
    values = list(row)
    for place in places:
        values[place] = values[place] and iso(values[place])
    return values


def _with_twins(row: Sequence[Any], places: list[int]) -> list[Any]:
    values = list(row)
    for place in places:
        moment = values[place]
        values[place] = moment and moment.replace(tzinfo=None)
        values.append(moment)
    return values
