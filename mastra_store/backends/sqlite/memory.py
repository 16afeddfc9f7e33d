"""The memory domain on SQLite."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any

from ...domains.memory_plans import MessageRow, Window
from ...domains.memory_rules import missing_threads
from ...records import Message
from ..sql.memory import SqlMemory
from .database import SqliteDatabase
from .url import open_options


class MemoryLibSQL(SqlMemory[SqliteDatabase]):
    """Threads, messages and resources in a SQLite file (or in memory), in the format of ``@mastra/libsql``.

    ``url`` as in ``Store``: ``sqlite:///app.db``, ``file:./app.db``, ``:memory:``.
    """

    def __init__(self, *, url: str, disable_init: bool = False) -> None:
        super().__init__(disable_init=disable_init)
        self._attach(SqliteDatabase(open_options(url)), owned=True)

    def _bind_statements(self) -> None:
        super()._bind_statements()
        sql, dialect = self._sql, self._dialect
        self._bump_thread = dialect.sql(
            f"UPDATE {sql.threads} SET {dialect.assign_instant('updatedAt', 2)} WHERE id = $1"
        )
        self._upsert_one = f'{sql.insert_message}{sql.keep_created} RETURNING "createdAt"'
        self._upsert_many = f"{sql.insert_message}{sql.keep_created}"
        self._dates_of = dialect.sql(f'SELECT id, "createdAt" FROM {sql.messages} WHERE {dialect.in_list("id", 1)}')
        self._windows = _WindowStatements(self)

    async def _put_messages(self, rows: list[MessageRow], threads: list[str], moment: datetime) -> dict[str, datetime]:
        values = [self._message_values(row) for row in rows]
        stamp = self._dialect.instant(moment)
        stored = {row.message.id: row.message.created_at for row in rows}

        def work(connection: sqlite3.Connection) -> list[Any]:
            missing = [id for id in threads if connection.execute(self._bump_thread, (id, stamp)).rowcount == 0]
            if missing:
                raise missing_threads(missing)
            if len(values) == 1:
                return [(values[0][0], connection.execute(self._upsert_one, values[0]).fetchone()[0])]
            ids = self._dialect.texts(list(stored), "id")
            dates = connection.execute(self._dates_of, (ids,)).fetchall()
            connection.executemany(self._upsert_many, values)
            return dates

        for id, created_at in await self._database.write(work):
            stored[id] = self._dialect.read_instant(created_at)
        return stored

    async def _find_windows(self, windows: list[Window], resource_id: str | None) -> list[Message]:
        resource = self._dialect.optional_text(resource_id, "resource_id")
        for window in windows:
            self._dialect.text(window.message_id, "include.id")
        statements = self._windows

        def work(connection: sqlite3.Connection) -> list[Any]:
            return [row for window in windows for row in statements.rows(connection, window, resource)]

        return self._messages(await self._database.read(work))


class _WindowStatements:
    """The statements of one included message: itself, those before it, those after it (M27, M28)."""

    def __init__(self, storage: MemoryLibSQL) -> None:
        sql = storage._sql
        owned = '(?3 IS NULL OR "resourceId" = ?3)'
        select = f"SELECT {sql.message_columns} FROM {sql.messages} WHERE"
        self._target = f'{select} id = ?1 AND (?2 IS NULL OR "resourceId" = ?2)'
        self._before = (
            f'{select} thread_id = ?1 AND "createdAt" <= ?2 AND ("createdAt" < ?2 OR id < ?4) AND {owned} '
            f"ORDER BY {sql.order('createdAt', True)} LIMIT ?5"
        )
        self._after = (
            f'{select} thread_id = ?1 AND "createdAt" >= ?2 AND ("createdAt" > ?2 OR id > ?4) AND {owned} '
            f"ORDER BY {sql.order('createdAt', False)} LIMIT ?5"
        )

    def rows(self, connection: sqlite3.Connection, window: Window, resource: str | None) -> list[Any]:
        target = connection.execute(self._target, (window.message_id, resource)).fetchone()
        if target is None:
            return []
        place = (target[1], target[5], resource, target[0])
        rows = [target]
        for statement, limit in ((self._before, window.before), (self._after, window.after)):
            if limit:
                rows += connection.execute(statement, (*place, limit)).fetchall()
        return rows
