"""The statements of the memory domain, built once per binding from the models and the dialect."""

from __future__ import annotations

from typing import NamedTuple

from ...models import memory as models
from .cache import StatementCache
from .dialect import Dialect
from .paging import Limit, Listing, page_statements, where_clause
from .table import TableSql


class MessageShape(NamedTuple):
    """Which conditions a list of messages has; one statement is kept per shape."""

    threads: int
    """0 for every thread, 1 for one, 2 for a list."""
    resource: bool
    start: bool
    end: bool
    descending: bool
    limit: Limit
    counted: bool
    filtered: bool


class ThreadShape(NamedTuple):
    """Which conditions a list of threads has."""

    resource: bool
    condition: str
    """The metadata condition, whose parameters come first."""
    parameters: int
    field: str
    descending: bool
    limit: Limit


class MemorySql:
    """Statements and fragments for one dialect and schema. ``$n`` parameters are already in the dialect's style."""

    def __init__(self, dialect: Dialect, schema: str | None) -> None:
        self._dialect = dialect
        threads, messages, resources = (TableSql(model, dialect, schema) for model in models.MODELS)
        self.threads, self.messages, self.resources = threads.name, messages.name, resources.name
        self.thread_columns, self.message_columns, self.resource_columns = (
            table.read() for table in (threads, messages, resources)
        )
        self._message_pages: StatementCache[MessageShape, tuple[str, str]] = StatementCache(self._message_page)
        self._thread_pages: StatementCache[ThreadShape, tuple[str, str]] = StatementCache(self._thread_page)
        lock = dialect.row_lock
        sql = dialect.sql
        self.find_thread = sql(f"SELECT {self.thread_columns} FROM {self.threads} WHERE id = $1")
        self.lock_thread = self.find_thread + lock
        self.find_resource = sql(f"SELECT {self.resource_columns} FROM {self.resources} WHERE id = $1")
        self.lock_resource = self.find_resource + lock
        self.put_thread = threads.insert() + threads.on_conflict()
        self.put_resource = resources.insert() + resources.on_conflict()
        self.add_thread = threads.insert() + " ON CONFLICT (id) DO NOTHING"
        self.add_resource = resources.insert() + " ON CONFLICT (id) DO NOTHING"
        self.insert_message = messages.insert()
        self.keep_created = messages.on_conflict(kept=("created_at",))  # M17
        moved = f'"resourceId" = $2, {dialect.assign_instant("updatedAt", 3)}'
        self.move_thread = sql(f"UPDATE {self.threads} SET {moved} WHERE id = $1")
        self.move_messages = sql(f'UPDATE {self.messages} SET "resourceId" = $2 WHERE thread_id = $1')
        self.delete_messages_of_thread = sql(f"DELETE FROM {self.messages} WHERE thread_id = $1")
        self.delete_thread = sql(f"DELETE FROM {self.threads} WHERE id = $1")
        in_ids = dialect.in_list("id", 1)
        self.find_messages = sql(f"SELECT {self.message_columns} FROM {self.messages} WHERE {in_ids}")
        self.find_messages_ordered = f"{self.find_messages} ORDER BY {self.order('createdAt', False)}"
        self.delete_messages = sql(f"DELETE FROM {self.messages} WHERE {in_ids} RETURNING thread_id")
        self.bump_threads = sql(f"UPDATE {self.threads} SET {dialect.assign_instant('updatedAt', 2)} WHERE {in_ids}")
        self.update_message = self._update_message(content=True)
        self.update_message_but_content = self._update_message(content=False)
        self.clear = [f"DELETE FROM {table}" for table in (self.messages, self.threads, self.resources)]

    def order(self, column: str, descending: bool) -> str:
        """Order by a column, then by id in the same direction (G5)."""
        way = " DESC" if descending else ""
        return f'"{column}"{way}, {self._dialect.by_code_point("id")}{way}'

    def change(self, table: str, columns: list[str]) -> str:
        """An update of some columns of the row with id ``$1``; ``updatedAt`` is always the last parameter."""
        sets = [self._assign(column, number) for number, column in enumerate(columns, start=2)]
        sets.append(self._dialect.assign_instant("updatedAt", len(columns) + 2))
        return self._dialect.sql(f"UPDATE {table} SET {', '.join(sets)} WHERE id = $1")

    def message_page(self, shape: MessageShape) -> tuple[str, str]:
        """The statement of a page and that of its count; parameters: conditions, then limit and offset."""
        return self._message_pages[shape]

    def thread_page(self, shape: ThreadShape) -> tuple[str, str]:
        """The statement of a page and that of its count; parameters: conditions, then limit and offset."""
        return self._thread_pages[shape]

    def message_conditions(self, shape: MessageShape) -> list[str]:
        """The conditions of a shape, numbered from 1 in the order of its fields (the filter is the backend's own)."""
        conditions: list[str] = []
        if shape.threads:
            conditions.append("thread_id = $1" if shape.threads == 1 else self._dialect.in_list("thread_id", 1))
        if shape.resource:
            conditions.append(f'"resourceId" = ${len(conditions) + 1}')
        if shape.start:
            conditions.append(f'"createdAt" >= {self._dialect.instant_values(len(conditions) + 1)[0]}')
        if shape.end:
            conditions.append(f'"createdAt" < {self._dialect.instant_values(len(conditions) + 1)[0]}')
        return conditions

    def copied_ids(self, *, start: bool, end: bool, ids: bool, limited: bool) -> str:
        """Ids of the messages to copy, newest first; parameters: thread, then those that are present (M40)."""
        shape = MessageShape(1, False, start, end, True, Limit(limited, None), False, False)
        conditions = self.message_conditions(shape)
        if ids:
            conditions.append(self._dialect.in_list("id", len(conditions) + 1))
        limit = f" LIMIT ${len(conditions) + 1}" if limited else ""
        text = (
            f"SELECT id FROM {self.messages} WHERE {' AND '.join(conditions)} ORDER BY {self.order('createdAt', True)}"
        )
        return self._dialect.sql(text + limit)

    def copy_messages(self, pairs: str) -> str:
        """Copy rows under new ids; ``pairs`` has ``old_id`` and ``new_id``, ``$2`` the thread, ``$3`` its resource."""
        instants = ", ".join(self._dialect.instant_columns("createdAt"))
        kept = f"content, role, type, {instants}"
        return self._dialect.sql(
            f'INSERT INTO {self.messages} (id, thread_id, "resourceId", {kept}) '
            f"SELECT pair.new_id, $2, $3, {kept} FROM {pairs} AS pair JOIN {self.messages} AS m ON m.id = pair.old_id"
        )

    def _message_page(self, shape: MessageShape) -> tuple[str, str]:
        conditions = self.message_conditions(shape)
        if shape.filtered:
            conditions.append(self._dialect.content_condition("content", len(conditions) + 1))
        where = where_clause(conditions)
        order = self.order("createdAt", shape.descending)
        used = len(conditions)
        listing = Listing(self.messages, self.message_columns, where, order, used)
        # No index delivers several threads in one order.
        keys = "id" if shape.threads > 1 else ""
        return page_statements(self._dialect, listing, shape.limit, counted=shape.counted, keys=keys)

    def _thread_page(self, shape: ThreadShape) -> tuple[str, str]:
        conditions = [shape.condition] if shape.condition else []
        used = shape.parameters
        if shape.resource:
            used += 1
            conditions.append(f'"resourceId" = ${used}')
        where = where_clause(conditions)
        order = self._thread_order(shape)
        return page_statements(
            self._dialect, Listing(self.threads, self.thread_columns, where, order, used), shape.limit
        )

    def _thread_order(self, shape: ThreadShape) -> str:
        """Mastra bumps ``updatedAt`` with ``NOW()``, which in the plain column is local time: the twin orders it."""
        if shape.field == "created_at":
            return self.order("createdAt", shape.descending)
        way = " DESC" if shape.descending else ""
        return f"{self._dialect.read_instant_sql('updatedAt')}{way}, {self._dialect.by_code_point('id')}{way}"

    def _assign(self, column: str, number: int) -> str:
        value = self._dialect.json_parameter(number) if column == "metadata" else f"${number}"
        return f'"{column}" = {value}'

    def _update_message(self, *, content: bool) -> str:
        sets = 'thread_id = $2, role = $3, type = $4, "resourceId" = $5' + (", content = $6" if content else "")
        return self._dialect.sql(f"UPDATE {self.messages} SET {sets} WHERE id = $1")
