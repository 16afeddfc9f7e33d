"""The memory domain on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Unpack

from ...domains.memory_plans import MessageQuery, MessageRow, Window
from ...domains.memory_rules import missing_threads
from ...domains.metadata_filter import matches
from ...records import Message
from ..sql.memory import SqlMemory, message_shape
from .database import Collision, PostgresDatabase, PostgresSession, open_database
from .memory_sql import PostgresMemorySql
from .options import PostgresArguments

_SCAN = 1000


class MemoryPG(SqlMemory[PostgresDatabase]):
    """Threads, messages and resources in PostgreSQL, in the format of ``@mastra/pg``.

    Takes ``url`` or ``pool`` and the other arguments of ``PostgresStore``.
    """

    def __init__(self, *, disable_init: bool = False, **options: Unpack[PostgresArguments]) -> None:
        super().__init__(disable_init=disable_init)
        self._attach(open_database(**options), owned=True)

    def _bind_statements(self) -> None:
        super()._bind_statements()
        self._pg = PostgresMemorySql(self._sql, self._dialect)

    async def _put_messages(self, rows: list[MessageRow], threads: list[str], moment: datetime) -> dict[str, datetime]:
        if len(threads) > 1:
            return await self._put_in_several(rows, threads, moment)
        stored = await self._put_in_one(rows, moment)
        if not stored:
            raise missing_threads(threads)
        return {row[0]: self._dialect.read_instant(row[1]) for row in stored}

    async def _put_in_one(self, rows: list[MessageRow], moment: datetime) -> list[Any]:
        """One statement: it bumps the thread and inserts; where there is no thread it does neither."""
        if len(rows) == 1:
            return await self._database.write(self._pg.put_one, *self._message_values(rows[0]), moment)
        ids, threads, *others = self._columns(rows)
        return await self._database.write(self._pg.put_many, threads[0], moment, ids, *others)

    async def _put_in_several(
        self, rows: list[MessageRow], threads: list[str], moment: datetime
    ) -> dict[str, datetime]:
        columns = self._columns(rows)
        wanted = self._dialect.texts(threads, "thread_id")

        async def work(session: PostgresSession) -> list[Any]:
            found = {row[0] for row in await session.fetch(self._pg.lock_threads, wanted)}
            if len(found) < len(threads):
                raise missing_threads(set(threads) - found)
            stored = await session.fetch(self._pg.put_rows, *columns)
            await session.execute(self._sql.bump_threads, wanted, moment)
            return stored

        stored = await self._database.transact(work)
        return {row[0]: self._dialect.read_instant(row[1]) for row in stored}

    async def _lock_in_order(self, session: PostgresSession, ids: list[str]) -> None:
        """All writers lock threads before messages, and each by id, so that they wait for each other in a line.

        A message that moved between the two steps leads to a thread that is not locked: then it starts again.
        """
        known = {row[0] for row in await session.fetch(self._pg.threads_of, ids)}
        await session.fetch(self._pg.lock_threads, sorted(known))
        if not {row[0] for row in await session.fetch(self._pg.lock_messages, ids)} <= known:
            raise Collision

    async def _lock_messages_of(self, session: PostgresSession, thread_id: str) -> None:
        await session.fetch(self._pg.lock_messages_of, thread_id)

    def _columns(self, rows: list[MessageRow]) -> list[list[Any]]:
        """Values by column, rows ordered by id so that concurrent saves lock in one order."""
        values = sorted((self._message_values(row) for row in rows), key=lambda row: row[0])
        return [list(column) for column in zip(*values, strict=True)]

    async def _find_windows(self, windows: list[Window], resource_id: str | None) -> list[Message]:
        ids = [self._dialect.text(window.message_id, "include.id") for window in windows]
        resource = self._dialect.optional_text(resource_id, "resource_id")
        statement, args = self._pg.windows(windows, ids, resource)
        return self._messages(await self._database.fetch(statement, *args))

    async def _select_messages(self, query: MessageQuery) -> tuple[list[Message], int]:
        if not query.metadata:
            return await super()._select_messages(query)
        return await self._scan(query)

    async def _scan(self, query: MessageQuery) -> tuple[list[Message], int]:
        """Filter by the metadata inside the content here, chunk by chunk.

        Content is text and may be no JSON, or JSON that ``jsonb`` refuses, so the server cannot look into it; it only
        leaves out what cannot match because the keys do not occur.
        """
        statement = self._pg.scan(message_shape(query), list(query.metadata))
        args = self._message_args(query)
        end = None if query.limit is None else query.offset + query.limit
        page: list[Message] = []
        total = 0
        last: Sequence[Any] | None = None
        while True:
            cursor = (None, None) if last is None else (last[-1], last[0])
            rows = await self._database.fetch(statement, *args, *cursor, _SCAN)
            for message in self._messages(rows):
                if matches(message.content.get("metadata"), query.metadata):
                    if query.offset <= total and (end is None or total < end):
                        page.append(message)
                    total += 1
            if len(rows) < _SCAN or (end is not None and total >= end and not query.counted):
                return page, total
            last = rows[-1]
