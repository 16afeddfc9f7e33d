"""Initialisation: once, together, repeatably, from several processes, or not at all (C10 to C14)."""

# ruff: noqa: ASYNC240 - local files, small ones

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from mastra_store import LibSQLStore, MemoryLibSQL, MemoryPG, PostgresStore, Store, StoreError, Thread
from tests.resilience.support import query, release, workers
from tests.store.support import Notes, Stub

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]


async def objects(url: str) -> list[str]:
    """Names of all tables and indexes in a database."""
    if url.startswith("postgres"):
        return sorted(row[0] for row in await query(url, "SELECT relname FROM pg_class WHERE relname LIKE '%mastra%'"))
    path = Path(url.removeprefix("sqlite:///"))
    if not path.exists():
        return []
    connection = sqlite3.connect(path)
    try:
        return sorted(row[0] for row in connection.execute("SELECT name FROM sqlite_master"))
    finally:
        connection.close()


async def test_c10_init_keeps_data_and_can_be_repeated(database_url: str) -> None:
    for number in range(3):
        async with Store(id="app", default=database_url) as store:
            await store.init()
            assert (await store.memory.list_threads()).total == number
            await store.memory.save_thread(thread=Thread(id=f"t{number}", resource_id="r"))


async def test_c10_what_is_missing_is_created(database_url: str) -> None:
    """A table, a column and an index that an older version did not have."""
    async with Store(id="app", default=database_url) as store:
        await store.memory.save_thread(thread=Thread(id="t", resource_id="r"))
    complete = await objects(database_url)
    statements = [
        "DROP TABLE mastra_resources",
        "DROP INDEX mastra_store_messages_resource_created",
        "DROP INDEX mastra_store_threads_updated",
        "ALTER TABLE mastra_threads DROP COLUMN metadata",
    ]
    for statement in statements:
        if database_url.startswith("postgres"):
            await query(database_url, statement)
        else:
            connection = sqlite3.connect(database_url.removeprefix("sqlite:///"))
            connection.execute(statement)
            connection.close()
    async with Store(id="app", default=database_url) as store:
        found = await store.memory.get_thread_by_id(thread_id="t")
        assert found is not None
        assert found.metadata is None
        assert await store.memory.get_resource_by_id(resource_id="r") is None
    assert await objects(database_url) == complete


async def test_c11_fifty_callers_one_run(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = 0
    store = Store(id="app", default=database_url)
    memory: Any = store.memory
    create = memory._database.create_schema

    async def counted(*args: Any) -> None:
        nonlocal runs
        runs += 1
        await create(*args)

    monkeypatch.setattr(memory._database, "create_schema", counted)
    calls = [store.init() for _ in range(20)] + [store.get_store("memory") for _ in range(20)]
    calls += [memory.get_thread_by_id(thread_id="t") for _ in range(10)]
    await asyncio.gather(*calls)
    await store.init()
    assert runs == 1
    await store.close()


async def test_c11_a_nested_store_is_initialised_once_for_all() -> None:
    log: list[str] = []
    inner = Store(id="inner", domains={"memory": Stub("memory", log), "scores": Stub("scores", log)})
    outers = [Store(id=f"outer{n}", default=inner, domains={"datasets": Stub("datasets", log)}) for n in range(2)]
    await asyncio.gather(*(outer.init() for outer in outers), inner.init(), outers[0].get_store("scores"))
    assert sorted(log) == ["init datasets", "init datasets", "init memory", "init scores"]
    for outer in outers:
        await outer.close()
    assert sorted(log)[:4] == ["close datasets", "close datasets", "close memory", "close scores"]


async def test_c11_a_failure_reaches_all_and_is_forgotten() -> None:
    log: list[str] = []
    bad = Stub("scores", log, fail=["init"])
    store = Store(id="app", domains={"memory": Stub("memory", log), "scores": bad})
    results = await asyncio.gather(*(store.init() for _ in range(50)), return_exceptions=True)
    assert [str(result) for result in results] == ["init of scores failed"] * 50
    assert log.count("init scores") == 1
    with pytest.raises(StoreError):
        await store.get_store("scores")
    bad.fail.clear()
    await store.init()
    await store.init()
    assert log.count("init scores") == 3
    assert log.count("init memory") == 1
    await store.close()


async def test_c11_a_real_failure_is_forgotten(tmp_path: Path) -> None:
    store = Store(id="app", default=f"sqlite:///{tmp_path}/later/app.db")
    results = await asyncio.gather(*(store.get_store("memory") for _ in range(9)), return_exceptions=True)
    assert all(isinstance(result, StoreError) for result in results)
    (tmp_path / "later").mkdir()
    async with store:
        assert (await store.memory.list_threads()).total == 0


async def test_c11_a_cancelled_caller_leaves_the_run_to_the_others(database_url: str) -> None:
    store = Store(id="app", default=database_url)
    callers = [asyncio.ensure_future(store.init()) for _ in range(5)]
    await asyncio.sleep(0)
    callers[0].cancel()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError, *[type(None)] * 4]
    await store.close()


