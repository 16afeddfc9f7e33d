"""PostgreSQL gone, hanging, refusing, full: typed errors, nothing lost, usable afterwards (issue, point 10)."""

# ruff: noqa: PT012 - what is to fail is often the end of a block

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from mastra_store import MemoryStorage, Store, StoreConnectionError, StoreError, Thread
from mastra_store.testing import FaultProxy, PostgresServer
from tests.resilience.support import PATIENCE, message, query

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop"), pytest.mark.needs("postgres")]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


@pytest.fixture
def url(server: PostgresServer) -> str:
    return server.create_database()


def assert_helpful(error: StoreError, url: str) -> None:
    """It names the database, hides the password, and has the driver's error as its cause."""
    password = urlsplit(url).password
    assert password
    assert password not in str(error) + repr(error) + str(error.details)
    assert error.__cause__ is not None
    assert not isinstance(error.__cause__, StoreError)
    assert urlsplit(url).path.strip("/") in str(error)
    assert error.domain == "memory"
    assert error.code.endswith("_FAILED")


async def works(memory: MemoryStorage, times: int = 50) -> None:
    """As often as there are connections, and more; a call may still notice that its old connection is gone."""
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(memory.get_thread_by_id(thread_id="t") for _ in range(times)))
        await memory.save_thread(thread=Thread(id="t", resource_id="r"))
        await asyncio.gather(*(memory.update_thread(id="t", metadata={str(n): n}) for n in range(times)))
        found = await memory.get_thread_by_id(thread_id="t")
    assert found is not None
    assert len(found.metadata or {}) == times


async def eventually_works(memory: MemoryStorage) -> None:
    """Failures are allowed while connections that are gone are noticed: at most one per connection."""
    for _ in range(4):
        try:
            await asyncio.wait_for(works(memory), PATIENCE)
        except StoreConnectionError:
            continue
        return
    await works(memory)


@pytest.mark.parametrize("how", ["kill", "restart", "immediate"])
async def test_the_server_goes_and_comes_back_in_mid_run(how: str, server: PostgresServer, url: str) -> None:
    """Every acknowledged save is there afterwards; every other call said that the connection was lost."""
    acknowledged: list[str] = []
    failures: list[StoreError] = []
    stop = asyncio.Event()

    async def save(writer: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                (saved,) = await store.memory.save_messages(messages=[message(f"{writer}-{number}", "t")])
                acknowledged.append(saved.id)
            except StoreError as error:
                failures.append(error)
                await asyncio.sleep(0.02)

    def interrupt() -> None:
        server.kill() if how == "kill" else server.stop("immediate" if how == "immediate" else "fast")
        server.start()

    async with Store(id="app", default=f"{url}?pool_size=3") as store:
        await store.memory.save_thread(thread=Thread(id="t", resource_id="r"))
        writers = [asyncio.ensure_future(save(n)) for n in range(4)]
        await asyncio.sleep(0.1)
        await asyncio.to_thread(interrupt)
        await asyncio.sleep(0.3)
        stop.set()
        await asyncio.wait_for(asyncio.gather(*writers), PATIENCE)
        stored = {one.id for one in (await store.memory.list_messages(thread_id="t", per_page=None)).messages}
        await works(store.memory)
    assert set(acknowledged) <= stored
    assert failures
    for error in failures:
        assert isinstance(error, StoreConnectionError)
        assert_helpful(error, url)


async def test_idle_connections_that_died_are_replaced_unnoticed(server: PostgresServer, url: str) -> None:
    """A restart between two calls: reads come back by themselves, also when all connections of the pool died."""
    async with Store(id="app", default=f"{url}?pool_size=3") as store:
        await works(store.memory)
        await asyncio.to_thread(server.restart)
        await asyncio.sleep(0.05)
        await asyncio.gather(*(store.memory.get_thread_by_id(thread_id="t") for _ in range(10)))
        await works(store.memory)


async def test_a_backend_that_is_terminated(url: str) -> None:
    """An administrator ends our sessions; also in the midst of a transaction."""
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"
    async with Store(id="app", default=f"{url}?pool_size=2") as store:
        memory: Any = store.memory
        await works(memory)
        for _ in range(3):
            with pytest.raises(StoreError):
                async with memory.transaction() as tx:
                    await memory.models.Thread.create(id="x", resource_id="r", using_db=tx)
                    await query(url, end)
                    await asyncio.sleep(0.02)
            await eventually_works(memory)
        assert await memory.get_thread_by_id(thread_id="x") is None


@pytest.mark.parametrize("size", [0, 1, 7, 20])
async def test_a_connection_reset_in_mid_reply(size: int, url: str) -> None:
    """After any number of bytes; reads are repeated, writes say that they may or may not have happened."""
    async with FaultProxy(urlsplit(url).hostname or "", urlsplit(url).port or 0) as proxy:
        async with Store(id="app", default=f"{proxy.url(url)}?pool_size=2") as store:
            memory: Any = store.memory
            await works(memory)
            proxy.cut_after_bytes(size)
            assert await memory.get_thread_by_id(thread_id="t") is not None
            for call in (
                lambda: memory.save_thread(thread=Thread(id="u", resource_id="r")),
                lambda: memory.update_thread(id="t", metadata={"a": 1}),
                lambda: memory.save_messages(messages=[message("m", "t"), message("n", "t")]),
            ):
                await works(memory)
                proxy.cut_after_bytes(size)
                with pytest.raises(StoreConnectionError, match="may or may not") as caught:
                    await call()
                assert_helpful(caught.value, url)
            proxy.disarm()
            assert (await memory.list_messages(thread_id="t")).total in (0, 2)
            await works(memory)


async def test_all_connections_reset_under_load(url: str) -> None:
    """Cut again and again while 20 callers work: each call ends, and the full capacity is there in the end."""
    async with FaultProxy(urlsplit(url).hostname or "", urlsplit(url).port or 0) as proxy:
        async with Store(id="app", default=f"{proxy.url(url)}?pool_size=3") as store:
            memory = store.memory
            await works(memory)
            for _ in range(10):
                calls = [asyncio.ensure_future(memory.update_thread(id="t", metadata={str(n): n})) for n in range(20)]
                await asyncio.sleep(0.01)
                proxy.cut()
                results = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), PATIENCE)
                bad = [r for r in results if not isinstance(r, (Thread, StoreConnectionError))]
                assert bad == []
            await works(memory)


