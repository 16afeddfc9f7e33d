"""A thread that owns one SQLite connection (aiosqlite's), taking whole functions rather than single statements."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import aiosqlite

from ...errors import StoreClosedError
from ...once import uncancelled

T = TypeVar("T")


class ConnectionThread:
    """One connection on a thread of its own."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connection = aiosqlite.Connection(connect, iter_chunk_size=64)
        # A Store that nobody closed must not keep the process alive; the log makes a sudden end safe.
        self._connection._thread.daemon = True
        self._waiting: asyncio.Future[Any] | None = None

    async def start(self) -> None:
        """Start the thread and connect. When that fails, or the caller goes away meanwhile, nothing is left behind."""
        try:
            await uncancelled(self._connect())
        except BaseException:
            await uncancelled(self.close())
            raise

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function with the connection; skipped when the caller has gone before its turn."""
        connection = self._connection._connection
        if connection is None or not self._connection._running:
            raise StoreClosedError("the database has been closed")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def turn() -> T | None:
            self._waiting = future
            return None if future.cancelled() else work(connection)

        self._connection._tx.put_nowait((future, turn))
        result: T = await future
        return result

    def deserted(self) -> bool:
        """Whether the caller of the function that runs at this moment has gone; asked on the thread."""
        return self._waiting is not None and self._waiting.cancelled()

    async def close(self) -> None:
        """Finish what is queued, close the connection and end the thread."""
        await uncancelled(self._connection.close())  # a connection that never opened has stopped already
        while self._connection._thread.is_alive():  # noqa: ASYNC110 - it ends by itself within moments
            await asyncio.sleep(0.001)

    async def _connect(self) -> None:
        await self._connection
