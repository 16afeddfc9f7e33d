"""Rows that cannot be read: CorruptRecordError naming table and key; the others stay readable (conventions, Errors)."""

# ruff: noqa: PT012 - what is to fail is often the end of a block

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from mastra_store import CorruptRecordError, MemoryStorage, Store
from tests.resilience.support import message, query, seed

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]

Call = Callable[[MemoryStorage], Awaitable[Any]]
READ_THREAD: list[Call] = [
    lambda m: m.get_thread_by_id(thread_id="t1"),
    lambda m: m.list_threads(),
    lambda m: m.update_thread(id="t1", metadata={"b": 1}),
    lambda m: m.update_thread_metadata(id="t1", update=lambda _: {"b": 1}),
    lambda m: m.copy_thread(source_thread_id="t1"),
]
READ_MESSAGE: list[Call] = [
    lambda m: m.list_messages(thread_id="t1"),
    lambda m: m.list_messages(thread_id="t2", include=[{"id": "m1"}]),
    lambda m: m.list_messages_by_id(message_ids=["m1"]),
    lambda m: m.list_messages_by_resource_id(resource_id="r1"),
    lambda m: m.update_messages(messages=[{"id": "m1", "role": "x"}]),
]
READ_RESOURCE: list[Call] = [
    lambda m: m.get_resource_by_id(resource_id="r1"),
    lambda m: m.update_resource(resource_id="r1", metadata={"b": 1}),
]
CALLS = {
    "mastra_threads": ("t1", READ_THREAD),
    "mastra_messages": ("m1", READ_MESSAGE),
    "mastra_resources": ("r1", READ_RESOURCE),
}


async def spoil(url: str, table: str, column: str, value: str) -> None:
    """Write a stored value behind the Store's back."""
    twin = f', "{column}Z" = {value}' if url.startswith("postgres") and column == "createdAt" else ""
    statement = f"UPDATE {table} SET \"{column}\" = {value}{twin} WHERE id = '{CALLS[table][0]}'"
    if url.startswith("postgres"):
        await query(url, statement)
        return
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    with connection:
        connection.execute(statement)
    connection.close()


async def assert_corrupt(url: str, table: str) -> None:
    """Each call that reads the row says which it is; a call that does not need it works."""
    key, calls = CALLS[table]
    async with Store(id="app", default=url) as store:
        for number, call in enumerate(calls):
            with pytest.raises(CorruptRecordError, match=table) as caught:
                await call(store.memory)
                pytest.fail(f"call {number} read it")
            assert key in str(caught.value)
            assert caught.value.details == {"table": table, "key": key}
            assert caught.value.domain == "memory"
            assert caught.value.code.endswith("_CORRUPT_RECORD")
        assert await store.memory.get_thread_by_id(thread_id="t2") is not None
        await store.memory.save_messages(messages=[message("new", "t2")])


METADATA = ["'{'", "''", "'nonsense'", "'[1]'", "'5'", "'\"text\"'", "x'ff00'", "x''", "x'cb7b'", "'{\"a\":' || '1'"]


@pytest.mark.parametrize("table", ["mastra_threads", "mastra_resources"])
@pytest.mark.parametrize("value", METADATA)
async def test_sqlite_metadata(table: str, value: str, tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    async with Store(id="app", default=url) as store:
        await seed(store.memory)
    await spoil(url, table, "metadata", value)
    await assert_corrupt(url, table)


@pytest.mark.parametrize("table", ["mastra_threads", "mastra_messages", "mastra_resources"])
@pytest.mark.parametrize(
    "value", ["''", "'yesterday'", "'2024-01-01'", "'2024-01-01T00:00:00.000'", "1700000000000", "x'00'"]
)
async def test_sqlite_times(table: str, value: str, tmp_path: Any) -> None:
    """Also a time without an offset: it is never guessed at."""
    url = f"sqlite:///{tmp_path}/app.db"
    async with Store(id="app", default=url) as store:
        await seed(store.memory)
    await spoil(url, table, "createdAt", value)
    await assert_corrupt(url, table)


async def test_sqlite_content_that_is_no_text(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    async with Store(id="app", default=url) as store:
        await seed(store.memory)
    await spoil(url, "mastra_messages", "content", "x'ff00'")
    await assert_corrupt(url, "mastra_messages")


async def test_deeply_nested_json(tmp_path: Any) -> None:
    """Nesting that no decoder follows: corrupt metadata, legacy text as content (M32b); never a RecursionError."""
    url = f"sqlite:///{tmp_path}/app.db"
    async with Store(id="app", default=url) as store:
        await seed(store.memory)
    deep = "'" + "[" * 100_000 + "'"
    await spoil(url, "mastra_messages", "content", deep)
    async with Store(id="app", default=url) as store:
        (found,) = await store.memory.list_messages_by_id(message_ids=["m1"])
        assert found.content["content"].startswith("[[[")
        assert (await store.memory.list_messages(thread_id="t1", metadata={"k": 1})).total == 0
    await spoil(url, "mastra_threads", "metadata", deep)
    await assert_corrupt(url, "mastra_threads")


@pytest.mark.parametrize("table", ["mastra_threads", "mastra_resources"])
@pytest.mark.parametrize("value", ["'[1]'", "'5'", "'true'", "'\"text\"'", "'\"[1]\"'"])
async def test_postgres_metadata(table: str, value: str, postgres: Any) -> None:
    url = postgres.create_database()
    async with Store(id="app", default=url) as store:
        await seed(store.memory)
    await spoil(url, table, "metadata", value)
    await assert_corrupt(url, table)


@pytest.mark.parametrize("value", ["'4713-01-01 BC'", "'294276-12-31'"])
async def test_postgres_times_beyond_the_calendar(value: str, postgres: Any) -> None:
    """The driver refuses the whole result, so that the table can be named but not the key."""
    url = postgres.create_database()
    async with Store(id="app", default=url) as store:
        await seed(store.memory)
    await spoil(url, "mastra_threads", "createdAt", value)
    async with Store(id="app", default=url) as store:
        for call in CALLS["mastra_threads"][1]:
            with pytest.raises(CorruptRecordError, match="mastra_threads") as caught:
                await call(store.memory)
            assert caught.value.details == {"table": "mastra_threads"}
        assert await store.memory.get_thread_by_id(thread_id="t2") is not None


@pytest.mark.parametrize("value", ["'infinity'", "'-infinity'"])
async def test_postgres_times_out_of_range(value: str, postgres: Any) -> None:
    """Times that Python cannot hold."""
    url = postgres.create_database()
    async with Store(id="app", default=url) as store:
        await seed(store.memory)
    await spoil(url, "mastra_threads", "createdAt", value)
    await assert_corrupt(url, "mastra_threads")
