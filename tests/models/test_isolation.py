"""Bindings do not touch each other: two dialects at once, caches and classes that go away (C9, point 3)."""

from __future__ import annotations

import asyncio
import gc
import random
import weakref
from pathlib import Path
from typing import Any

import pytest
from tortoise.backends.base.executor import EXECUTOR_CACHE

from mastra_store import MemoryStorage, Resource, Store, Thread
from tests.models.support import models_of
from tests.resilience.support import LONG_AGO, message, python, query

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]


async def converse(store: Store, number: int, kind: str) -> None:
    """One call of the store or of its models, chosen by number; ids and values tell where they belong."""
    memory, models = store.memory, models_of(store)
    id = f"{kind}{number}"
    match number % 8:
        case 0:
            await memory.save_thread(thread=Thread(id=id, resource_id=kind, metadata={"kind": kind, "n": number}))
        case 1:
            row = await models.Thread.create(id=id, resource_id=kind, metadata={"kind": kind}, created_at=LONG_AGO)
            assert (await models.Thread.get(id=row.id)).created_at == LONG_AGO
        case 2:
            await memory.save_messages(messages=[message(id, "base", kind, kind)])
        case 3:
            await memory.update_resource(resource_id="base", metadata={id: kind})
        case 4:
            for row in await models.Thread.filter(resource_id=kind).limit(3):
                assert row.id.startswith((kind, "base"))
                assert row.resource_id == kind
                assert row.created_at.tzinfo is not None
        case 5:
            page = await memory.list_messages(thread_id="base", per_page=3, order_by="-created_at")
            assert all(one.id.startswith(kind) for one in page.messages)
        case 6:
            assert await models.Message.filter(resource_id__not=kind).count() == 0
        case 7:
            row, _ = await models.Resource.get_or_create(id=id, defaults={"metadata": {"kind": kind}})
            assert row.metadata == {"kind": kind}


async def test_a_thousand_interleaved_calls_do_not_cross(postgres: Any, tmp_path: Path) -> None:
    """Point 3: two Stores, 1,000 calls in tasks made before either; ids, types and SQL stay apart."""
    url = postgres.create_database()
    go = asyncio.Event()
    stores: dict[str, Store] = {}

    async def work(numbers: list[int]) -> None:
        await go.wait()
        for number in numbers:
            kind = ("lite", "post")[number % 2]
            await converse(stores[kind], number // 2, kind)

    numbers = random.Random(7).sample(range(1000), 1000)
    early = [asyncio.ensure_future(work(numbers[start::50])) for start in range(50)]
    await asyncio.sleep(0)
    stores["lite"] = Store(id="lite", default=f"sqlite:///{tmp_path}/app.db")
    stores["post"] = Store(id="post", default=url)
    async with stores["lite"], stores["post"]:
        for kind, store in stores.items():
            await store.memory.save_thread(thread=Thread(id="base", resource_id=kind))
        go.set()
        await asyncio.gather(*early)
        for kind, store in stores.items():
            await check(store.memory, kind)
        assert '"createdAtZ"' in models_of(stores["post"]).Thread.all().sql()
        assert '"createdAtZ"' not in models_of(stores["lite"]).Thread.all().sql()
    rows = await query(url, 'SELECT "createdAt", "createdAtZ" FROM mastra_threads')
    assert all(row[0] == row[1].replace(tzinfo=None) for row in rows)


async def check(memory: MemoryStorage, kind: str) -> None:
    """Everything that was asked for is there, and nothing else."""
    threads = (await memory.list_threads(per_page=None)).threads
    wanted = {f"{kind}{n}" for n in range(500) if n % 8 in (0, 1)} | {"base"}
    assert {thread.id for thread in threads} == wanted
    assert {thread.resource_id for thread in threads} == {kind}
    messages = (await memory.list_messages(thread_id="base", per_page=None)).messages
    assert {one.id for one in messages} == {f"{kind}{n}" for n in range(500) if n % 8 == 2}
    resource = await memory.get_resource_by_id(resource_id="base")
    assert isinstance(resource, Resource)
    assert resource.metadata == {f"{kind}{n}": kind for n in range(500) if n % 8 == 3}


async def test_two_schemas_and_two_databases_of_one_server(postgres: Any) -> None:
    """Point 3: equal table names, equal dialect, four places."""
    urls = [postgres.create_database() for _ in range(2)]
    places = [f"{url}?schema_name={schema}" for url in urls for schema in ("public", "other")]
    stores = [Store(id=str(n), default=place) for n, place in enumerate(places)]
    await asyncio.gather(*(store.init() for store in stores))
    await asyncio.gather(
        *(models_of(store).Thread.create(id=f"{store.id}-{n}", resource_id="r") for n in range(10) for store in stores)
    )
    for store in stores:
        assert sorted(await models_of(store).Thread.all().values_list("id", flat=True)) == [
            f"{store.id}-{n}" for n in range(10)
        ]
        await store.close()


@pytest.mark.parametrize("job", ["alongside", "routers"])
async def test_an_application_with_tortoise_of_its_own(job: str, database_url: str) -> None:
    """C9: in a process of its own, as Tortoise's global state cannot be taken back."""
    done = python("-W", "ignore::ResourceWarning", "-m", "tests.models.beside_tortoise", job, database_url)
    assert done.returncode == 0, done.stderr[-2000:]


async def test_fifty_stores_leave_nothing_in_tortoises_cache(database_url: str) -> None:
    """Point 3, design: statements are cached by alias for ever unless we forget them."""
    before = set(EXECUTOR_CACHE)
    for number in range(50):
        async with Store(id="app", default=database_url) as store:
            await models_of(store).Thread.create(id=str(number), resource_id="r")
            async with store.memory.transaction() as tx:  # type: ignore[attr-defined]
                await models_of(store).Thread.filter(id=str(number)).using_db(tx).update(title="x")
            assert set(EXECUTOR_CACHE) - before
    assert set(EXECUTOR_CACHE) == before


async def test_the_classes_of_a_closed_store_go_away(database_url: str) -> None:
    """Point 3: nothing global keeps them, or a process with a Store per request would grow for ever."""
    kept: list[weakref.ref[Any]] = []
    for _ in range(3):
        async with Store(id="app", default=database_url) as store:
            models = models_of(store)
            await models.Thread.filter(id="x").first()
            kept += [weakref.ref(models.Thread), weakref.ref(store.memory), weakref.ref(store)]
            del models
        del store
    await asyncio.sleep(0)
    gc.collect()
    assert [reference() for reference in kept if reference() is not None] == []