async def test_a_server_that_does_not_answer(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paused, with a command timeout: an error in time, no slot lost, and it works as soon as bytes flow again."""
    from mastra_store.backends.postgres import leases

    monkeypatch.setattr(leases, "_ROLLBACK_SECONDS", 0.3)
    async with FaultProxy(urlsplit(url).hostname or "", urlsplit(url).port or 0) as proxy:
        options = "?pool_size=2&command_timeout=0.3&connect_timeout=0.5"
        async with Store(id="app", default=proxy.url(url) + options) as store:
            memory: Any = store.memory
            await works(memory)
            for _ in range(2):
                proxy.pause()
                calls = [memory.get_thread_by_id(thread_id="t"), memory.update_thread(id="t", title="x")]
                results = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 5)
                proxy.resume()
                for error in results:
                    assert isinstance(error, StoreError), repr(error)
                    assert_helpful(error, url)
                await works(memory)


async def test_closing_while_the_server_does_not_answer(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """C17, C18: it ends, cutting what cannot end in order."""
    from mastra_store.backends.postgres import database, leases

    monkeypatch.setattr(leases, "_ROLLBACK_SECONDS", 0.3)
    monkeypatch.setattr(database, "_PATIENCE", 0.3)
    async with FaultProxy(urlsplit(url).hostname or "", urlsplit(url).port or 0) as proxy:
        store = Store(id="app", default=proxy.url(url))
        await works(store.memory, 5)
        proxy.pause()
        call = asyncio.ensure_future(store.memory.get_thread_by_id(thread_id="t"))
        await asyncio.sleep(0.05)
        await asyncio.wait_for(store.close(), 5)
        (result,) = await asyncio.wait_for(asyncio.gather(call, return_exceptions=True), 5)
        assert isinstance(result, StoreError), repr(result)


async def test_reads_survive_a_cut_and_a_refusal_is_reported(url: str) -> None:
    """No connection can be had: a typed error; then it can, and all is well."""
    async with FaultProxy(urlsplit(url).hostname or "", urlsplit(url).port or 0) as proxy:
        async with Store(id="app", default=proxy.url(url)) as store:
            await works(store.memory)
            proxy.refuse()
            proxy.cut()
            await asyncio.sleep(0.02)
            with pytest.raises(StoreConnectionError) as caught:
                await store.memory.get_thread_by_id(thread_id="t")
            assert_helpful(caught.value, url)
            proxy.accept()
            await works(store.memory)


async def test_who_cannot_be_reached(server: PostgresServer, url: str) -> None:
    """Wrong password, user, host, port and database: each says what to check."""
    parts = urlsplit(url)
    password = parts.password or ""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        closed = reserved.getsockname()[1]
        cases = {
            url.replace(password, "wrong-secret"): "password",
            url.replace("postgres:" + password, "nobody:" + password): "password|user",
            url.replace("127.0.0.1", "no-such-host.invalid"): "no-such-host",
            url.replace(str(server.port), str(closed)): "check that the server runs",
            server.url("missing_database"): "does not exist; create it",
        }
        for bad, advice in cases.items():
            store = Store(id="app", default=f"{bad}?connect_timeout=5")
            for _ in range(2):
                with pytest.raises(StoreConnectionError, match=advice) as caught:
                    await store.get_store("memory")
                assert_helpful(caught.value, bad)
            await store.close()


async def test_a_missing_database_that_is_made(server: PostgresServer) -> None:
    """C11: the failure is not remembered."""
    store = Store(id="app", default=server.url("made_later"))
    with pytest.raises(StoreConnectionError):
        await store.init()
    server.create_database("made_later")
    async with store:
        await works(store.memory)


async def test_too_many_connections(url: str) -> None:
    """The server's limit: the error says what to turn."""
    limited = "CREATE ROLE few LOGIN PASSWORD 'few-secret' CONNECTION LIMIT 1"
    await query(url, limited)
    await query(url, "GRANT ALL ON SCHEMA public TO few")
    parts = urlsplit(url)
    login = parts._replace(netloc=f"few:few-secret@{parts.hostname}:{parts.port}").geturl()
    try:
        async with Store(id="one", default=f"{login}?pool_size=1") as one:
            await works(one.memory, 5)
            store = Store(id="two", default=login)
            with pytest.raises(StoreConnectionError, match="connection") as caught:
                await store.init()
            assert_helpful(caught.value, login)
            await store.close()
    finally:
        await query(url, "DROP OWNED BY few CASCADE")
        await query(url, "DROP ROLE few")


async def test_a_role_that_may_only_read(url: str) -> None:
    """Nothing is to be created, so it can be used; writing says which privilege is missing."""
    async with Store(id="app", default=url) as store:
        await works(store.memory, 3)
    await query(url, "CREATE ROLE reader LOGIN PASSWORD 'reader-secret'")
    await query(url, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    parts = urlsplit(url)
    login = parts._replace(netloc=f"reader:reader-secret@{parts.hostname}:{parts.port}").geturl()
    try:
        async with Store(id="app", default=login) as store:
            assert await store.memory.get_thread_by_id(thread_id="t") is not None
            with pytest.raises(StoreError, match="privilege") as caught:
                await store.memory.save_thread(thread=Thread(id="u", resource_id="r"))
            assert_helpful(caught.value, login)
            assert isinstance(caught.value.__cause__, asyncpg.InsufficientPrivilegeError)
    finally:
        await query(url, "DROP OWNED BY reader")
        await query(url, "DROP ROLE reader")


async def test_a_full_disk() -> None:
    """Point 10: the server cannot extend a file; nothing acknowledged is lost, and small writes work afterwards."""
    with PostgresServer(file_size_limit=2 * 1024 * 1024) as small:
        url = small.create_database()
        saved: list[str] = []
        async with Store(id="app", default=f"{url}?pool_size=2") as store:
            await store.memory.save_thread(thread=Thread(id="t", resource_id="r"))
            with pytest.raises(StoreError, match=r"disk|size limit") as caught:
                for number in range(400):
                    batch = [message(f"{number}-{n}", "t", "x" * 1500) for n in range(10)]
                    saved += [one.id for one in await store.memory.save_messages(messages=batch)]
            assert_helpful(caught.value, url)
            assert caught.value.details["reason"] == "disk_full"
            page = await store.memory.list_messages(thread_id="t", per_page=None)
            assert {one.id for one in page.messages} == set(saved)
            await store.memory.delete_messages(message_ids=saved[:5])
            await works(store.memory)
