"""The floor on PostgreSQL: hand-written SQL, prepared once, on asyncpg connections in a list.

It does what the rules ask for (totals, order by time and then id by code point, the check and the bump of the thread on
a save, the twin time columns) and nothing else: no records, no checks of arguments, no care for cancellation.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec

from ..dataset import NewMessage
from ..operations import Operation
from . import floor_rows
from .base import Contestant
from .floor_postgres_more import MORE_STATEMENTS, MoreOnPostgres

CONNECTIONS = 10  # as many as a Store has by default

_CREATED = 'COALESCE("createdAtZ", "createdAt" AT TIME ZONE \'UTC\')'
_UPDATED = 'COALESCE("updatedAtZ", "updatedAt" AT TIME ZONE \'UTC\')'
_MESSAGE = f'id, thread_id, content, role, type, {_CREATED}, "resourceId"'
_THREAD = f'id, "resourceId", title, metadata::text, {_CREATED}, {_UPDATED}'
_COUNT = "(SELECT count(*) FROM mastra_messages WHERE thread_id = $1)"
_INTO = (
    'INSERT INTO mastra_messages (id, thread_id, content, role, type, "createdAt", "createdAtZ", "resourceId") '
    "SELECT {} ON CONFLICT (id) DO UPDATE SET thread_id = excluded.thread_id, content = excluded.content, "
    'role = excluded.role, type = excluded.type, "resourceId" = excluded."resourceId" '
    f"RETURNING id, {_CREATED}"
)
_BUMP = (
    "WITH bumped AS (UPDATE mastra_threads SET \"updatedAt\" = $2::timestamptz AT TIME ZONE 'UTC', "
    '"updatedAtZ" = $2::timestamptz WHERE id = $1::text RETURNING 1) '
)
_NEIGHBOURS = (
    "SELECT m.* FROM mastra_messages AS m WHERE m.thread_id = t.thread_id AND "
    'm."createdAt" {0}= t."createdAt" AND (m."createdAt" {0} t."createdAt" OR m.id COLLATE "C" {1} t.id COLLATE "C") '
    'ORDER BY m."createdAt"{2}, m.id COLLATE "C"{2} LIMIT {3}'
)

STATEMENTS = {
    "save_1": _BUMP
    + _INTO.format(
        "$3::text, $1::text, $4::text, $5::text, 'v2', $6::timestamptz AT TIME ZONE 'UTC', $6::timestamptz, $7::text "
        "FROM bumped"
    ),
    "save_many": _BUMP
    + _INTO.format(
        "m.id, $1::text, m.content, m.role, 'v2', m.created AT TIME ZONE 'UTC', m.created, m.resource FROM bumped, "
        "unnest($3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[]) "
        "AS m(id, content, role, created, resource)"
    ),
    "last_10": f"SELECT {_MESSAGE}, {_COUNT} FROM mastra_messages WHERE thread_id = $1 "
    'ORDER BY "createdAt" DESC, id COLLATE "C" DESC LIMIT 10',
    "page_100": f"SELECT {_MESSAGE}, {_COUNT} FROM mastra_messages WHERE thread_id = $1 "
    'ORDER BY "createdAt", id COLLATE "C" LIMIT 100',
    "thread_by_id": f"SELECT {_THREAD} FROM mastra_threads WHERE id = $1",
    "threads_20": f'SELECT {_THREAD}, (SELECT count(*) FROM mastra_threads WHERE "resourceId" = $1) '
    'FROM mastra_threads WHERE "resourceId" = $1 ORDER BY "createdAt" DESC, id COLLATE "C" DESC LIMIT 20',
    "window_5_5": f"SELECT {_MESSAGE} FROM (SELECT near.* FROM mastra_messages AS t CROSS JOIN LATERAL "
    f"(({_NEIGHBOURS.format('<', '<=', ' DESC', 6)}) UNION ALL ({_NEIGHBOURS.format('>', '>', '', 5)})) AS near "
    "WHERE t.id = $1) AS found",
    **MORE_STATEMENTS,
}
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class FloorPostgres(MoreOnPostgres, Contestant):
    """Ten connections, each with its prepared statements."""

    async def open(self) -> None:
        self._free: list[dict[str, Any]] = []
        self._waiting: deque[asyncio.Future[dict[str, Any]]] = deque()
        self._connections = [await asyncpg.connect(self.url) for _ in range(CONNECTIONS)]
        for connection in self._connections:
            self._free.append({name: (await connection.prepare(sql)).fetch for name, sql in STATEMENTS.items()})

    async def close(self) -> None:
        for connection in self._connections:
            await connection.close()

    async def save(self, messages: list[NewMessage]) -> list[Any]:
        moment = datetime.now(UTC)
        if len(messages) == 1:
            id, thread, resource, role, content, created = messages[0]
            text = _encode(content).decode()
            rows = await self._fetch("save_1", thread, moment, id, text, role, created, resource)
        else:
            ids, threads, resources, roles, contents, dates = zip(*messages, strict=True)
            texts = [_encode(content).decode() for content in contents]
            rows = await self._fetch("save_many", threads[0], moment, ids, texts, roles, dates, resources)
        if not rows:
            raise LookupError("no such thread")
        return rows

    async def last_10(self, thread_id: str) -> tuple[list[Any], int]:
        rows = await self._fetch("last_10", thread_id)
        return _messages(rows), rows[0][7]

    async def page_100(self, thread_id: str) -> tuple[list[Any], int]:
        rows = await self._fetch("page_100", thread_id)
        return _messages(rows), rows[0][7]

    async def thread_by_id(self, thread_id: str) -> Any:
        rows = await self._fetch("thread_by_id", thread_id)
        return _thread(rows[0]) if rows else None

    async def threads_20(self, resource_id: str) -> tuple[list[Any], int]:
        rows = await self._fetch("threads_20", resource_id)
        return [_thread(row) for row in rows], rows[0][6]

    async def window_5_5(self, message_id: str) -> list[Any]:
        return sorted(_messages(await self._fetch("window_5_5", message_id)), key=lambda row: (row[5], row[0]))

    def answer(self, operation: Operation, result: Any) -> Any:
        if operation.domain != "memory":
            return floor_rows.answer(operation, result)
        if operation.name in ("last_10", "page_100", "threads_20"):
            return [row[0] for row in result[0]], result[1]
        return [row[0] for row in ([result] if operation.name == "thread_by_id" else result)], None

    async def bumped(self, thread_id: str) -> bool:
        thread = await self.thread_by_id(thread_id)
        return bool(thread[5] > thread[4])

    async def _fetch(self, name: str, *args: Any) -> list[Any]:
        lane = self._free.pop() if self._free else await self._wait()
        try:
            rows: list[Any] = await lane[name](*args)
        finally:
            if self._waiting:
                self._waiting.popleft().set_result(lane)
            else:
                self._free.append(lane)
        return rows

    async def _wait(self) -> dict[str, Any]:
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return await future


def _messages(rows: list[Any]) -> list[tuple[Any, ...]]:
    return [(row[0], row[1], _decode(row[2]), row[3], row[4], row[5], row[6]) for row in rows]


def _thread(row: Any) -> tuple[Any, ...]:
    return row[0], row[1], row[2], row[3] and _decode(row[3]), row[4], row[5]
