"""A TCP proxy inside the test process that breaks connections on demand."""

import asyncio
import contextlib
import functools
import socket
import struct
from typing import Literal, Self
from urllib.parse import urlsplit

Direction = Literal["to_client", "to_server"]

_HOST = "127.0.0.1"
_CHUNK = 65_536
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, with no time: close sends RST instead of FIN


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


class _Link:
    """One connection of a client and the connection to the server that belongs to it."""

    def __init__(self, proxy: "FaultProxy", client: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = socket.socket(_family(proxy.target[0]))
        self._orderly = False
        self.limits: dict[Direction, int] = {}
        for end in (self._client, self._server):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def run(self) -> None:
        """Carry bytes both ways until both sides have ended or something broke."""
        try:
            await asyncio.get_running_loop().sock_connect(self._server, self._proxy.target)
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(self._client, self._server, "to_server"))
                pumps.create_task(self._pump(self._server, self._client, "to_client"))
            self._orderly = True
        except* OSError:
            pass  # one side is gone or was cut: close() resets the other one

    async def _pump(self, source: socket.socket, target: socket.socket, direction: Direction) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(source, _CHUNK):
            await self._proxy.hold()
            left = self.limits.get(direction)
            data = data[:left]
            await loop.sock_sendall(target, data)
            self._proxy.count(direction, len(data))
            if left is not None:
                self._spend(direction, left - len(data))
        await self._proxy.hold()
        target.shutdown(socket.SHUT_WR)

    def _spend(self, direction: Direction, left: int) -> None:
        if left == 0:
            self._proxy.disarm()
            raise ConnectionAbortedError("cut after the given number of bytes")
        if direction in self.limits:  # another connection may have spent the cut meanwhile
            self.limits[direction] = left

    def close(self) -> None:
        """Close both connections, with a reset unless both sides had ended."""
        for end in (self._client, self._server):
            if not self._orderly:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.close()


class FaultProxy:
    """Carries TCP connections to a server and breaks them on demand, for adversity tests.

    An asynchronous context manager that lives in one event loop. A client connects to `host` and `port`.
    The faults are plain calls; their effect shows as soon as the event loop runs.
    """

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.host = _HOST
        self.port = 0
        #: Seconds for which every piece of data is held back, in both directions.
        self.delay = 0.0
        #: Connections accepted so far.
        self.connections = 0
        #: Bytes carried so far, by direction.
        self.bytes_to_client = 0
        self.bytes_to_server = 0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._links: dict[asyncio.Task[None], _Link] = {}
        self._armed: tuple[Direction, int] | None = None
        self._reservation: socket.socket | None = None
        self._listener: socket.socket | None = None

    async def __aenter__(self) -> Self:
        self._reservation = self._bind(0)
        self.port = self._reservation.getsockname()[1]
        self.accept()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.refuse()
        self.cut()
        if self._links:
            await asyncio.wait(self._links)
        if self._reservation is not None:
            self._reservation.close()

    @property
    def active(self) -> int:
        """The number of live connections."""
        return len(self._links)

    def url(self, original: str) -> str:
        """The URL of the server, led through the proxy."""
        parts = urlsplit(original)
        login, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{login}{at}{self.host}:{self.port}").geturl()

    def cut(self) -> int:
        """Reset every live connection, on both sides; returns how many."""
        for task in self._links:
            task.cancel()
        return len(self._links)

    def cut_after_bytes(self, n: int, direction: Direction = "to_client") -> None:
        """Reset the next connection through which n more bytes pass in the direction, after exactly those bytes.

        Counted from now on for each connection by itself, whether it is live or still to come; happens once.
        With 0 the first byte is the reason for the reset and never arrives.
        """
        self.disarm()
        self._armed = (direction, n)
        for link in self._links.values():
            link.limits[direction] = n

    def disarm(self) -> None:
        """Take back `cut_after_bytes`."""
        self._armed = None
        for link in self._links.values():
            link.limits.clear()

    def refuse(self) -> None:
        """Refuse new connections; live ones go on."""
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def accept(self) -> None:
        """Accept new connections again."""
        if self._listener is None:
            self._listener = self._bind(self.port)
            self._listener.listen(128)
            asyncio.get_running_loop().add_reader(self._listener, self._welcome, self._listener)

    def pause(self) -> None:
        """Stop the flow of bytes both ways; connections stay open and new ones are accepted."""
        self._flowing.clear()

    def resume(self) -> None:
        """Let bytes flow again, those that were held back first."""
        self._flowing.set()

    async def hold(self) -> None:
        """Wait as the delay and a pause demand; called for every piece of data."""
        if self.delay:
            await asyncio.sleep(self.delay)
        await self._flowing.wait()

    def count(self, direction: Direction, size: int) -> None:
        """Count bytes that were carried."""
        if direction == "to_client":
            self.bytes_to_client += size
        else:
            self.bytes_to_server += size

    def _bind(self, port: int) -> socket.socket:
        """A socket on the port. One that never listens keeps the port ours while another one comes and goes."""
        bound = socket.socket()
        bound.setblocking(False)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((self.host, port))
        return bound

    def _welcome(self, listener: socket.socket) -> None:
        # The client may be gone again before we look.
        with contextlib.suppress(BlockingIOError, ConnectionAbortedError):
            client, _ = listener.accept()
            self.connections += 1
            link = _Link(self, client)
            if self._armed is not None:
                link.limits[self._armed[0]] = self._armed[1]
            task = asyncio.get_running_loop().create_task(link.run())
            self._links[task] = link
            # Not in run(): a task that is cancelled before its first step runs none of its code.
            task.add_done_callback(functools.partial(self._part, link))

    def _part(self, link: _Link, task: asyncio.Task[None]) -> None:
        del self._links[task]
        link.close()
