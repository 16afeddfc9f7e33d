"""The databases that both sides open: one row per backend."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import asyncpg

from mastra_store import LibSQLStore, PostgresStore, Store


class Database(NamedTuple):
    """A database under test, by the URL that our side opens."""

    backend: str
    url: str
    schema: str | None = None

    @classmethod
    def at(cls, url: str, schema: str | None = None) -> Database:
        """The database of a URL."""
        return cls("sqlite" if url.startswith("sqlite:") else "postgres", url, schema)

    @property
    def adapter(self) -> str:
        """The adapter's name in Mastra's packages and in expected.json."""
        return {"sqlite": "libsql"}.get(self.backend, self.backend)

    def open(self) -> Store:
        """Our store on it."""
        if self.backend == "sqlite":
            return LibSQLStore(url=self.url)
        return PostgresStore(url=self.url, schema_name=self.schema)

    def for_typescript(self) -> dict[str, Any]:
        """What the script needs to open it."""
        if self.backend == "sqlite":
            return {"adapter": self.adapter, "url": f"file:{self.path}"}
        return {"adapter": self.adapter, "url": self.url, "schema": self.schema}

    @property
    def path(self) -> str:
        """The file of a SQLite database."""
        return self.url.removeprefix("sqlite:///")


@asynccontextmanager
async def connected(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """A bare connection to a PostgreSQL database."""
    connection = await asyncpg.connect(database.url)
    try:
        yield connection
    finally:
        await connection.close()
