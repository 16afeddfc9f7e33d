"""Several processes on one database, and one that is killed (G16, M5, M6, M51, C13, issue points 3 and 4)."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from mastra_store import Resource, Store, Thread
from tests.resilience.support import message, release, workers
from tests.resilience.worker import CALLS

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]

PROCESSES = 3
KEYS = {f"{process}-{call}" for process in range(PROCESSES) for call in range(CALLS)}


async def test_merges_from_three_processes_lose_nothing(database_url: str) -> None:
    """G16, M5, M6, M51: 20 concurrent merges each leave 20 keys each, and the counter is exact."""
    async with Store(id="app", default=database_url) as store:
        await store.memory.save_thread(thread=Thread(id="keys", resource_id="r", title="kept"))
        await store.memory.save_thread(thread=Thread(id="counter", resource_id="r"))
        release(workers(PROCESSES, "merge", database_url))
        keys = await store.memory.get_thread_by_id(thread_id="keys")
        counter = await store.memory.get_thread_by_id(thread_id="counter")
        resource = await store.memory.get_resource_by_id(resource_id="keys")
    assert keys is not None
    assert counter is not None
    assert resource is not None
    assert set(keys.metadata or {}) == KEYS
    assert keys.title == "kept"
    assert set(resource.metadata or {}) == KEYS
    assert counter.metadata == {"count": PROCESSES * CALLS}


async def test_updates_of_title_and_metadata_do_not_meet(database_url: str) -> None:
    """M5: thousands of interleavings of the two leave both."""
    async with Store(id="one", default=database_url) as one, Store(id="other", default=database_url) as other:
        await one.memory.save_thread(thread=Thread(id="t", resource_id="r"))
        for number in range(30):
            await asyncio.gather(
                one.memory.update_thread(id="t", title=f"title {number}"),
                other.memory.update_thread(id="t", metadata={str(number): number}),
            )
            found = await one.memory.get_thread_by_id(thread_id="t")
            assert found is not None
            assert found.title == f"title {number}"
            assert set(found.metadata or {}) == {str(n) for n in range(number + 1)}


async def test_calls_that_lock_the_same_rows_in_any_order(database_url: str) -> None:
    """Nobody sees "database is locked" or a deadlock, and nobody hangs."""
    async with Store(id="app", default=database_url) as store:
        for id in ("t0", "t1"):
            await store.memory.save_thread(thread=Thread(id=id, resource_id="r"))
        await store.memory.save_messages(messages=[message(f"m{n}", f"t{n % 2}") for n in range(7)])
        release(workers(PROCESSES, "collide", database_url))
        assert (await store.memory.list_threads()).total == 2


async def test_saves_and_updates_of_the_same_messages(database_url: str) -> None:
    """Issue, point 4: twenty at once in one process; no error, and no waiting for deadlocks (1 s each)."""
    ids = ["m1", "m2", "m3"]
    async with Store(id="app", default=database_url) as store:
        memory = store.memory
        await memory.save_thread(thread=Thread(id="t", resource_id="r"))
        await memory.save_messages(messages=[message(id, "t") for id in ids])

        async def one(number: int) -> None:
            match number % 4:
                case 0:
                    await memory.save_messages(messages=[message(id, "t", str(number)) for id in reversed(ids)])
                case 1:
                    await memory.update_messages(messages=[{"id": id, "content": {str(number): 1}} for id in ids])
                case 2:
                    await memory.update_thread_resource_id(thread_id="t", resource_id=str(number))
                case _:
                    await memory.delete_messages(message_ids=[ids[number % 3]])

        async with asyncio.timeout(10):
            await asyncio.gather(*(one(number) for number in range(20)))


async def test_stores_of_one_process_do_not_lock_each_other_out(database_url: str) -> None:
    """Five Stores on one database, interactive transactions among single calls."""
    stores = [Store(id=str(n), default=database_url) for n in range(5)]
    await stores[0].memory.save_resource(resource=Resource(id="r"))

    async def work(number: int) -> None:
        memory = stores[number % 5].memory
        if number % 7 == 0:
            async with memory.transaction() as tx:  # type: ignore[attr-defined]
                await memory.models.Resource.filter(id="r").using_db(tx).update(working_memory="w")  # type: ignore[attr-defined]
        await memory.update_resource(resource_id="r", metadata={str(number): number})

    await asyncio.gather(*(work(number) for number in range(100)))
    found = await stores[0].memory.get_resource_by_id(resource_id="r")
    assert found is not None
    assert len(found.metadata or {}) == 100
    await asyncio.gather(*(store.close() for store in stores))


def read_lines(processes: list[subprocess.Popen[str]]) -> str:
    """Let them run for a while, kill them, and return everything that they printed (a last half line is cut off)."""
    printed = []
    for process in processes:
        assert process.stdout is not None
        printed += [process.stdout.readline() for _ in range(100)]
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
    # The rest begins in the middle of a line, as readline() has buffered more than it returned, and ends in one.
    rests = (process.communicate()[0].partition("\n")[2].rpartition("\n")[0] for process in processes)
    return "".join(printed) + "\n".join(rests)


async def test_what_a_killed_process_acknowledged_is_there(database_url: str, tmp_path: Path) -> None:
    """SIGKILL in mid-run: every acknowledged id is stored, no half batch is, and the database is usable at once."""
    async with Store(id="app", default=database_url) as store:
        await store.memory.save_thread(thread=Thread(id="t", resource_id="r"))
    processes = workers(2, "crash", database_url)
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    acknowledged = set((await asyncio.to_thread(read_lines, processes)).split())
    async with Store(id="app", default=database_url) as store:
        stored = {one.id for one in (await store.memory.list_messages(thread_id="t", per_page=None)).messages}
        assert acknowledged <= stored
        assert {id.rstrip("b") for id in stored if not id.endswith("b")} == {
            id[:-1] for id in stored if id.endswith("b")
        }
        await store.memory.save_messages(messages=[message("after", "t")])
    if database_url.startswith("sqlite"):
        connection = sqlite3.connect(tmp_path / "mastra.db")
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
