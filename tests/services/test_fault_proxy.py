"""The proxy that breaks connections: every fault as a client sees it, and that nothing of it stays behind."""

import asyncio
import errno
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
import uvloop

from mastra_store.testing import FaultProxy, PostgresServer

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes in."""
    try:
        while data := await reader.read(1000):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def proxied_echo() -> AsyncIterator[FaultProxy]:
    """A proxy in front of a server that sends back what comes in."""
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, FaultProxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        yield proxy


async def connect(proxy: FaultProxy) -> Stream:
    """A connection through the proxy, after its first round trip."""
    stream = await asyncio.open_connection(proxy.host, proxy.port)
    assert await ask(stream, b"hello") == b"hello"
    return stream


async def ask(stream: Stream, data: bytes) -> bytes:
    """Send bytes and read as many."""
    stream[1].write(data)
    return await asyncio.wait_for(stream[0].readexactly(len(data)), 5)


async def assert_reset(stream: Stream) -> None:
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(stream[0].read(1), 5)
    stream[1].close()


async def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a look at every turn of the loop
            await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_carries_bytes_and_ends_as_the_client_ends() -> None:
    async with proxied_echo() as proxy:
        first, second = await connect(proxy), await connect(proxy)
        big = bytes(range(256)) * 8000
        reply = asyncio.create_task(first[0].readexactly(len(big)))
        first[1].write(big)
        assert await asyncio.wait_for(reply, 10) == big
        first[1].write_eof()
        assert await first[0].read() == b""
        first[1].close()
        await until(lambda: proxy.active == 1)
        assert await ask(second, b"still here") == b"still here"
        assert (proxy.connections, proxy.bytes_to_server, proxy.bytes_to_client) == (2, len(big) + 20, len(big) + 20)
        second[1].close()


@pytest.mark.asyncio
async def test_cut_resets_every_connection_and_only_those() -> None:
    async with proxied_echo() as proxy:
        streams = [await connect(proxy) for _ in range(3)]
        assert proxy.cut() == 3
        for stream in streams:
            await assert_reset(stream)
        later = await connect(proxy)
        assert await ask(later, b"new") == b"new"
        assert (proxy.connections, proxy.active) == (4, 1)
        later[1].close()


@pytest.mark.asyncio
async def test_cut_resets_a_connection_that_was_just_accepted() -> None:
    async with proxied_echo() as proxy:
        with socket.create_connection((proxy.host, proxy.port)) as client:
            client.setblocking(False)
            await until(lambda: proxy.connections)
            proxy.cut()
            with pytest.raises(ConnectionResetError):
                await asyncio.wait_for(asyncio.get_running_loop().sock_recv(client, 1), 5)


@pytest.mark.asyncio
async def test_refuse_spares_live_connections_and_keeps_the_port() -> None:
    async with proxied_echo() as proxy:
        live, port = await connect(proxy), proxy.port
        proxy.refuse()
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(proxy.host, proxy.port)
        with socket.socket() as other, pytest.raises(OSError, match="in use") as caught:
            other.bind((proxy.host, proxy.port))
        assert caught.value.errno == errno.EADDRINUSE
        assert await ask(live, b"live") == b"live"
        proxy.accept()
        proxy.accept()
        again = await connect(proxy)
        assert proxy.port == port
        live[1].close()
        again[1].close()


@pytest.mark.asyncio
async def test_pause_holds_bytes_back_until_resume() -> None:
    async with proxied_echo() as proxy:
        stream = await connect(proxy)
        proxy.pause()
        stream[1].write(b"held")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream[0].read(1), 0.1)
        assert proxy.bytes_to_server == 5
        proxy.resume()
        assert await asyncio.wait_for(stream[0].readexactly(4), 5) == b"held"
        proxy.pause()
        proxy.cut()
        await assert_reset(stream)


@pytest.mark.asyncio
async def test_delay_counts_in_both_directions() -> None:
    async with proxied_echo() as proxy:
        stream = await connect(proxy)
        proxy.delay = 0.05
        begin = time.perf_counter()
        assert await ask(stream, b"slow") == b"slow"
        assert time.perf_counter() - begin >= 0.1
        stream[1].close()


@pytest.mark.asyncio
@pytest.mark.parametrize("live", [True, False])
async def test_cut_after_bytes_of_a_reply(live: bool) -> None:
    async with proxied_echo() as proxy:
        bystander = await connect(proxy)
        stream = await connect(proxy) if live else None
        proxy.cut_after_bytes(7)
        stream = stream or await connect(proxy)
        stream[1].write(b"123456789")
        left = 7 if live else 2
        assert await asyncio.wait_for(stream[0].readexactly(left), 5) == b"123456789"[:left]
        await assert_reset(stream)
        assert await ask(bystander, b"more than seven") == b"more than seven"
        bystander[1].close()


@pytest.mark.asyncio
async def test_cut_after_bytes_of_a_request() -> None:
    received = bytearray()

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(100):
                received.extend(data)
        except ConnectionResetError:
            received.extend(b"!")
        writer.close()

    server = await asyncio.start_server(collect, "127.0.0.1", 0)
    async with server, FaultProxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy:
        proxy.cut_after_bytes(3, "to_server")
        stream = await asyncio.open_connection(proxy.host, proxy.port)
        stream[1].write(b"abcdef")
        await assert_reset(stream)
        await until(lambda: received.endswith(b"!"))
    assert received == b"abc!"


@pytest.mark.asyncio
async def test_disarm_takes_a_cut_back() -> None:
    async with proxied_echo() as proxy:
        stream = await connect(proxy)
        proxy.cut_after_bytes(1)
        proxy.disarm()
        assert await ask(stream, b"whole") == b"whole"
        stream[1].close()


@pytest.mark.asyncio
async def test_resets_the_client_when_the_server_is_not_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with FaultProxy("127.0.0.1", unused.getsockname()[1]) as proxy:
            await assert_reset(await asyncio.open_connection(proxy.host, proxy.port))


@pytest.mark.asyncio
async def test_leaves_no_task_and_no_socket() -> None:
    before = asyncio.all_tasks()
    async with proxied_echo() as proxy:
        streams = [await connect(proxy) for _ in range(3)]
        proxy.pause()
        streams[0][1].write(b"on its way")
        await asyncio.sleep(0.01)
        inside = asyncio.all_tasks() - before
        assert inside
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() == before
    for stream in streams:
        await assert_reset(stream)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(proxy.host, proxy.port)
    with socket.socket() as other:
        other.bind((proxy.host, proxy.port))


@pytest.mark.asyncio
async def test_cut_during_a_query(server: PostgresServer) -> None:
    async with FaultProxy("127.0.0.1", server.port) as proxy:
        connection = await asyncpg.connect(proxy.url(server.url()))
        query = asyncio.create_task(connection.fetchval("SELECT pg_sleep(10)"))
        await asyncio.sleep(0.1)
        assert not query.done()
        proxy.cut()
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, ConnectionError)):
            await asyncio.wait_for(query, 5)
        assert connection.is_closed()


@pytest.mark.asyncio
async def test_a_lost_acknowledgement_is_a_committed_row(server: PostgresServer) -> None:
    direct = await asyncpg.connect(server.url())
    await direct.execute("CREATE TABLE acknowledged (n int)")
    async with FaultProxy("127.0.0.1", server.port) as proxy:
        connection = await asyncpg.connect(proxy.url(server.url()))
        statement = await connection.prepare("INSERT INTO acknowledged VALUES ($1)")
        proxy.cut_after_bytes(0, "to_client")
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, ConnectionError)):
            await statement.fetch(1)
    assert await direct.fetchval("SELECT count(*) FROM acknowledged") == 1
    await direct.close()


@pytest.mark.asyncio
async def test_cut_in_the_middle_of_a_big_reply(server: PostgresServer) -> None:
    async with FaultProxy("127.0.0.1", server.port) as proxy:
        connection = await asyncpg.connect(proxy.url(server.url()))
        passed = proxy.bytes_to_client
        proxy.cut_after_bytes(300_000)
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, ConnectionError)):
            await connection.fetch("SELECT repeat('x', 1000) FROM generate_series(1, 1000)")
        assert proxy.bytes_to_client - passed == 300_000
        assert connection.is_closed()


def test_works_in_uvloop(server: PostgresServer) -> None:
    async def scenario() -> None:
        async with FaultProxy("127.0.0.1", server.port) as proxy:
            connection = await asyncpg.connect(proxy.url(server.url()))
            assert await connection.fetchval("SELECT length(repeat('x', 300000))") == 300_000
            query = asyncio.create_task(connection.fetchval("SELECT pg_sleep(10)"))
            await asyncio.sleep(0.1)
            proxy.cut()
            with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, ConnectionError)):
                await asyncio.wait_for(query, 5)
            proxy.refuse()
            with pytest.raises(ConnectionRefusedError):
                await asyncpg.connect(proxy.url(server.url()))
            proxy.accept()
            await (await asyncpg.connect(proxy.url(server.url()))).close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
