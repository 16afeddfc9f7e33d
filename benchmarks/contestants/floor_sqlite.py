"""The floor on SQLite: hand-written SQL on the standard library's driver, one writing thread and two that read.

It does what the rules ask for (totals, order by time and then id, the check and the bump of the thread on a save, JSON
and times decoded) and nothing else: no records, no checks of arguments, no care for cancellation.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any

import msgspec

from ..dataset import NewMessage
from ..operations import Operation
from . import floor_rows
from .base import Contestant
from .floor_sqlite_more import MoreOnSqlite, Work

READERS = 2  # as many as a Store has by default

_MESSAGE = 'id, thread_id, content, role, type, "createdAt", "resourceId"'
_THREAD = 'id, "resourceId", title, metadata, "createdAt", "updatedAt"'
_COUNT = "(SELECT count(*) FROM mastra_messages WHERE thread_id = ?1)"
_BUMP = 'UPDATE mastra_threads SET "updatedAt" = ? WHERE id = ?'
_INSERT = (
    f"INSERT INTO mastra_messages ({_MESSAGE}) VALUES (?, ?, ?, ?, 'v2', ?, ?) ON CONFLICT (id) DO UPDATE SET "
    "thread_id = excluded.thread_id, content = excluded.content, role = excluded.role, type = excluded.type, "
    '"resourceId" = excluded."resourceId"'
)
_INSERT_ONE = f'{_INSERT} RETURNING "createdAt"'
_DATES = 'SELECT id, "createdAt" FROM mastra_messages WHERE id IN (SELECT value FROM json_each(?))'
_LAST = (
    f'SELECT {_MESSAGE}, {_COUNT} FROM mastra_messages WHERE thread_id = ?1 ORDER BY "createdAt" DESC, id DESC LIMIT 10'
)
_PAGE = f'SELECT {_MESSAGE}, {_COUNT} FROM mastra_messages WHERE thread_id = ?1 ORDER BY "createdAt", id LIMIT 100'
_BY_ID = f"SELECT {_THREAD} FROM mastra_threads WHERE id = ?1"
_OF_RESOURCE = (
    f'SELECT {_THREAD}, (SELECT count(*) FROM mastra_threads WHERE "resourceId" = ?1) FROM mastra_threads '
    'WHERE "resourceId" = ?1 ORDER BY "createdAt" DESC, id DESC LIMIT 20'
)
_TARGET = f"SELECT {_MESSAGE} FROM mastra_messages WHERE id = ?"
_BEFORE = (
    f'SELECT {_MESSAGE} FROM mastra_messages WHERE thread_id = ?1 AND "createdAt" <= ?2 '
    'AND ("createdAt" < ?2 OR id < ?3) ORDER BY "createdAt" DESC, id DESC LIMIT 5'
)
_AFTER = (
    f'SELECT {_MESSAGE} FROM mastra_messages WHERE thread_id = ?1 AND "createdAt" >= ?2 '
    'AND ("createdAt" > ?2 OR id > ?3) ORDER BY "createdAt", id LIMIT 5'
)
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_time = datetime.fromisoformat


class _Lane(threading.Thread):
    """A thread with a connection: takes functions from a queue and hands results to the event loop."""

    def __init__(self, path: str, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._loop = loop
        self._queue: SimpleQueue[tuple[asyncio.Future[Any], Work] | None] = SimpleQueue()
        self.start()

    def run(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "temp_store=MEMORY", "busy_timeout=10000"):
            connection.execute(f"PRAGMA {pragma}")
        while (item := self._queue.get()) is not None:
            future, work = item
            try:
                self._loop.call_soon_threadsafe(future.set_result, work(connection))
            except Exception as error:  # noqa: BLE001 - the caller gets it
                self._loop.call_soon_threadsafe(future.set_exception, error)
        connection.close()

    def submit(self, work: Work) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = self._loop.create_future()
        self._queue.put((future, work))
        return future

    def stop(self) -> None:
        self._queue.put(None)
        self.join()


class FloorSqlite(MoreOnSqlite, Contestant):
    """Three threads."""

    async def open(self) -> None:
        path = self.url.removeprefix("sqlite:///")
        loop = asyncio.get_running_loop()
        self._writer = _Lane(path, loop)
        self._readers = [_Lane(path, loop) for _ in range(READERS)]
        self._turn = 0

    async def close(self) -> None:
        for lane in (*self._readers, self._writer):
            lane.stop()

    async def save(self, messages: list[NewMessage]) -> list[Any]:
        stamp = _text(datetime.now(UTC))
        thread = messages[0].thread_id
        rows = [
            (id, thread_id, _encode(content).decode(), role, _text(created), resource)
            for id, thread_id, resource, role, content, created in messages
        ]

        def work(connection: sqlite3.Connection) -> list[Any]:
            if connection.execute(_BUMP, (stamp, thread)).rowcount == 0:
                raise LookupError("no such thread")
            return _insert(connection, rows)

        stored: list[Any] = await self._write(work)
        return stored

    async def last_10(self, thread_id: str) -> tuple[list[Any], int]:
        return await self._page(_LAST, thread_id)

    async def page_100(self, thread_id: str) -> tuple[list[Any], int]:
        return await self._page(_PAGE, thread_id)

    async def thread_by_id(self, thread_id: str) -> Any:
        rows = await self._read(lambda connection: connection.execute(_BY_ID, (thread_id,)).fetchall())
        return _thread(rows[0]) if rows else None

    async def threads_20(self, resource_id: str) -> tuple[list[Any], int]:
        rows = await self._read(lambda connection: connection.execute(_OF_RESOURCE, (resource_id,)).fetchall())
        return [_thread(row) for row in rows], rows[0][6]

    async def window_5_5(self, message_id: str) -> list[Any]:
        def work(connection: sqlite3.Connection) -> list[Any]:
            target = connection.execute(_TARGET, (message_id,)).fetchone()
            place = (target[1], target[5], target[0])
            before = connection.execute(_BEFORE, place).fetchall()
            return [*before[::-1], target, *connection.execute(_AFTER, place).fetchall()]

        return _messages(await self._read(work))

    def answer(self, operation: Operation, result: Any) -> Any:
        if operation.domain != "memory":
            return floor_rows.answer(operation, result)
        if operation.name in ("last_10", "page_100", "threads_20"):
            return [row[0] for row in result[0]], result[1]
        return [row[0] for row in ([result] if operation.name == "thread_by_id" else result)], None

    async def bumped(self, thread_id: str) -> bool:
        thread = await self.thread_by_id(thread_id)
        return bool(thread[5] > thread[4])

    async def _page(self, sql: str, thread_id: str) -> tuple[list[Any], int]:
        rows = await self._read(lambda connection: connection.execute(sql, (thread_id,)).fetchall())
        return _messages(rows), rows[0][7]

    def _write(self, work: Work) -> asyncio.Future[Any]:
        def transaction(connection: sqlite3.Connection) -> Any:
            connection.execute("BEGIN IMMEDIATE")
            try:
                result = work(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
            return result

        return self._writer.submit(transaction)

    def _read(self, work: Work) -> asyncio.Future[Any]:
        self._turn = (self._turn + 1) % READERS
        return self._readers[self._turn].submit(work)


def _insert(connection: sqlite3.Connection, rows: list[Any]) -> list[Any]:
    """Ids and stored times."""
    if len(rows) == 1:
        return [(rows[0][0], connection.execute(_INSERT_ONE, rows[0]).fetchone()[0])]
    known = dict(connection.execute(_DATES, (_encode([row[0] for row in rows]).decode(),)).fetchall())
    connection.executemany(_INSERT, rows)
    return [(row[0], known.get(row[0], row[4])) for row in rows]


def _messages(rows: list[Any]) -> list[tuple[Any, ...]]:
    return [(row[0], row[1], _decode(row[2]), row[3], row[4], _time(row[5]), row[6]) for row in rows]


def _thread(row: Any) -> tuple[Any, ...]:
    return row[0], row[1], row[2], row[3] and _decode(row[3]), _time(row[4]), _time(row[5])


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"
