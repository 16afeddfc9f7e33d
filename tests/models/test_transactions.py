"""``memory.transaction()``: explicit, all or nothing, invisible to child tasks, safe to misuse (issue, point 3)."""

# ruff: noqa: PT012 - what is to fail is often the end of a block

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from mastra_store import Store, StoreError, Thread, UnsupportedOperationError
from tests.resilience.support import PATIENCE

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]


@pytest_asyncio.fixture
async def memory(database_url: str) -> AsyncIterator[Any]:
    options = "?pool_size=3" if database_url.startswith("postgres") else "?busy_timeout=0.5"
    async with Store(id="app", default=database_url + options) as store:
        async with asyncio.timeout(PATIENCE):
            yield store.memory


async def ids(memory: Any) -> list[str]:
    """The ids of all threads."""
    found: list[str] = await memory.models.Thread.all().order_by("id").values_list("id", flat=True)
    return found


async def test_commit_and_rollback(memory: Any) -> None:
    make = memory.models.Thread
    async with memory.transaction() as tx:
        await make.create(id="a", resource_id="r", using_db=tx)
        await make.bulk_create([make(id=id, resource_id="r") for id in ("b", "c")], using_db=tx)
        assert await make.filter(resource_id="r").using_db(tx).count() == 3
    assert await ids(memory) == ["a", "b", "c"]
    with pytest.raises(ZeroDivisionError):
        async with memory.transaction() as tx:
            await make.filter(id="a").using_db(tx).delete()
            await make.filter(id="b").using_db(tx).update(title="x")
            raise ZeroDivisionError
    assert await ids(memory) == ["a", "b", "c"]
    assert (await make.get(id="b")).title == ""


async def test_instances_in_a_transaction(memory: Any) -> None:
    make = memory.models.Thread
    row = await make.create(id="a", resource_id="r")
    with pytest.raises(ZeroDivisionError):
        async with memory.transaction() as tx:
            row.title = "x"
            await row.save(using_db=tx)
            await row.refresh_from_db(using_db=tx)
            assert row.title == "x"
            await make.get_or_create(id="b", defaults={"resource_id": "r"}, using_db=tx)
            await make.update_or_create(id="a", defaults={"title": "y"}, using_db=tx)
            await row.delete(using_db=tx)
            assert await make.all().using_db(tx).values_list("id", flat=True) == ["b"]
            raise ZeroDivisionError
    assert await ids(memory) == ["a"]
    assert (await make.get(id="a")).title == ""


async def test_others_do_not_see_it_before_it_commits(memory: Any, database_url: str) -> None:
    async with memory.transaction() as tx:
        await memory.models.Thread.create(id="a", resource_id="r", using_db=tx)
        assert await memory.get_thread_by_id(thread_id="a") is None
        assert await memory.models.Thread.filter(id="a").count() == 0
    assert await memory.get_thread_by_id(thread_id="a") is not None


async def test_a_child_task_never_writes_into_its_parents_transaction(memory: Any) -> None:
    """It writes by itself, after or beside its parent, and stays when the parent rolls back."""
    children: list[asyncio.Task[Any]] = []
    with pytest.raises(ZeroDivisionError):
        async with memory.transaction() as tx:
            await memory.models.Thread.create(id="parent", resource_id="r", using_db=tx)
            children.append(asyncio.create_task(memory.models.Thread.create(id="child", resource_id="r")))
            children.append(asyncio.create_task(memory.save_thread(thread=Thread(id="store", resource_id="r"))))
            await asyncio.sleep(0.05)
            raise ZeroDivisionError
    await asyncio.gather(*children)
    assert await ids(memory) == ["child", "store"]


async def test_a_call_without_using_db_does_not_take_part(memory: Any, database_url: str) -> None:
    """On PostgreSQL it runs beside the transaction; on SQLite, with its one writer, it is a clear error at once."""
    sqlite = database_url.startswith("sqlite")
    with pytest.raises(ZeroDivisionError):
        async with memory.transaction() as tx:
            await memory.models.Thread.create(id="a", resource_id="r", using_db=tx)
            if sqlite:
                for call in (
                    memory.models.Thread.create(id="b", resource_id="r"),
                    memory.save_thread(thread=Thread(id="b", resource_id="r")),
                    memory.update_thread(id="a", title="x"),
                ):
                    with pytest.raises(UnsupportedOperationError, match="using_db"):
                        await call
            else:
                await memory.models.Thread.create(id="b", resource_id="r")
            raise ZeroDivisionError
    assert await ids(memory) == ([] if sqlite else ["b"])