async def test_c12_the_first_use_initialises(database_url: str) -> None:
    store = Store(id="app", default=database_url)
    assert await objects(database_url) == []
    memory = await store.get_store("memory")
    assert memory is not None
    assert "mastra_threads" in await objects(database_url)
    await store.close()


async def test_c12_the_first_call_initialises(database_url: str) -> None:
    store = Store(id="app", default=database_url)
    assert (await store.memory.list_threads()).total == 0
    await store.close()


@pytest.mark.parametrize("way", ["argument", "environment", "nested", "provider", "domain"])
async def test_c12_nothing_is_created_implicitly(way: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by ``async with``, get_store or calls; using a missing table says so; an explicit init() does everything."""
    if way == "environment":
        monkeypatch.setenv("MASTRA_DISABLE_STORAGE_INIT", "true")
    postgres = database_url.startswith("postgres")
    source: Any = database_url
    if way == "nested":
        source = Store(id="inner", default=database_url)
    elif way == "provider":
        source = (PostgresStore if postgres else LibSQLStore)(url=database_url)
    domain = (MemoryPG if postgres else MemoryLibSQL)(url=database_url) if way == "domain" else None
    store = Store(
        id="app",
        default=None if domain else source,
        domains={"memory": domain},
        disable_init=way != "environment",
    )
    async with store:
        memory = await store.get_store("memory")
        assert memory is not None
        for _ in range(2):
            with pytest.raises(StoreError) as caught:
                await memory.get_thread_by_id(thread_id="t")
            assert isinstance(caught.value.__cause__, (sqlite3.Error, asyncpg.PostgresError))
        assert await objects(database_url) == []
        await store.init()
        assert await memory.get_thread_by_id(thread_id="t") is None
    assert "mastra_threads" in await objects(database_url)


@pytest.mark.parametrize("way", ["argument", "environment"])
async def test_c12_for_a_domain_built_alone(way: str, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "environment":
        monkeypatch.setenv("MASTRA_DISABLE_STORAGE_INIT", "true")
    build = MemoryPG if database_url.startswith("postgres") else MemoryLibSQL
    async with build(url=database_url, disable_init=way == "argument") as memory:
        with pytest.raises(StoreError, match=r"table|relation"):
            await memory.get_thread_by_id(thread_id="t")
        await memory.init()
        assert await memory.get_thread_by_id(thread_id="t") is None


@pytest.mark.parametrize(("value", "disabled"), [("true", True), ("TRUE", True), ("false", False), ("", False)])
async def test_c12_values_of_the_variable(value: str, disabled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTRA_DISABLE_STORAGE_INIT", value)
    log: list[str] = []
    async with Store(id="app", domains={"memory": Stub("memory", log)}):
        assert log == ([] if disabled else ["init memory"])


async def test_c13_several_processes_at_one_moment(database_url: str) -> None:
    for output in release(workers(4, "init", database_url)):
        assert output == ""
    async with Store(id="app", default=database_url) as store:
        assert (await store.memory.list_threads()).total == 4


async def test_c13_several_stores_at_one_moment(database_url: str) -> None:
    stores = [Store(id=f"s{n}", default=database_url) for n in range(8)]
    await asyncio.gather(*(store.init() for store in stores))
    await asyncio.gather(*(store.close() for store in stores))


@pytest.mark.usefixtures("notes")
async def test_c14_a_busy_file_is_waited_for(tmp_path: Path) -> None:
    """Two domains on one file, while another connection writes for a while."""
    path = tmp_path / "app.db"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    other.execute("CREATE TABLE x (y)")
    store = Store(id="app", default=f"sqlite:///{path}")
    task = asyncio.ensure_future(store.init())
    await asyncio.sleep(0.2)
    other.execute("COMMIT")
    other.close()
    await asyncio.wait_for(task, 5)
    workflows = await store.get_store("workflows")
    assert isinstance(workflows, Notes)
    assert await workflows.ping() == 42
    await store.close()
