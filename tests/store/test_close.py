"""Closing: everything, once, also when a part fails, and nothing is left (C15 to C19)."""

# ruff: noqa: PT012 - what is to fail is often the end of a block

# ruff: noqa: ASYNC240 - local files, small ones

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from mastra_store import MemoryLibSQL, MemoryPG, Resource, Store, StoreClosedError, StoreError, Thread
from tests.resilience.support import PATIENCE, message, python, sessions_end, sqlite_threads
from tests.store.support import Stub

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]


async def test_c15_everything_is_closed_once() -> None:
    log: list[str] = []
    shared = Store(id="shared", domains={"memory": Stub("memory", log), "agents": Stub("agents", log)})
    store = Store(
        id="app",
        default=shared,
        editor=shared,
        domains={"memory": shared, "scores": Stub("scores", log), "datasets": None, "workflows": False},
    )
    await store.init()
    await store.close()
    await store.close()
    await shared.close()
    assert sorted(line for line in log if line.startswith("close")) == ["close agents", "close memory", "close scores"]


async def test_c15_what_serves_no_domain_is_closed_too() -> None:
    """Passing it hands it over, whether it is consulted or not."""
    log: list[str] = []
    unused = Store(id="unused", domains={"scores": Stub("scores", log)})
    store = Store(id="app", default=unused, domains={"memory": ":memory:", "scores": False})
    await store.close()
    assert log == ["close scores"]
    with pytest.raises(StoreClosedError):
        await unused.get_store("scores")


async def test_c15_a_domain_of_another_store_is_left_to_it() -> None:
    inner = Store(id="inner", default=":memory:")
    async with inner:
        async with Store(id="outer", domains={"memory": inner.memory}) as outer:
            await outer.memory.save_thread(thread=Thread(id="t", resource_id="r"))
        assert await inner.memory.get_thread_by_id(thread_id="t") is not None
        with pytest.raises(StoreClosedError):
            await outer.get_store("memory")


async def test_c15_a_domain_and_its_store_both_passed() -> None:
    inner = Store(id="inner", default=":memory:")
    async with Store(id="outer", default=inner, domains={"memory": inner.memory}) as outer:
        assert outer.memory is inner.memory
    with pytest.raises(StoreClosedError):
        await inner.get_store("memory")


async def test_c16_failures_are_raised_together_at_the_end() -> None:
    log: list[str] = []
    names = ("memory", "workflows", "scores", "agents")
    bad = {name: Stub(name, log, fail=["close"] if name in ("memory", "scores") else []) for name in names}
    store = Store(id="app", domains=bad)  # type: ignore[arg-type]
    with pytest.raises(StoreError) as caught:
        await store.close()
    assert caught.value.code == "CLOSE_FAILED"
    cause = caught.value.__cause__
    assert isinstance(cause, ExceptionGroup)
    assert sorted(str(error) for error in cause.exceptions) == ["close of memory failed", "close of scores failed"]
    assert sorted(log) == sorted(f"close {name}" for name in names)
    await store.close()
    assert len(log) == 4


async def test_c16_failures_of_a_nested_store() -> None:
    log: list[str] = []
    inner = Store(id="inner", domains={"memory": Stub("memory", log, fail=["close"]), "scores": Stub("scores", log)})
    store = Store(id="app", default=inner, domains={"datasets": Stub("datasets", log)})
    with pytest.raises(StoreError, match="memory") as caught:
        await store.close()
    assert caught.value.code == "CLOSE_FAILED"
    assert len(log) == 3


async def test_c16_never_initialised_or_failed(tmp_path: Path) -> None:
    await Store(id="app", default=f"sqlite:///{tmp_path}/app.db").close()
    await Store(id="app", default="postgres://nobody@203.0.113.1/none").close()
    failed = Store(id="app", default=f"sqlite:///{tmp_path}/missing/app.db")
    with pytest.raises(StoreError):
        await failed.init()
    await failed.close()
    assert list(tmp_path.iterdir()) == []
    assert not sqlite_threads()


