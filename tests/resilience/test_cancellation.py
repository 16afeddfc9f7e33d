"""Cancelling any call at any await: no lock, connection or transaction is left, data is whole (issue, point 3)."""

# ruff: noqa: ASYNC110 - polling is what a test can do about a server

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mastra_store import MemoryStorage, Resource, Store, Thread
from tests.resilience.support import MOMENTS, PATIENCE, cancel_at, message, seed, sessions, snapshot, sqlite_threads

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]

Call = Callable[[MemoryStorage], Awaitable[Any]]

CALLS: dict[str, Call] = {
    "get_thread_by_id": lambda m: m.get_thread_by_id(thread_id="t1"),
    "save_thread": lambda m: m.save_thread(thread=Thread(id="t3", resource_id="r1")),
    "update_thread": lambda m: m.update_thread(id="t1", title="new", metadata={"b": 2}),
    "patch_thread": lambda m: m.patch_thread(id="t1", metadata={"b": 2}),
    "update_thread_metadata": lambda m: m.update_thread_metadata(id="t1", update=lambda thread: {"b": thread.id}),
    "update_thread_resource_id": lambda m: m.update_thread_resource_id(thread_id="t1", resource_id="r2"),
    "delete_thread": lambda m: m.delete_thread(thread_id="t1"),
    "list_threads": lambda m: m.list_threads(resource_id="r1", metadata={"a": 1}, per_page=1),
    "copy_thread": lambda m: m.copy_thread(source_thread_id="t1", new_thread_id="t3"),
    "clone_thread": lambda m: m.clone_thread(source_thread_id="t1", new_thread_id="t3"),
    "save_messages one": lambda m: m.save_messages(messages=[message("m9", "t1")]),
    "save_messages many": lambda m: m.save_messages(messages=[message(f"m1{n}", "t1") for n in range(9)]),
    "save_messages threads": lambda m: m.save_messages(messages=[message("m9", "t1"), message("m8", "t2")]),
    "list_messages": lambda m: m.list_messages(thread_id="t1", include=[{"id": "m3", "with_previous_messages": 1}]),
    "list_messages filtered": lambda m: m.list_messages(thread_id=["t1", "t2"], metadata={"k": 1}),
    "list_messages_by_resource_id": lambda m: m.list_messages_by_resource_id(resource_id="r1", per_page=1, page=9),
    "list_messages_by_id": lambda m: m.list_messages_by_id(message_ids=["m1", "m2"]),
    "update_messages": lambda m: m.update_messages(
        messages=[{"id": "m1", "role": "assistant"}, {"id": "m2", "thread_id": "t2", "content": {"x": 1}}]
    ),
    "delete_messages": lambda m: m.delete_messages(message_ids=["m1", "m3"]),
    "get_resource_by_id": lambda m: m.get_resource_by_id(resource_id="r1"),
    "save_resource": lambda m: m.save_resource(resource=Resource(id="r1", working_memory="w")),
    "update_resource": lambda m: m.update_resource(resource_id="r1", working_memory="w", metadata={"b": 2}),
    "dangerously_clear_all": lambda m: m.dangerously_clear_all(),
}


async def transaction(memory: Any) -> None:
    """Two rows in one interactive transaction."""
    async with memory.transaction() as tx:
        await memory.models.Thread.create(id="t3", resource_id="r1", using_db=tx)
        await memory.models.Message.filter(thread_id="t1").using_db(tx).update(role="system")


async def bulk_create(memory: Any) -> None:
    """Several rows by one call of a bound model."""
    await memory.models.Thread.bulk_create([memory.models.Thread(id=id, resource_id="r1") for id in ("t3", "t4")])


CALLS |= {"transaction": transaction, "models bulk_create": bulk_create}


@pytest.fixture(scope="module")
def one_database(postgres: Any) -> str:
    """A database for all tests of this module: each begins by clearing it."""
    url: str = postgres.create_database()
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """As everywhere, but without a new database on the server each time."""
    url: str = request.getfixturevalue("one_database") if request.param == "postgres" else f"sqlite:///{tmp_path}/a.db"
    return url


@pytest_asyncio.fixture
async def memory(database_url: str) -> AsyncIterator[MemoryStorage]:
    options = "?pool_size=2" if database_url.startswith("postgres") else "?busy_timeout=5"
    async with Store(id="app", default=database_url + options) as store:
        yield store.memory
        await assert_clean(store.memory, database_url)
    assert not sqlite_threads()


async def assert_clean(memory: MemoryStorage, url: str) -> None:
    """Nothing is held: the whole capacity is there, no lock, no open transaction, and the next calls work."""
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(memory.update_thread_metadata(id="t1", update=lambda _: None) for _ in range(4)))
        await both_connections(memory)
    if url.startswith("postgres"):
        async with asyncio.timeout(PATIENCE):  # sessions of the test before may take a moment to end
            while len(states := await sessions(url)) > 2 or set(states) - {"idle"}:
                await asyncio.sleep(0.01)


async def settled_snapshot(memory: MemoryStorage) -> list[Any]:
    """What is stored once the server has noticed the cancellation: a caller cancelled twice does not wait for that."""
    found, again = await snapshot(memory), await snapshot(memory)
    while found != again:
        found, again = again, await snapshot(memory)
    return found


