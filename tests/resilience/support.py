"""What the adversity tests share: a loop that must stay quiet, cancellation at a chosen await, processes, counters."""

# ruff: noqa: ASYNC110 - polling is what a test can do about threads and other processes

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest_asyncio

from mastra_store import MemoryStorage, Message, Resource, Store, Thread

ROOT = Path(__file__).parents[2]
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
PATIENCE = 20.0
# What other tests left behind is not this one's business.
_older: set[threading.Thread] = set()


@pytest_asyncio.fixture
async def quiet_loop() -> AsyncIterator[None]:
    """Fails the test when it leaves a task behind or the event loop has something to complain about."""
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
    if not gc.get_freeze_count():
        gc.freeze()  # what was imported need not be looked through after every test
    before = asyncio.all_tasks()
    _older.update(sqlite_threads())
    yield
    gc.collect()
    await asyncio.sleep(0)
    left = {task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()}
    assert not left, f"tasks were left behind: {left}"
    assert not reports, f"the loop reported {reports}"


def sqlite_threads() -> list[threading.Thread]:
    """The threads of SQLite connections that this test has started and that are alive."""
    alive = [thread for thread in threading.enumerate() if "_connection_worker_thread" in thread.name]
    return [thread for thread in alive if thread not in _older]


class Cancelling:
    """Awaits ``work`` and cancels the awaiting task at its await number ``number`` (0 is the first that suspends).

    ``moment`` says when: ``at_once`` as the task suspends, ``on_arrival`` in the very step in which the awaited result
    arrives, so that it is lost, ``repeatedly`` at once and again at every later await, clean-up included.
    """

    def __init__(self, work: Awaitable[Any], number: int, moment: str) -> None:
        self._work = work
        self._number = number
        self._moment = moment
        self.awaits = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self._work.__await__()
        step: Callable[[], Any] = lambda: next(inner)  # noqa: E731
        while True:
            try:
                awaited = step()
            except StopIteration as end:
                return end.value
            self._strike(awaited)
            self.awaits += 1
            try:
                sent = yield awaited
            except BaseException as error:  # noqa: BLE001
                step = _later(inner.throw, error)
            else:
                step = _later(inner.send, sent)

    @property
    def struck(self) -> bool:
        """Whether the work got as far as the await in question."""
        return self.awaits > self._number

    def _strike(self, awaited: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        late = self._moment == "repeatedly" and self.awaits > self._number
        if self.awaits != self._number and not late:
            return
        if self._moment == "on_arrival" and awaited is not None:
            awaited.add_done_callback(lambda _: task.cancel())
        else:
            task.cancel()


MOMENTS = ("at_once", "on_arrival", "repeatedly")


def _later(function: Callable[[Any], Any], value: Any) -> Callable[[], Any]:
    return lambda: function(value)


async def cancel_at(work: Awaitable[Any], number: int, moment: str) -> bool:
    """Run ``work`` in a task of its own and cancel it there; false when it ended before."""
    cancelling = Cancelling(work, number, moment)

    async def run() -> None:
        await cancelling

    task = asyncio.ensure_future(run())
    done, _ = await asyncio.wait({task}, timeout=PATIENCE)
    assert done, f"the call hangs when cancelled at await {number} ({moment})"
    if not task.cancelled():
        await task
    return cancelling.struck


async def seed(memory: MemoryStorage) -> None:
    """Two threads with four messages, and a resource; all times long ago, so that a bump shows."""
    await memory.dangerously_clear_all()
    for id in ("t1", "t2"):
        await memory.save_thread(thread=Thread(id=id, resource_id="r1", metadata={"a": 1}, created_at=LONG_AGO))
    await memory.save_messages(messages=[message(f"m{n}", "t1" if n < 3 else "t2") for n in range(4)])
    for id in ("t1", "t2"):
        await memory.save_thread(thread=Thread(id=id, resource_id="r1", metadata={"a": 1}, created_at=LONG_AGO))
    await memory.save_resource(resource=Resource(id="r1", metadata={"a": 1}, created_at=LONG_AGO))


def message(id: str, thread_id: str, text: str = "hello", resource_id: str = "r1") -> Message:
    """A message with one text part."""
    content = {"format": 2, "parts": [{"type": "text", "text": text}]}
    return Message(id=id, thread_id=thread_id, resource_id=resource_id, content=content, created_at=LONG_AGO)


async def snapshot(memory: MemoryStorage) -> list[Any]:
    """Everything in the three tables, without what differs between two runs (times of now, new ids)."""
    threads = (await memory.list_threads(per_page=None, order_by="created_at")).threads
    rows: list[Any] = sorted(
        (t.id, t.resource_id, t.title, _plain(t.metadata), t.updated_at == LONG_AGO) for t in threads
    )
    names = ["t1", "t2", "t3"]
    for m in (await memory.list_messages(thread_id=names, per_page=None)).messages:
        known = m.id if len(m.id) < 10 else "new"
        rows.append((known, m.thread_id, m.resource_id, m.role, str(m.content)))
    resource = await memory.get_resource_by_id(resource_id="r1")
    if resource is not None:
        rows.append((resource.working_memory, _plain(resource.metadata), resource.updated_at == LONG_AGO))
    return sorted(map(str, rows))


def _plain(metadata: dict[str, Any] | None) -> str:
    return str(sorted((key, value) for key, value in (metadata or {}).items() if key != "clone"))


async def query(url: str, statement: str, *args: Any) -> list[Any]:
    """Rows of a statement on a PostgreSQL connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        rows: list[Any] = await connection.fetch(statement, *args)
        return rows
    finally:
        await connection.close()


async def sessions(url: str) -> list[str]:
    """The states of all other sessions on the database of the URL, ended ones given a moment to go."""
    statement = "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    return [row[0] for row in await query(url, statement)]


async def sessions_end(url: str) -> None:
    """Wait until nobody else is connected to the database."""
    async with asyncio.timeout(PATIENCE):
        while await sessions(url):
            await asyncio.sleep(0.05)


def python(*arguments: str, stdin: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the root of the repository, to its end."""
    command = [sys.executable, "-W", "error", *arguments]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(command, capture_output=True, text=True, input=stdin, cwd=ROOT, env=env, timeout=60)


def workers(count: int, *arguments: str) -> list[subprocess.Popen[str]]:
    """Start worker processes that have imported everything and wait for ``release``."""
    started = [_worker([str(number), *arguments]) for number in range(count)]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    return started


def _worker(arguments: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "tests.resilience.worker", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def release(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Let them all run at once; returns what each printed. Every one must succeed."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    try:
        outputs = [process.communicate(timeout=30)[0] for process in processes]
    finally:
        for process in processes:
            with process:
                process.kill()
    assert [process.returncode for process in processes] == [0] * len(processes), outputs
    return outputs


def store_at(url: str, **arguments: Any) -> Store:
    """A Store over one URL."""
    return Store(id="app", default=url, **arguments)
