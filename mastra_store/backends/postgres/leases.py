"""Connections leased for long from an asyncpg pool.

Taking a connection from the pool and giving it back costs more than a small statement does (the pool resets it each
time). So connections stay here between operations, are handed to whoever waits, and go back to the pool when idle. They
are never reset in between; therefore nothing here uses SET, LISTEN or session locks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias

import asyncpg

from ...errors import StoreClosedError
from ...once import watched
from .errors import DRIVER_ERRORS

Connection: TypeAlias = Any  # asyncpg's connection proxy: its methods are those of asyncpg.Connection
_ROLLBACK_SECONDS = 5.0


class Leases:
    """Up to ``size`` connections, idle ones first, newest first. One event loop only.

    With ``idle_seconds=None`` nothing is kept: the pool is the caller's, and its other users want the connections back.
    """

    def __init__(self, open_pool: Callable[[], Awaitable[asyncpg.Pool]], size: int, idle_seconds: float | None) -> None:
        self._open_pool = open_pool
        self._size = size
        self._idle_seconds = idle_seconds
        self._pool: asyncpg.Pool | None = None
        self._idle: list[Connection] = []
        self._count = 0
        self._waiters: deque[asyncio.Future[Connection | None]] = deque()
        self._cleanups: set[asyncio.Task[Any]] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._quiet = False
        self._closed = False

    @property
    def in_use(self) -> int:
        """How many connections have not come back to the pool."""
        return self._count

    def take_idle(self) -> Connection | None:
        """A connection that is at hand, if there is one."""
        if self._idle and not self._closed and not _is_gone(self._idle[-1]):
            return self._idle.pop()
        return None

    async def take(self) -> Connection:
        """A connection that no one else uses; waits for one when all are in use."""
        while True:
            if self._closed:
                raise StoreClosedError("the database has been closed")
            while self._idle:
                connection = self._idle.pop()
                if not _is_gone(connection):
                    return connection
                self._drop(connection)
            if self._count < self._size:
                return await self._connect()
            connection = await self._wait()
            if connection is not None:
                return connection

    def give(self, connection: Connection) -> None:
        """Hand the connection to the next waiter, or keep it. It must not be in a transaction."""
        if self._closed or _is_gone(connection):
            self._drop(connection)
        elif not self._pass_on(connection):
            self._keep(connection)

    async def give_back_clean(self, connection: Connection) -> None:
        """Roll back whatever is open and give the connection back, in spite of cancellation."""
        task = watched(self._clean(connection))
        self._cleanups.add(task)
        task.add_done_callback(self._cleanups.discard)
        await asyncio.shield(task)

    async def close(self, patience: float) -> None:
        """Return all connections to the pool; those still in use after ``patience`` seconds are cut."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)  # it looks again and finds the door closed
        while self._idle:
            self._drop(self._idle.pop())
        deadline = asyncio.get_running_loop().time() + patience
        while self._count and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        if self._cleanups:
            await asyncio.wait(set(self._cleanups))

    async def _connect(self) -> Connection:
        self._count += 1
        task = asyncio.ensure_future(self._acquire())
        # Connecting goes on to its end when the caller goes: asyncpg does not take a cancellation there well.
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._cleanups.add(task)
            task.add_done_callback(self._arrived_too_late)
            raise
        except BaseException:
            self._disown()
            raise

    async def _acquire(self) -> Connection:
        if self._pool is None:
            self._pool = await self._open_pool()
        return await self._pool.acquire()

    def _arrived_too_late(self, task: asyncio.Task[Connection]) -> None:
        """Nobody waits for this connection any more; the next caller has it."""
        self._cleanups.discard(task)
        if task.cancelled() or task.exception() is not None:
            self._disown()
        else:
            self.give(task.result())

    def _disown(self) -> None:
        """One connection less; whoever waits may open another."""
        self._count -= 1
        self._pass_on(None)

    async def _wait(self) -> Connection | None:
        """A connection handed over, or ``None`` when it is worth looking again."""
        waiter: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._forward(waiter.result())  # it arrived as we left
            raise
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def _forward(self, connection: Connection | None) -> None:
        if connection is None:
            self._pass_on(None)
        else:
            self.give(connection)

    def _pass_on(self, connection: Connection | None) -> bool:
        """Wake the next waiter with a connection, or with the news that one may now be opened."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return True
        return False

    def _drop(self, connection: Connection) -> None:
        """Give a connection back to the pool for good."""
        self._count -= 1
        task = asyncio.ensure_future(self._release(connection))
        self._cleanups.add(task)
        task.add_done_callback(self._cleanups.discard)
        self._pass_on(None)

    async def _release(self, connection: Connection) -> None:
        if self._pool is not None:
            try:
                await self._pool.release(connection, timeout=_ROLLBACK_SECONDS)
            except DRIVER_ERRORS:
                _cut(connection)

    async def _clean(self, connection: Connection) -> None:
        try:
            if not _is_gone(connection):
                # Also when nothing is open: it waits until a cancelled statement is over on the server.
                await asyncio.wait_for(connection.execute("ROLLBACK"), _ROLLBACK_SECONDS)
        except DRIVER_ERRORS:
            _cut(connection)
        finally:
            self.give(connection)

    def _keep(self, connection: Connection) -> None:
        if self._idle_seconds is None:
            self._drop(connection)
            return
        self._quiet = False
        self._idle.append(connection)
        self._watch_idle(self._idle_seconds)

    def _watch_idle(self, seconds: float) -> None:
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(seconds, self._sweep, seconds)

    def _sweep(self, seconds: float) -> None:
        """After a quiet period give what is idle back to the pool, which closes it in its own time."""
        self._sweeper = None
        if self._quiet:
            while self._idle:
                self._drop(self._idle.pop())
        elif self._idle:
            self._quiet = True
            self._watch_idle(seconds)


def _is_gone(connection: Connection) -> bool:
    """Whether a connection is closed, or was taken from us when its pool was cut."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


def _cut(connection: Connection) -> None:
    with suppress(asyncpg.InterfaceError):  # the pool may have done so already
        connection.terminate()
