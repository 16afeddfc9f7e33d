"""The bound Tortoise classes for ad-hoc work: from any task, without a context, twins in step (issue, point 3)."""

# ruff: noqa: ASYNC110 - polling is what a test can do about threads and other processes

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from tortoise.exceptions import DoesNotExist, IntegrityError
from tortoise.expressions import F, Q
from tortoise.functions import Count

from mastra_store import Store, Thread
from tests.models.support import models_of
from tests.resilience.support import query

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]

MOMENT = datetime(2024, 2, 29, 12, 30, 15, 123000, tzinfo=UTC)
LATER = MOMENT + timedelta(days=1)


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with Store(id="app", default=database_url) as opened:
        yield opened


@pytest.fixture
def models(store: Store) -> Any:
    return models_of(store)


async def assert_twins(url: str, *tables: str) -> None:
    """On PostgreSQL every instant stands twice, equally."""
    if not url.startswith("postgres"):
        return
    for table in tables or ("mastra_threads", "mastra_messages", "mastra_resources"):
        names = ["createdAt"] if table == "mastra_messages" else ["createdAt", "updatedAt"]
        for name in names:
            unequal = f'"{name}Z" IS NULL OR "{name}Z" AT TIME ZONE \'UTC\' <> "{name}"'
            rows = await query(url, f"SELECT id FROM {table} WHERE {unequal}")
            assert rows == [], f"{table}.{name} and its twin differ"


async def test_create_and_read_both_ways(store: Store, models: Any, database_url: str) -> None:
    """What a model writes the store reads, and the other way round, with equal values."""
    await models.Thread.create(
        id="a", resource_id="r", metadata={"k": [1, None, "é"]}, created_at=MOMENT, updated_at=LATER
    )
    found = await store.memory.get_thread_by_id(thread_id="a")
    assert found == Thread(id="a", resource_id="r", metadata={"k": [1, None, "é"]}, created_at=MOMENT, updated_at=LATER)
    await store.memory.save_thread(thread=Thread(id="b", resource_id="r", metadata={}, created_at=MOMENT))
    row = await models.Thread.get(id="b")
    assert (row.resource_id, row.title, row.metadata, row.created_at, row.updated_at) == ("r", "", {}, MOMENT, MOMENT)
    assert (await models.Thread.get_or_none(id="c")) is None
    with pytest.raises(DoesNotExist):
        await models.Thread.get(id="c")
    await assert_twins(database_url)


async def test_defaults(models: Any, database_url: str) -> None:
    thread = await models.Thread.create(id="a", resource_id="r")
    stored = await models.Thread.get(id="a")
    assert stored.created_at == thread.created_at
    assert stored.created_at.tzinfo is not None
    assert stored.created_at.microsecond % 1000 == 0
    message = await models.Message.create(id="m", thread_id="a", content="{}")
    assert (message.role, message.type, message.resource_id) == ("user", "v2", None)
    await assert_twins(database_url)


async def test_queries(models: Any) -> None:
    """filter, exclude, Q, count, exists, order_by, limit, first, values, annotate, in_bulk, only, explain."""
    await models.Message.bulk_create(
        [
            models.Message(id=f"m{n}", thread_id=f"t{n % 2}", content="{}", role="user" if n % 3 else "system",
                           created_at=MOMENT + timedelta(seconds=n))
            for n in range(10)
        ]
    )  # fmt: skip
    rows = models.Message
    assert await rows.filter(role="user").count() == 6
    assert await rows.exclude(role="user").count() == 4
    assert await rows.filter(Q(role="user") | Q(id="m0")).count() == 7
    assert await rows.filter(created_at__gte=MOMENT + timedelta(seconds=7)).count() == 3
    assert await rows.filter(created_at__range=(MOMENT, MOMENT + timedelta(seconds=1))).count() == 2
    assert await rows.filter(id__in=["m1", "m2", "x"]).order_by("-id").values_list("id", flat=True) == ["m2", "m1"]
    assert await rows.filter(id="x").exists() is False
    first = await rows.all().order_by("-created_at").first()
    assert first.id == "m9"
    assert first.created_at == MOMENT + timedelta(seconds=9)
    assert [row.id for row in await rows.all().order_by("created_at").limit(2).offset(1)] == ["m1", "m2"]
    values = await rows.filter(id="m1").values("thread_id", "created_at")
    assert values == [{"thread_id": "t1", "created_at": MOMENT + timedelta(seconds=1)}]
    groups = (
        await rows.annotate(n=Count("id")).group_by("thread_id").order_by("thread_id").values_list("thread_id", "n")
    )
    assert groups == [("t0", 5), ("t1", 5)]
    assert sorted(await rows.in_bulk(["m1", "m2"], "id")) == ["m1", "m2"]
    assert (await rows.all().only("id", "role").order_by("id").first()).role == "system"
    assert await rows.filter(id="m1").explain()
    assert await rows.filter(id__contains="m").count() == 10