CALLS: list[Callable[[Any], Awaitable[Any]]] = [
    lambda m: m.get_thread_by_id(thread_id="t"),
    lambda m: m.save_thread(thread=Thread(id="t", resource_id="r")),
    lambda m: m.update_thread(id="t", title="x"),
    lambda m: m.patch_thread(id="t", title="x"),
    lambda m: m.update_thread_metadata(id="t", update=lambda _: None),
    lambda m: m.update_thread_resource_id(thread_id="t", resource_id="x"),
    lambda m: m.delete_thread(thread_id="t"),
    lambda m: m.list_threads(),
    lambda m: m.copy_thread(source_thread_id="t"),
    lambda m: m.clone_thread(source_thread_id="t"),
    lambda m: m.save_messages(messages=[message("m", "t")]),
    lambda m: m.list_messages(thread_id="t"),
    lambda m: m.list_messages_by_resource_id(resource_id="r"),
    lambda m: m.list_messages_by_id(message_ids=["m"]),
    lambda m: m.update_messages(messages=[{"id": "m", "role": "user"}]),
    lambda m: m.delete_messages(message_ids=["m"]),
    lambda m: m.get_resource_by_id(resource_id="r"),
    lambda m: m.save_resource(resource=Resource(id="r")),
    lambda m: m.update_resource(resource_id="r", metadata={}),
    lambda m: m.dangerously_clear_all(),
    lambda m: m.init(),
    lambda m: m.models.Thread.all().count(),
    lambda m: m.models.Thread.create(id="x", resource_id="r"),
    lambda m: m.transaction().__aenter__(),
]


@pytest.mark.parametrize("used", [True, False], ids=["used", "unused"])
async def test_c17_everything_says_closed(database_url: str, used: bool) -> None:
    store = Store(id="app", default=database_url)
    memory = store.memory
    if used:
        await memory.list_threads()
    await store.close()
    for call in CALLS:
        with pytest.raises(StoreClosedError):
            await call(memory)
    for ask in (store.init, store.__aenter__, lambda: store.get_store("memory")):
        with pytest.raises(StoreClosedError):
            await ask()
    assert await store.close() is None  # type: ignore[func-returns-value]
    assert store.memory is memory
    assert not sqlite_threads()


async def test_c17_also_what_calls_with_nothing_to_do() -> None:
    store = Store(id="app", default=":memory:")
    memory = store.memory
    await store.close()
    for call in (
        lambda: memory.save_messages(messages=[]),
        lambda: memory.update_messages(messages=[]),
        lambda: memory.delete_messages(message_ids=[]),
        lambda: memory.list_messages_by_id(message_ids=[]),
        lambda: memory.list_messages(thread_id="t", per_page=0),
    ):
        with pytest.raises(StoreClosedError):
            await call()


@pytest.mark.parametrize("delay", [0, 1, 2, 5, 20, 100])
async def test_c17_calls_in_flight_end(database_url: str, delay: int) -> None:
    """However far they have come: they finish or say why not, and the data is whole."""
    options = "?pool_size=2" if database_url.startswith("postgres") else ""
    store = Store(id="app", default=database_url + options)
    await store.memory.save_thread(thread=Thread(id="t", resource_id="r"))
    calls = [
        asyncio.ensure_future(store.memory.save_messages(messages=[message(f"a{n}", "t"), message(f"b{n}", "t")]))
        for n in range(20)
    ]
    calls += [asyncio.ensure_future(store.memory.update_thread(id="t", metadata={str(n): n})) for n in range(20)]  # type: ignore[misc]
    for _ in range(delay):
        await asyncio.sleep(0)
    await asyncio.wait_for(store.close(), PATIENCE)
    results = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), PATIENCE)
    assert [r for r in results if isinstance(r, BaseException) and not isinstance(r, StoreError)] == []
    async with Store(id="again", default=database_url) as again:
        found = {one.id for one in (await again.memory.list_messages(thread_id="t", per_page=None)).messages}
        for n, result in enumerate(results[:20]):
            assert (f"a{n}" in found) == (f"b{n}" in found)
            assert isinstance(result, StoreError) or f"a{n}" in found


@pytest.mark.parametrize("delay", [0, 1, 2, 3, 5, 8, 13, 30, 100, 300])
async def test_c17_c18_closed_while_it_initialises(database_url: str, delay: int) -> None:
    """Whatever init() had got to: it ends, and what it opened is closed."""
    store = Store(id="app", default=database_url)
    starting = [asyncio.ensure_future(store.init()), asyncio.ensure_future(store.memory.list_threads())]
    for _ in range(delay):
        await asyncio.sleep(0)
    await asyncio.wait_for(store.close(), PATIENCE)
    results = await asyncio.wait_for(asyncio.gather(*starting, return_exceptions=True), PATIENCE)
    assert [r for r in results if isinstance(r, BaseException) and not isinstance(r, StoreError)] == []
    assert not sqlite_threads()
    if database_url.startswith("postgres"):
        await sessions_end(database_url)


