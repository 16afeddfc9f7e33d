"""Event loops: a second one, debug mode, uvloop (issue, point 3; design, asyncpg's tests)."""

# ruff: noqa: ASYNC110 - polling is what a test can do about threads and other processes

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from mastra_store import Store, Thread, UnsupportedOperationError
from tests.resilience.support import MOMENTS, PATIENCE, cancel_at, message, python, seed, snapshot
from tests.resilience.test_cancellation import CALLS

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def run_debug(work: Coroutine[Any, Any, Any]) -> Any:
    """In asyncio's debug mode, where a call from a wrong thread or a forgotten await is an error."""
    return asyncio.run(work, debug=True)


def run_uvloop(work: Coroutine[Any, Any, Any]) -> Any:
    """On uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


async def watched(work: Coroutine[Any, Any, None]) -> list[Any]:
    """Run and return what the loop reported."""
    reports: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    await asyncio.wait_for(work, 60)
    return reports + [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def everything(url: str) -> None:
    """All calls, concurrent ones, and some cancelled ones."""
    async with Store(id="app", default=url) as store:
        memory = store.memory
        for call in CALLS.values():
            await seed(memory)
            await call(memory)
        await seed(memory)
        await asyncio.gather(*(memory.update_thread(id="t1", metadata={str(n): n}) for n in range(20)))
        for number in range(4):
            for moment in MOMENTS:
                await cancel_at(memory.update_messages(messages=[{"id": "m1", "role": "x"}]), number, moment)
        assert len(await snapshot(memory)) == 7


@pytest.mark.parametrize("run", [run_debug, run_uvloop])
def test_other_kinds_of_loops(run: Run, database_url: str) -> None:
    """The same results, no leaked task, nothing reported."""
    assert run(watched(everything(database_url))) == []


async def first(store: Store) -> None:
    """Use a Store in this loop."""
    await store.memory.save_thread(thread=Thread(id="t", resource_id="r"))


def test_a_second_loop_gets_a_clear_error(database_url: str) -> None:
    """Point 3: whatever is called; and the first goes on."""
    store = Store(id="app", default=database_url)
    memory: Any = store.memory

    async def second() -> None:
        calls = [
            memory.get_thread_by_id(thread_id="t"),
            memory.save_thread(thread=Thread(id="u", resource_id="r")),
            memory.update_thread(id="t", title="x"),
            memory.save_messages(messages=[message("m", "t")]),
            memory.models.Thread.all().count(),
            memory.transaction().__aenter__(),
        ]
        for call in calls:
            with pytest.raises(UnsupportedOperationError, match="event loop"):
                await asyncio.wait_for(call, PATIENCE)

    with asyncio.Runner() as runner:
        runner.run(first(store))
        asyncio.run(second())
        runner.run(first(store))
        runner.run(store.close())


def test_closing_after_the_loop_has_gone(database_url: str) -> None:
    """C18 after a mistake: it ends, with a StoreError at most, and leaves no noise behind."""
    code = f"""
import asyncio
from mastra_store import Store, StoreError, Thread
store = Store(id="app", default={database_url!r})
async def first():
    await store.memory.save_thread(thread=Thread(id="t", resource_id="r"))
async def second():
    try:
        await asyncio.wait_for(store.close(), 10)
    except StoreError:
        pass
asyncio.run(first())
asyncio.run(second())
"""
    done = python("-W", "ignore::ResourceWarning", "-c", code)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.asyncio
@pytest.mark.usefixtures("quiet_loop")
async def test_a_loop_in_another_thread_gets_a_clear_error(database_url: str) -> None:
    """Point 3: at the same time, and without harm to the first."""
    async with Store(id="app", default=database_url) as store:
        await first(store)
        caught: list[BaseException] = []

        def elsewhere() -> None:
            try:
                asyncio.run(first(store))
            except BaseException as error:  # noqa: BLE001
                caught.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        while thread.is_alive():
            await asyncio.sleep(0.001)
        assert [type(error) for error in caught] == [UnsupportedOperationError]
        assert await store.memory.get_thread_by_id(thread_id="t") is not None


def test_a_store_per_loop_is_fine(database_url: str) -> None:
    """Point 3: one after the other, as scripts and test suites do."""
    for _ in range(5):

        async def work() -> None:
            async with Store(id="app", default=database_url) as store:
                await first(store)

        asyncio.run(work())


def test_a_loop_that_ends_in_mid_call(database_url: str) -> None:
    """A program interrupted while calls run ends; the next one finds the database usable and whole."""

    async def work() -> None:
        store = Store(id="app", default=database_url)
        await first(store)
        tasks = [asyncio.ensure_future(store.memory.update_thread(id="t", metadata={str(n): n})) for n in range(20)]
        await asyncio.sleep(0.005)
        del tasks
        await store.close()

    asyncio.run(asyncio.wait_for(work(), PATIENCE))
    asyncio.run(everything(database_url))