async def test_save_refresh_delete(models: Any, database_url: str) -> None:
    thread = await models.Thread.create(id="a", resource_id="r", created_at=MOMENT, updated_at=MOMENT)
    thread.title, thread.updated_at = "x", LATER
    await thread.save(update_fields=["title"])
    await assert_twins(database_url)
    await thread.refresh_from_db()
    assert (thread.title, thread.updated_at) == ("x", MOMENT)
    thread.updated_at = LATER
    await thread.save(update_fields=["updated_at"])
    await assert_twins(database_url)
    thread.created_at = LATER
    await thread.save()
    await assert_twins(database_url)
    await thread.refresh_from_db(fields=["created_at"])
    assert thread.created_at == LATER
    await models.Thread.create(id="b", resource_id="r")
    await thread.delete()
    assert await models.Thread.all().values_list("id", flat=True) == ["b"]


async def test_updates_of_query_sets(models: Any, database_url: str) -> None:
    for id in ("a", "b"):
        await models.Thread.create(id=id, resource_id="r", created_at=MOMENT, updated_at=MOMENT)
    assert await models.Thread.filter(id="a").update(updated_at=LATER, title="x") == 1
    await assert_twins(database_url)
    assert await models.Thread.filter(resource_id="r").update(updated_at=F("created_at")) == 2
    await assert_twins(database_url)
    assert (await models.Thread.get(id="a")).updated_at == MOMENT
    assert await models.Thread.filter(id="b").update(metadata={"a": {"b": 1}}) == 1
    assert (await models.Thread.get(id="b")).metadata == {"a": {"b": 1}}
    assert await models.Thread.filter(id="b").update(metadata=None) == 1
    assert (await models.Thread.get(id="b")).metadata is None
    assert await models.Thread.filter(resource_id="r").delete() == 2


async def test_bulk_operations(models: Any, database_url: str) -> None:
    make = models.Thread
    rows = [make(id=f"t{n}", resource_id="r", created_at=MOMENT, updated_at=MOMENT) for n in range(250)]
    await make.bulk_create(rows, batch_size=100)
    await assert_twins(database_url)
    for row in rows:
        row.title = row.id
    assert await make.bulk_update(rows, fields=["title"], batch_size=100) in (250, None)
    assert (await make.get(id="t7")).title == "t7"
    again = [make(id=f"t{n}", resource_id="s", created_at=MOMENT, updated_at=MOMENT) for n in range(240, 260)]
    await make.bulk_create(again, ignore_conflicts=True)
    assert await make.filter(resource_id="s").count() == 10
    await make.bulk_create(again, on_conflict=["id"], update_fields=["title"])
    assert await make.filter(title="").count() == 20
    await assert_twins(database_url)


async def test_bulk_update_of_columns_with_another_stored_name(models: Any, database_url: str) -> None:
    make = models.Thread
    rows = [make(id=f"t{n}", resource_id="r", created_at=MOMENT, updated_at=MOMENT) for n in range(3)]
    await make.bulk_create(rows)
    for row in rows:
        row.updated_at, row.metadata = LATER, {"id": row.id}
    await make.bulk_update(rows, fields=["updated_at", "metadata"])
    assert await make.filter(updated_at=LATER).count() == 3
    assert (await make.get(id="t2")).metadata == {"id": "t2"}
    await assert_twins(database_url)


