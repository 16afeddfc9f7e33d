"""Statements of the memory domain in which PostgreSQL does in one trip what would take several."""

from __future__ import annotations

from ..sql.dialect import Dialect
from ..sql.memory_sql import MemorySql, MessageShape

_COLUMNS = 'id, thread_id, content, role, type, "createdAt", "createdAtZ", "resourceId"'
_STORED = 'RETURNING id, COALESCE("createdAtZ", "createdAt" AT TIME ZONE \'UTC\')'


class PostgresMemorySql:
    """Built once per binding, beside the statements that all dialects share."""

    def __init__(self, sql: MemorySql, dialect: Dialect) -> None:
        self._sql = sql
        self._dialect = dialect
        self._scans: dict[tuple[MessageShape, tuple[str, ...]], str] = {}
        self.lock_threads = (
            f"SELECT id FROM {sql.threads} WHERE {dialect.in_list('id', 1)} ORDER BY id FOR NO KEY UPDATE"
        )
        self.put_one = self._put_one()
        self.put_many = self._put_many()
        self.put_rows = self._put_rows()
        self.windows = self._windows()

    def scan(self, shape: MessageShape, keys: list[str]) -> str:
        """A chunk of the messages in whose content all keys occur; parameters: conditions, cursor time and id, size."""
        key = (shape, tuple(sorted(keys)))
        if key not in self._scans:
            self._scans[key] = self._scan(shape, key[1])
        return self._scans[key]

    def _put_one(self) -> str:
        """``$1`` to ``$7`` are the columns of the message, ``$8`` the time of the bump."""
        plain, twin = self._dialect.instant_values(6)
        values = f"$1::text, $2::text, $3::text, $4::text, $5::text, {plain}, {twin}, $7::text"
        return (
            f"WITH bumped AS (UPDATE {self._sql.threads} SET {self._dialect.assign_instant('updatedAt', 8)} "
            f"WHERE id = $2::text RETURNING 1) INSERT INTO {self._sql.messages} ({_COLUMNS}) "
            f"SELECT {values} FROM bumped{self._sql.keep_created} {_STORED}"
        )

    def _put_many(self) -> str:
        """``$1`` is the thread, ``$2`` the time of the bump, then one array per other column."""
        return (
            f"WITH bumped AS (UPDATE {self._sql.threads} SET {self._dialect.assign_instant('updatedAt', 2)} "
            f"WHERE id = $1::text RETURNING 1) INSERT INTO {self._sql.messages} ({_COLUMNS}) "
            "SELECT m.id, $1::text, m.content, m.role, m.type, m.created AT TIME ZONE 'UTC', m.created, m.resource "
            "FROM bumped, unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[]) "
            f"AS m(id, content, role, type, created, resource){self._sql.keep_created} {_STORED}"
        )

    def _put_rows(self) -> str:
        """One array per column; threads are locked and bumped apart."""
        return (
            f"INSERT INTO {self._sql.messages} ({_COLUMNS}) "
            "SELECT m.id, m.thread, m.content, m.role, m.type, m.created AT TIME ZONE 'UTC', m.created, m.resource "
            "FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[]) "
            f"AS m(id, thread, content, role, type, created, resource){self._sql.keep_created} {_STORED}"
        )

    def _windows(self) -> str:
        """All windows in one statement: each target, those before it by position, those after it (M27, M28)."""
        sql = self._sql
        id_of_t, id_of_m = self._dialect.by_code_point("t.id"), self._dialect.by_code_point("m.id")
        owned = '($4::text IS NULL OR m."resourceId" = $4)'
        select = f"SELECT m.* FROM {sql.messages} AS m WHERE m.thread_id = t.thread_id AND {owned}"
        before = (
            f'({select} AND m."createdAt" <= t."createdAt" '
            f'AND (m."createdAt" < t."createdAt" OR {id_of_m} <= {id_of_t}) '
            f'ORDER BY m."createdAt" DESC, {id_of_m} DESC LIMIT w.before + 1)'
        )
        after = (
            f'({select} AND m."createdAt" >= t."createdAt" '
            f'AND (m."createdAt" > t."createdAt" OR {id_of_m} > {id_of_t}) '
            f'ORDER BY m."createdAt", {id_of_m} LIMIT w.after)'
        )
        targets = f'JOIN {sql.messages} AS t ON t.id = w.id AND ($4::text IS NULL OR t."resourceId" = $4)'
        return (
            f"SELECT {sql.message_columns} FROM (SELECT win.* FROM unnest($1::text[], $2::bigint[], $3::bigint[]) "
            f"AS w(id, before, after) {targets} CROSS JOIN LATERAL ({before} UNION ALL {after}) AS win) AS included"
        )

    def _scan(self, shape: MessageShape, keys: tuple[str, ...]) -> str:
        conditions = self._sql.message_conditions(shape)
        # A key stands in the text as it is, unless some writer chose to escape it.
        conditions += [rf"""(strpos(content, '"{key}"') > 0 OR strpos(content, '\u') > 0)""" for key in keys]
        time, id, size = (len(self._sql.message_conditions(shape)) + number for number in (1, 2, 3))
        way = "<" if shape.descending else ">"
        own_id = self._dialect.by_code_point("id")
        conditions.append(
            f'(${id}::text IS NULL OR ("createdAt" {way}= ${time}::timestamp AND '
            f'("createdAt" {way} ${time}::timestamp OR {own_id} {way} ${id}::text)))'
        )
        return (
            f'SELECT {self._sql.message_columns}, "createdAt" FROM {self._sql.messages} '
            f"WHERE {' AND '.join(conditions)} "
            f"ORDER BY {self._sql.order('createdAt', shape.descending)} LIMIT ${size}"
        )