async def both_connections(memory: Any) -> None:
    """Two transactions open at once where the backend has two connections; one after the other on SQLite."""
    if not memory._schema:
        async with memory.transaction() as tx:
            await memory.models.Thread.filter(id="t1").using_db(tx).update(title="x")
        return
    async with memory.transaction() as one, memory.transaction() as two:
        await memory.models.Thread.filter(id="t1").using_db(one).count()
        await memory.models.Thread.filter(id="t1").using_db(two).count()


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("name", CALLS)
async def test_a_call_cancelled_at_any_await(name: str, moment: str, memory: MemoryStorage) -> None:
    """Point 3: BEGIN, COMMIT and every statement between; the data is as before or as after, never between."""
    await seed(memory)
    before = await snapshot(memory)
    await CALLS[name](memory)
    after = await snapshot(memory)
    number = 0
    while True:
        await seed(memory)
        struck = await cancel_at(CALLS[name](memory), number, moment)
        async with asyncio.timeout(PATIENCE):
            found = await settled_snapshot(memory)
        assert found in (before, after), f"half done when cancelled at await {number}"
        if not struck:
            assert found == after
            break
        number += 1
    assert number > 0


async def test_fifty_cancellations_lose_no_connection(memory: MemoryStorage) -> None:
    """Point 3: a pool of two keeps working after fifty cancelled transactions (Tortoise's is dead after its size)."""
    await seed(memory)
    for number in range(50):
        await cancel_at(CALLS["update_messages"](memory), number % 5, MOMENTS[number % 3])
    async with asyncio.timeout(PATIENCE):
        assert len((await memory.list_messages(thread_id=["t1", "t2"])).messages) == 4


async def test_timeouts_of_every_length(memory: MemoryStorage) -> None:
    """Point 3: the same through asyncio.timeout, from none to long enough, under concurrency."""
    await seed(memory)

    async def limited(number: int) -> int:
        try:
            async with asyncio.timeout(number * 0.0004):
                await memory.save_messages(messages=[message(f"a{number}", "t1"), message(f"b{number}", "t2")])
        except TimeoutError:
            return 0
        return 1

    done = [await asyncio.gather(*(limited(number * 8 + n) for n in range(8))) for number in range(8)]
    async with asyncio.timeout(PATIENCE):
        page = await memory.list_messages(thread_id=["t1", "t2"], per_page=None)
    saved = {one.id for one in page.messages}
    for row, finished in enumerate(done):
        for column, acknowledged in enumerate(finished):
            number = row * 8 + column
            assert (f"a{number}" in saved) == (f"b{number}" in saved)
            assert not acknowledged or f"a{number}" in saved


async def test_waiting_for_a_busy_database_can_be_cancelled(memory: Any) -> None:
    """Point 3: cancelled in the queue for a connection (or for SQLite's writer), nothing is taken along."""
    await seed(memory)
    async with memory.transaction() as tx, tx_of_others(memory):
        await memory.models.Thread.filter(id="t2").using_db(tx).update(title="held")
        waiting = [asyncio.ensure_future(memory.update_thread(id="t1", title=str(n))) for n in range(6)]
        await asyncio.sleep(0.02)
        for task in waiting[::2]:
            task.cancel()
        await asyncio.sleep(0.02)
    results = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), PATIENCE)
    assert [isinstance(result, Thread) for result in results] == [False, True] * 3


def tx_of_others(memory: Any) -> Any:
    """A second transaction where the backend has a second connection."""
    return memory.transaction() if memory._schema else asyncio.timeout(None)


@pytest.mark.parametrize("moment", MOMENTS)
async def test_the_first_use_cancelled_at_any_await(database_url: str, moment: str) -> None:
    """C11, point 3: opening and creating the tables survives its caller."""
    number, struck = 0, True
    while struck:
        postgres = database_url.startswith("postgres")
        fresh = f"{database_url}?schema_name={moment}{number}" if postgres else f"{database_url}{number}"
        store = Store(id="app", default=fresh)
        try:
            struck = await cancel_at(store.get_store("memory"), number, moment)
            async with asyncio.timeout(PATIENCE):
                found = await store.get_store("memory")
                assert found is not None
                assert await found.get_thread_by_id(thread_id="t") is None
        finally:
            await asyncio.wait_for(store.close(), PATIENCE)
        number += 1
    assert not sqlite_threads()


@pytest.mark.parametrize("moment", MOMENTS)
async def test_connecting_cancelled_at_any_await(database_url: str, moment: str) -> None:
    """Point 3: a connection being opened for a caller who goes away is neither lost nor reported."""
    async with Store(id="app", default=database_url):
        pass
    number, struck = 0, True
    while struck:
        store = Store(id="app", default=database_url, disable_init=True)
        try:
            struck = await cancel_at(store.memory.get_thread_by_id(thread_id="t"), number, moment)
            async with asyncio.timeout(PATIENCE):
                assert await store.memory.get_thread_by_id(thread_id="t") is None
        finally:
            await asyncio.wait_for(store.close(), PATIENCE)
        number += 1
    assert not sqlite_threads()


@pytest.mark.parametrize("moment", MOMENTS)
async def test_closing_cancelled_at_any_await(database_url: str, moment: str) -> None:
    """C17, C18: a cancelled close still closes everything, and a second one waits for it."""
    number, struck = 0, True
    while struck:
        store = Store(id="app", default=database_url)
        await store.memory.get_thread_by_id(thread_id="t")
        struck = await cancel_at(store.close(), number, moment)
        await asyncio.wait_for(store.close(), PATIENCE)
        assert not sqlite_threads()
        number += 1