async def test_bulk_upsert_of_columns_with_another_stored_name(models: Any, database_url: str) -> None:
    make = models.Thread
    await make.create(id="a", resource_id="r", created_at=MOMENT, updated_at=LATER)
    again = [make(id=id, resource_id="s", created_at=MOMENT, updated_at=MOMENT) for id in ("a", "b")]
    await make.bulk_create(again, on_conflict=["id"], update_fields=["resource_id", "updated_at"])
    assert await make.filter(resource_id="s", updated_at=MOMENT).count() == 2
    await assert_twins(database_url)


async def test_get_or_create_and_update_or_create(models: Any, database_url: str) -> None:
    first, created = await models.Resource.get_or_create(id="r", defaults={"working_memory": "w", "created_at": MOMENT})
    assert (first.working_memory, created) == ("w", True)
    second, created = await models.Resource.get_or_create(id="r", defaults={"working_memory": "x"})
    assert (second.working_memory, created) == ("w", False)
    third, created = await models.Resource.update_or_create(
        id="r", defaults={"working_memory": "y", "updated_at": LATER}
    )
    assert (third.working_memory, created) == ("y", False)
    _, created = await models.Resource.update_or_create(id="s", defaults={"metadata": {"a": 1}})
    assert created
    assert (await models.Resource.get(id="r")).updated_at == LATER
    assert (await models.Resource.get(id="s")).metadata == {"a": 1}
    await assert_twins(database_url)


async def test_concurrent_get_or_create(models: Any) -> None:
    """One creates, the others get; nobody sees an error."""
    results = await asyncio.gather(
        *(models.Resource.get_or_create(id="r", defaults={"working_memory": str(n)}) for n in range(20))
    )
    assert sum(created for _, created in results) == 1
    assert len({row.working_memory for row, _ in results}) == 1


async def test_errors_of_integrity_are_tortoises(models: Any) -> None:
    await models.Thread.create(id="a", resource_id="r")
    with pytest.raises(IntegrityError):
        await models.Thread.create(id="a", resource_id="s")
    with pytest.raises(IntegrityError):
        await models.Thread.bulk_create([models.Thread(id=id, resource_id="s") for id in ("b", "a")])
    assert await models.Thread.all().count() == 1


async def test_naive_datetimes_are_refused(models: Any) -> None:
    with pytest.raises(ValueError, match="aware"):
        await models.Thread.create(id="a", resource_id="r", created_at=datetime(2024, 1, 1))
    with pytest.raises(ValueError, match="aware"):
        await models.Thread.filter(created_at=datetime(2024, 1, 1)).count()
    assert await models.Thread.all().count() == 0


async def test_from_tasks_created_before_the_store(database_url: str) -> None:
    """No context variable of the task in which the Store was made is needed."""
    go = asyncio.Event()
    made: list[Any] = []

    async def work(number: int) -> int:
        await go.wait()
        await made[0].Thread.create(id=f"t{number}", resource_id="r")
        count: int = await made[0].Thread.filter(id=f"t{number}").count()
        return count

    early = [asyncio.ensure_future(work(number)) for number in range(10)]
    await asyncio.sleep(0)
    async with Store(id="app", default=database_url) as store:
        made.append(models_of(store))
        go.set()
        assert await asyncio.gather(*early) == [1] * 10


async def test_from_threads_and_callbacks(models: Any) -> None:
    """From another thread by way of the loop, from a callback, and from a task with an empty context."""
    import contextvars

    loop = asyncio.get_running_loop()
    results: list[int] = []

    async def count() -> int:
        number: int = await models.Thread.all().count()
        return number

    def elsewhere() -> None:
        results.append(asyncio.run_coroutine_threadsafe(count(), loop).result(10))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    while thread.is_alive():
        await asyncio.sleep(0.001)
    called: asyncio.Future[int] = loop.create_future()
    loop.call_soon(
        lambda: asyncio.ensure_future(count()).add_done_callback(lambda task: called.set_result(task.result()))
    )
    results.append(await called)
    results.append(await loop.create_task(count(), context=contextvars.Context()))
    assert results == [0, 0, 0]


async def test_the_classes_of_two_calls_are_the_same(store: Store) -> None:
    assert models_of(store).Thread is models_of(store).Thread