async def test_c17_a_transaction_held_open_is_ended(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """close() waits for it, then cuts it; who holds it gets a StoreError and nothing of it is stored."""
    from mastra_store.backends.postgres import database as postgres
    from mastra_store.backends.sqlite import database as sqlite

    monkeypatch.setattr(postgres, "_PATIENCE", 0.2)
    monkeypatch.setattr(sqlite, "_PATIENCE", 0.2)
    store = Store(id="app", default=database_url)
    memory: Any = await store.get_store("memory")
    entered = asyncio.Event()

    async def hold() -> None:
        async with memory.transaction() as tx:
            await memory.models.Thread.create(id="t", resource_id="r", using_db=tx)
            entered.set()
            await asyncio.sleep(1)
            await memory.models.Thread.create(id="u", resource_id="r", using_db=tx)

    holder = asyncio.ensure_future(hold())
    await entered.wait()
    waiting = asyncio.ensure_future(memory.update_thread(id="t", title="x"))
    await asyncio.wait_for(store.close(), 5)
    results = await asyncio.wait_for(asyncio.gather(holder, waiting, return_exceptions=True), 5)
    assert isinstance(results[0], StoreError), results[0]
    assert isinstance(results[1], StoreError), results[1]
    async with Store(id="again", default=database_url) as again:
        assert (await again.memory.list_threads()).total == 0


async def test_c18_nothing_is_left(database_url: str, tmp_path: Path) -> None:
    """No task (the fixture looks), no thread, no socket, no open file; the log is checkpointed, the file deletable."""
    descriptors = len(os.listdir("/proc/self/fd"))
    threads = threading.active_count()
    async with Store(id="app", default=database_url) as store:
        await store.memory.save_thread(thread=Thread(id="t", resource_id="r"))
        await asyncio.gather(*(store.memory.get_thread_by_id(thread_id="t") for _ in range(20)))
        await asyncio.gather(*(store.memory.update_thread(id="t", title="x") for _ in range(20)))
    gc.collect()
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == descriptors
    if database_url.startswith("postgres"):
        await sessions_end(database_url)
    else:
        assert [path.name for path in tmp_path.iterdir()] == ["mastra.db"]
        (tmp_path / "mastra.db").unlink()


async def test_c18_after_failed_calls_too(database_url: str, tmp_path: Path) -> None:
    async with Store(id="app", default=database_url) as store:
        for _ in range(5):
            with pytest.raises(StoreError):
                await store.memory.update_thread(id="missing", title="x")
            with pytest.raises(ZeroDivisionError):
                await store.memory.save_thread(thread=Thread(id="t", resource_id="r"))
                await store.memory.update_thread_metadata(id="t", update=lambda _: {"x": 1 // 0})
    assert not sqlite_threads()
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(("-wal", "-shm"))]


async def test_c18_domains_built_alone(database_url: str) -> None:
    build = MemoryPG if database_url.startswith("postgres") else MemoryLibSQL
    memory = build(url=database_url)
    async with memory:
        await memory.save_thread(thread=Thread(id="t", resource_id="r"))
    await memory.close()
    with pytest.raises(StoreClosedError):
        await memory.get_thread_by_id(thread_id="t")
    assert not sqlite_threads()


async def test_c18_a_store_nobody_closed_keeps_no_process_alive(database_url: str) -> None:
    code = f"""
import asyncio, warnings
warnings.simplefilter("ignore", ResourceWarning)
from mastra_store import Store, Thread
async def main():
    store = Store(id="app", default={database_url!r})
    await store.memory.save_thread(thread=Thread(id="t", resource_id="r"))
asyncio.run(main())
"""
    done = python("-W", "ignore::ResourceWarning", "-c", code)
    assert done.returncode == 0, done.stderr
    async with Store(id="app", default=database_url) as store:
        assert await store.memory.get_thread_by_id(thread_id="t") is not None


async def test_c19_the_bodys_exception_is_never_masked() -> None:
    bad = Stub("memory", fail=["close"])
    with pytest.raises(ZeroDivisionError):
        async with Store(id="app", domains={"memory": bad}):
            raise ZeroDivisionError
    assert bad.log == ["init memory", "close memory"]


async def test_c19_closing_failures_show_when_the_body_is_fine() -> None:
    with pytest.raises(StoreError) as caught:
        async with Store(id="app", domains={"memory": Stub("memory", fail=["close"])}):
            pass
    assert caught.value.code == "CLOSE_FAILED"


async def test_c19_cancelling_the_body_closes() -> None:
    stub = Stub("memory")

    async def work() -> None:
        async with Store(id="app", domains={"memory": stub}):
            await asyncio.sleep(60)

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stub.log == ["init memory", "close memory"]


async def test_c19_a_failed_start_is_not_masked_by_a_failed_close() -> None:
    bad = Stub("memory", fail=["init", "close"])
    with pytest.raises(StoreError, match="init of memory failed"):
        async with Store(id="app", domains={"memory": bad}):
            pass
    assert bad.log == ["init memory", "close memory"]
