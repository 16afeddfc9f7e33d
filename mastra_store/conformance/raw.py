"""Messages written around the storage, by plain drivers, as other programs would write them."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from functools import partial

from ..backends.sqlite.url import open_options
from ..instants import iso
from .harness import RawMessage, RawMessageWriter

_SQLITE = """
INSERT INTO mastra_messages (id, thread_id, "resourceId", role, type, content, "createdAt") VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_POSTGRES = """
INSERT INTO "{schema}".mastra_messages (id, thread_id, "resourceId", role, type, content, "createdAt", "createdAtZ")
VALUES ($1, $2, $3, $4, $5, $6, $7::timestamptz AT TIME ZONE 'UTC', $7)
"""


def raw_message_writer(url: str, scheme: str) -> RawMessageWriter | None:
    """What writes rows into the database of a URL; ``None`` for schemes that are not known here."""
    writers: dict[str, Callable[[str, Sequence[RawMessage]], Awaitable[None]]] = {
        "sqlite": _to_sqlite,
        "file": _to_sqlite,
        "postgres": _to_postgres,
        "postgresql": _to_postgres,
    }
    return partial(writers[scheme], url) if scheme in writers else None


async def _to_sqlite(url: str, rows: Sequence[RawMessage]) -> None:
    def write() -> None:
        with closing(sqlite3.connect(open_options(url).path or "", timeout=30)) as connection, connection:
            connection.executemany(_SQLITE, [(*row[:-1], iso(row.created_at)) for row in rows])

    await asyncio.to_thread(write)


async def _to_postgres(url: str, rows: Sequence[RawMessage]) -> None:
    import asyncpg

    from ..backends.postgres.options import url_options

    options = url_options(url)
    connection = await asyncpg.connect(options.url)
    try:
        await connection.executemany(_POSTGRES.format(schema=options.schema_name), rows)
    finally:
        await connection.close()
