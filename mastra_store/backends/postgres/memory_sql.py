"""Statements of the memory domain in which PostgreSQL does in one trip what would take several."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...domains.memory_plans import Window
from ..sql.cache import StatementCache
from ..sql.dialect import Dialect
from ..sql.memory_sql import MemorySql, MessageShape

_COLUMNS = 'id, thread_id, content, role, type, "createdAt", "createdAtZ", "resourceId"'

_FEW, _SMALL = 16, 100


class WindowShape(NamedTuple):
    """How many included messages, with how many neighbours each, and whether only those of one resource."""

    windows: int
    before: int
    after: int
    owned: bool


class PostgresMemorySql:
    """Built once per binding, beside the statements that all dialects share."""

    def __init__(self, sql: MemorySql, dialect: Dialect) -> None:
        self._sql = sql
        self._dialect = dialect
        self._scans: StatementCache[tuple[MessageShape, tuple[str, ...]], str] = StatementCache(self._scan)
        self._windows: StatementCache[WindowShape, str] = StatementCache(self._window)
        in_ids, by_id = dialect.in_list("id", 1), f"ORDER BY {dialect.by_code_point('id')}"
        self.lock_threads = f"SELECT id FROM {sql.threads} WHERE {in_ids} {by_id} FOR NO KEY UPDATE"
        self.threads_of = f"SELECT DISTINCT thread_id FROM {sql.messages} WHERE {in_ids}"
        self.lock_messages = f"SELECT thread_id FROM {sql.messages} WHERE {in_ids} {by_id} FOR UPDATE"
        self.lock_messages_of = f"SELECT 1 FROM {sql.messages} WHERE thread_id = $1 {by_id} FOR UPDATE"
        self._stored = f"RETURNING id, {dialect.read_instant_sql('createdAt')}"
        self.put_one = self._put_one()
        self.put_many = self._put_many()
        self.put_rows = self._put_rows()
        self._many_windows = self._windows_of_any_size()

    def scan(self, shape: MessageShape, keys: list[str]) -> str:
        """A chunk of the messages in whose content all keys occur; parameters: conditions, cursor time and id, size."""
        return self._scans[shape, tuple(sorted(keys))]

    def windows(self, windows: list[Window], ids: list[str], resource: str | None) -> tuple[str, list[Any]]:
        """The statement of included messages, and its parameters (M27, M28).

        A few windows of one ordinary size have a statement of their own, whose plan PostgreSQL can keep.
        """
        sizes = {(window.before, window.after) for window in windows}
        if len(sizes) == 1 and len(windows) <= _FEW and max(*sizes.pop()) <= _SMALL:
            shape = WindowShape(len(windows), windows[0].before, windows[0].after, resource is not None)
            return self._windows[shape], [*ids, resource] if shape.owned else list(ids)
        counts = [window.before for window in windows], [window.after for window in windows]
        return self._many_windows, [ids, *counts, resource]

    def _put_one(self) -> str:
        """``$1`` to ``$7`` are the columns of the message, ``$8`` the time of the bump."""
        plain, twin = self._dialect.instant_values(6)
        values = f"$1::text, $2::text, $3::text, $4::text, $5::text, {plain}, {twin}, $7::text"
        return (
            f"WITH bumped AS (UPDATE {self._sql.threads} SET {self._dialect.assign_instant('updatedAt', 8)} "
            f"WHERE id = $2::text RETURNING 1) INSERT INTO {self._sql.messages} ({_COLUMNS}) "
            f"SELECT {values} FROM bumped{self._sql.keep_created} {self._stored}"
        )

    def _put_many(self) -> str:
        """``$1`` is the thread, ``$2`` the time of the bump, then one array per other column."""
        return (
            f"WITH bumped AS (UPDATE {self._sql.threads} SET {self._dialect.assign_instant('updatedAt', 2)} "
            f"WHERE id = $1::text RETURNING 1) INSERT INTO {self._sql.messages} ({_COLUMNS}) "
            "SELECT m.id, $1::text, m.content, m.role, m.type, m.created AT TIME ZONE 'UTC', m.created, m.resource "
            "FROM bumped, unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::text[]) "
            f"AS m(id, content, role, type, created, resource){self._sql.keep_created} {self._stored}"
        )

    def _put_rows(self) -> str:
        """One array per column; threads are locked and bumped apart."""
        return (
            f"INSERT INTO {self._sql.messages} ({_COLUMNS}) "
            "SELECT m.id, m.thread, m.content, m.role, m.type, m.created AT TIME ZONE 'UTC', m.created, m.resource "
            "FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[]) "
            f"AS m(id, thread, content, role, type, created, resource){self._sql.keep_created} {self._stored}"
        )

    def _window(self, shape: WindowShape) -> str:
        """``$1`` to ``$n`` are the ids, ``$n+1`` the resource if there is one."""
        resource = f"${shape.windows + 1}" if shape.owned else None
        near = self._neighbours(f"{shape.before} + 1", str(shape.after), _owner("m", resource))
        targets = " UNION ALL ".join(
            f"SELECT near.* FROM {self._sql.messages} AS t CROSS JOIN LATERAL ({near}) AS near "
            f"WHERE t.id = ${number}{_owner('t', resource)}"
            for number in range(1, shape.windows + 1)
        )
        return f"SELECT {self._sql.message_columns} FROM ({targets}) AS included"

    def _windows_of_any_size(self) -> str:
        """``$1`` ids, ``$2`` and ``$3`` how many before and after, ``$4`` the resource or NULL."""
        near = self._neighbours("w.before + 1", "w.after", ' AND ($4::text IS NULL OR m."resourceId" = $4)')
        targets = f'JOIN {self._sql.messages} AS t ON t.id = w.id AND ($4::text IS NULL OR t."resourceId" = $4)'
        return (
            f"SELECT {self._sql.message_columns} FROM (SELECT near.* "
            "FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS w(id, before, after) "
            f"{targets} CROSS JOIN LATERAL ({near}) AS near) AS included"
        )

    def _neighbours(self, before: str, after: str, owner: str) -> str:
        """The target ``t`` and those before it by position, then those after it."""
        id_of_t, id_of_m = self._dialect.by_code_point("t.id"), self._dialect.by_code_point("m.id")
        select = f"SELECT m.* FROM {self._sql.messages} AS m WHERE m.thread_id = t.thread_id{owner}"
        return (
            f'({select} AND m."createdAt" <= t."createdAt" '
            f'AND (m."createdAt" < t."createdAt" OR {id_of_m} <= {id_of_t}) '
            f'ORDER BY m."createdAt" DESC, {id_of_m} DESC LIMIT {before}) UNION ALL '
            f'({select} AND m."createdAt" >= t."createdAt" '
            f'AND (m."createdAt" > t."createdAt" OR {id_of_m} > {id_of_t}) '
            f'ORDER BY m."createdAt", {id_of_m} LIMIT {after})'
        )

    def _scan(self, key: tuple[MessageShape, tuple[str, ...]]) -> str:
        shape, keys = key
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


def _owner(table: str, resource: str | None) -> str:
    return "" if resource is None else f' AND {table}."resourceId" = {resource}::text'
