"""Loads the golden data into an empty database."""

from __future__ import annotations

import shutil

from tests.golden.scenario import FIXTURES
from tests.interop.databases import Database, connected


async def load_golden(database: Database) -> None:
    """Fill a database that does not exist yet (SQLite) or is empty (PostgreSQL) with what the packages wrote."""
    if database.backend == "sqlite":
        shutil.copyfile(FIXTURES / "libsql" / "mastra.db", database.path)
    else:
        async with connected(database) as connection:
            await connection.execute((FIXTURES / "postgres" / "mastra.sql").read_text())
