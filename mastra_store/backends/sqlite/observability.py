"""The observability domain on SQLite."""

from __future__ import annotations

import sqlite3

from ...domains.span_plans import SpanChange, SpanRow
from ...domains.unstorable import UnstorableText
from ..sql.observability import SqlObservability
from .batch import BatchInsert
from .database import SqliteDatabase
from .url import open_options


class ObservabilityLibSQL(SqlObservability[SqliteDatabase]):
    """Spans in a SQLite file (or in memory), in the format of ``@mastra/libsql``.

    ``url`` as in ``Store``: ``sqlite:///app.db``, ``file:./app.db``, ``:memory:``. ``unstorable_text`` as in ``Store``.
    """

    def __init__(self, *, url: str, disable_init: bool = False, unstorable_text: UnstorableText = "error") -> None:
        super().__init__(disable_init=disable_init)
        self._set_unstorable_text(unstorable_text)
        self._attach(SqliteDatabase(open_options(url)), owned=True)

    def _bind_statements(self) -> None:
        super()._bind_statements()
        self._insert = BatchInsert(self._sql.table, self._sql.replace)

    async def _put_spans(self, rows: list[SpanRow]) -> None:
        values = self._parameters(rows)
        await self._database.write(lambda connection: self._insert.run(connection, values))

    async def _change_spans(self, changes: list[SpanChange]) -> None:
        changed = self._all_changed(changes)

        def work(connection: sqlite3.Connection) -> None:
            for attributes, args in changed:
                connection.execute(self._sql.update(attributes), args)

        await self._database.write(work)
