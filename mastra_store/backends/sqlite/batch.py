"""Inserting many rows in SQLite: several rows per statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from ..sql.cache import StatementCache
from ..sql.table import TableSql

_ROWS = 50
_PARAMETERS = 32_000
"""SQLite takes 32,766 in one statement."""


class BatchInsert:
    """``INSERT`` of any number of rows, each as ``TableSql.values`` gives them; ``tail`` is what follows the values."""

    def __init__(self, table: TableSql, tail: str = "") -> None:
        names = table.physical_columns()
        self._head = f"INSERT INTO {table.name} AS stored ({', '.join(names)}) VALUES "
        self._row = f"({', '.join('?' * len(names))})"
        self._tail = tail
        self._size = max(1, min(_ROWS, _PARAMETERS // len(names)))
        self._statements: StatementCache[int, str] = StatementCache(self._statement)

    def run(self, connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> None:
        """Insert the rows, within the transaction that is open."""
        for start in range(0, len(rows), self._size):
            chunk = rows[start : start + self._size]
            connection.execute(self._statements[len(chunk)], [value for row in chunk for value in row])

    def _statement(self, rows: int) -> str:
        return self._head + ", ".join([self._row] * rows) + self._tail
