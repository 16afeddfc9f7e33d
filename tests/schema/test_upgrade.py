"""Tables of older versions get the columns that they lack, as from the packages, and old rows keep their own times."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from mastra_store import Message, Thread
from mastra_store.instants import now
from tests.interop.databases import Database, connected
from tests.interop.typescript import TypeScript
from tests.interop.values import differences
from tests.schema.catalogue import Catalogue, catalogue, of_domain, without_ours
from tests.schema.conftest import Maker

# What takes a database back to the columns that an old version had.
OLD = {
    "sqlite": [
        "DROP INDEX idx_messages_thread_resource_created_at",
        'ALTER TABLE mastra_messages DROP COLUMN "resourceId"',
    ],
    "postgres": [
        'ALTER TABLE mastra_messages DROP COLUMN "resourceId", DROP COLUMN "createdAtZ"',
        'ALTER TABLE mastra_threads DROP COLUMN "createdAtZ", DROP COLUMN "updatedAtZ"',
        'ALTER TABLE mastra_resources DROP COLUMN "createdAtZ", DROP COLUMN "updatedAtZ"',
    ],
}

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.parametrize(
        "maker",
        [
            pytest.param(None, id="sqlite"),
            pytest.param("public", id="postgres", marks=pytest.mark.needs("postgres")),
        ],
        indirect=True,
    ),
]


async def test_format_2_3_old_tables_are_upgraded_as_by_typescript(maker: Maker, typescript: TypeScript) -> None:
    ours, theirs = maker.new(), maker.new()
    for database in (ours, theirs):
        await typescript.run(database)
        await _take_back(database)
    await asyncio.to_thread(typescript.release)
    await typescript.run(theirs)
    async with ours.open():
        pass
    upgraded = without_ours(of_domain(await catalogue(ours), "memory"))
    assert differences(_by_name(upgraded), _by_name(of_domain(await catalogue(theirs), "memory"))) == []


async def test_format_2_3_old_rows_keep_their_times_and_have_no_resource(maker: Maker) -> None:
    database = maker.new()
    thread = Thread(id="t", resource_id="r", title="old", created_at=now())
    message = Message(id="m", thread_id="t", resource_id="r", created_at=thread.created_at)
    async with database.open() as store:
        await store.memory.save_thread(thread=thread)
        await store.memory.save_messages(messages=[message])
        thread = await store.memory.update_thread(id="t", metadata={"a": 1})
    await _take_back(database)
    async with database.open() as store:
        assert await store.memory.get_thread_by_id(thread_id="t") == thread
        message.resource_id = None
        assert await store.memory.list_messages_by_id(message_ids=["m"]) == [message]


def _by_name(found: Catalogue) -> Catalogue:
    """Without the order of columns, which tells when they were added, and without defaults that say NULL."""
    return {name: {**table, "columns": dict(map(_column, table["columns"]))} for name, table in found.items()}


def _column(column: Any) -> tuple[str, Any]:
    if isinstance(column, dict):
        return column["name"], column
    _, name, type_, required, default, *rest = column
    return name, [type_, required, None if default == "NULL" else default, *rest]


async def _take_back(database: Database) -> None:
    if database.backend == "postgres":
        async with connected(database) as server:
            for statement in OLD["postgres"]:
                await server.execute(statement)
        return
    ours = "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE 'mastra_store_%'"
    with closing(sqlite3.connect(database.path)) as connection:
        for (index,) in connection.execute(ours).fetchall():
            connection.execute(f'DROP INDEX "{index}"')
        for statement in OLD["sqlite"]:
            connection.execute(statement)
