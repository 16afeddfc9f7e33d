"""Rows written around the storage, by plain drivers, as other programs would write them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ..backends.sqlite.url import open_options
from ..instants import iso
from .harness import RawRow, RawWriter

TAKES_BROKEN_JSON = frozenset({"sqlite", "file"})
"""Schemes of databases that keep JSON as plain text."""


def raw_writer(url: str, scheme: str) -> RawWriter | None:
    """What writes rows into the database of a URL; ``None`` for schemes that are not known here."""
    writers: dict[str, Callable[[str, str, Sequence[RawRow]], Awaitable[None]]] = {
        "sqlite": _to_sqlite,
        "file": _to_sqlite,
        "postgres": _to_postgres,
        "postgresql": _to_postgres,
    }
    return partial(writers[scheme], url) if scheme in writers else None


async def _to_sqlite(url: str, table: str, rows: Sequence[RawRow]) -> None:
    def write() -> None:
        with closing(sqlite3.connect(open_options(url).path or "", timeout=30)) as connection, connection:
            for row in rows:
                texts = {name: iso(value) if isinstance(value, datetime) else value for name, value in row.items()}
                connection.execute(_insert(f'"{table}"', texts, "?".format), list(texts.values()))

    await asyncio.to_thread(write)


async def _to_postgres(url: str, table: str, rows: Sequence[RawRow]) -> None:
    import asyncpg

    from ..backends.postgres.options import url_options

    options = url_options(url)
    connection = await asyncpg.connect(options.url)
    try:
        for row in rows:
            columns = _with_twins(row)
            statement = _insert(f'"{options.schema_name}"."{table}"', columns, "${}".format)
            await connection.execute(statement, *columns.values())
    finally:
        await connection.close()


def _with_twins(row: RawRow) -> dict[str, Any]:
    """Every instant twice, as Mastra writes it: the wall clock of UTC, and the instant itself."""
    instants = {name: value for name, value in row.items() if isinstance(value, datetime)}
    plain = {name: value.astimezone(UTC).replace(tzinfo=None) for name, value in instants.items()}
    return {**row, **plain, **{f"{name}Z": value for name, value in instants.items()}}


def _insert(table: str, row: Mapping[str, Any], placeholder: Callable[[int], str]) -> str:
    names = ", ".join(f'"{name}"' for name in row)
    values = ", ".join(placeholder(number) for number in range(1, len(row) + 1))
    return f"INSERT INTO {table} ({names}) VALUES ({values})"