async def test_re_entrance(memory: Any, database_url: str) -> None:
    """A second transaction in the same task: separate on PostgreSQL, a clear error and no deadlock on SQLite."""
    async with memory.transaction() as outer:
        await memory.models.Thread.create(id="a", resource_id="r", using_db=outer)
        if database_url.startswith("sqlite"):
            with pytest.raises(UnsupportedOperationError, match="transaction"):
                async with memory.transaction():
                    pass
        else:
            async with memory.transaction() as inner:
                await memory.models.Thread.create(id="b", resource_id="r", using_db=inner)
                assert await memory.models.Thread.filter(id="a").using_db(inner).count() == 0
    assert (await ids(memory))[0] == "a"


async def test_waiting_for_a_child_that_waits_for_us_ends(memory: Any, database_url: str) -> None:
    """SQLite: awaiting a writer from inside of a transaction is reported after the busy timeout, and all is usable."""
    if database_url.startswith("postgres"):
        pytest.skip("PostgreSQL lets both write")
    async with memory.transaction() as tx:
        await memory.models.Thread.create(id="a", resource_id="r", using_db=tx)
        with pytest.raises(StoreError, match="transaction") as caught:
            await asyncio.create_task(memory.save_thread(thread=Thread(id="b", resource_id="r")))
        assert caught.value.retryable
    assert await ids(memory) == ["a"]


async def test_in_memory_too() -> None:
    """One connection serves everything: a call of the holder's own is refused, others wait."""
    async with Store(id="app", default="sqlite://:memory:?busy_timeout=1") as store:
        memory: Any = store.memory
        async with memory.transaction() as tx:
            await memory.models.Thread.create(id="a", resource_id="r", using_db=tx)
            with pytest.raises(UnsupportedOperationError):
                await memory.get_thread_by_id(thread_id="a")
            other = asyncio.create_task(memory.get_thread_by_id(thread_id="a"))
            await asyncio.sleep(0.02)
            assert not other.done()
        assert (await other).id == "a"


async def test_a_failed_statement_that_was_caught_loses_nothing_silently(memory: Any, database_url: str) -> None:
    """A transaction that the server has given up must not look committed: the block raises, or everything is there."""
    make = memory.models.Thread
    await make.create(id="taken", resource_id="r")
    committed = True
    try:
        async with memory.transaction() as tx:
            await make.create(id="a", resource_id="r", using_db=tx)
            with pytest.raises(IntegrityError):
                await make.create(id="taken", resource_id="r", using_db=tx)
    except StoreError:
        committed = False
    assert ("a" in await ids(memory)) == committed


async def test_the_connection_is_fine_after_a_failed_transaction(memory: Any) -> None:
    make = memory.models.Thread
    for _ in range(8):
        with pytest.raises(IntegrityError):
            async with memory.transaction() as tx:
                await make.create(id="a", resource_id="r", using_db=tx)
                await make.create(id="a", resource_id="r", using_db=tx)
    assert await ids(memory) == []


async def test_a_transaction_is_over_with_its_block(memory: Any) -> None:
    """Its client is not usable later: whatever it writes then would be outside of any transaction."""
    async with memory.transaction() as tx:
        await memory.models.Thread.create(id="a", resource_id="r", using_db=tx)
    with pytest.raises(Exception, match=r"transaction|closed|over"):
        await memory.models.Thread.create(id="late", resource_id="r", using_db=tx)
    assert await ids(memory) == ["a"]


async def test_tortoises_own_transactions_are_refused(memory: Any) -> None:
    """They are not safe under cancellation, so the error names what is."""
    make = memory.models.Thread
    with pytest.raises(UnsupportedOperationError, match=r"memory.transaction"):
        make._meta.db._in_transaction()
    with pytest.raises(Exception, match=r"."):
        async with in_transaction():
            pass


async def test_cancelled_inside(memory: Any) -> None:
    """Cancellation in the body rolls back, and the next transaction is free to begin."""
    entered = asyncio.Event()

    async def hold() -> None:
        async with memory.transaction() as tx:
            await memory.models.Thread.create(id="a", resource_id="r", using_db=tx)
            entered.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(hold())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with memory.transaction() as tx:
        assert await memory.models.Thread.all().using_db(tx).count() == 0


async def test_twenty_at_once(memory: Any) -> None:
    """More transactions than connections: they take turns."""

    async def one(number: int) -> None:
        async with memory.transaction() as tx:
            await memory.models.Thread.create(id=f"t{number:02}", resource_id="r", using_db=tx)

    await asyncio.gather(*(one(number) for number in range(20)))
    assert len(await ids(memory)) == 20
