"""The statements of the memory domain, built once per binding from the models and the dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...models import memory as models
from ...models.base import StoredModel
from ...models.binding import columns_of, table_of
from ...models.columns import Column, InstantColumn, JsonColumn
from .cache import StatementCache
from .dialect import Dialect

_LARGEST_LITERAL = 1000


class Limit(NamedTuple):
    """How a page is limited: not at all, by parameters, or by a literal.

    PostgreSQL keeps a plan only when it knows the limit; with a parameter it plans anew at every call.
    """

    present: bool
    literal: int | None

    def sql(self, used: int) -> str:
        """The clause; ``used`` parameters come before it."""
        if not self.present:
            return ""
        return f" LIMIT ${used + 1} OFFSET ${used + 2}" if self.literal is None else f" LIMIT {self.literal}"

    @classmethod
    def of(cls, limit: int | None, offset: int) -> Limit:
        """A first page of ordinary size gets a literal."""
        literal = limit if limit is not None and limit <= _LARGEST_LITERAL and offset == 0 else None
        return cls(limit is not None, literal)

    def args(self, limit: int, offset: int) -> tuple[int, ...]:
        """Its parameters."""
        return (limit, offset) if self.present and self.literal is None else ()


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
        qualify: Callable[[str], str] = lambda name: f'"{schema}"."{name}"' if schema else f'"{name}"'  # noqa: E731
        self.threads, self.messages, self.resources = (qualify(table_of(model)) for model in models.MODELS)
        self.thread_columns = self._read_columns(models.Thread)
        self.message_columns = self._read_columns(models.Message)
        self.resource_columns = self._read_columns(models.Resource)
        self._message_pages: StatementCache[MessageShape, tuple[str, str]] = StatementCache(self._message_page)
        self._thread_pages: StatementCache[ThreadShape, tuple[str, str]] = StatementCache(self._thread_page)
        lock = dialect.row_lock
        sql = dialect.sql
        self.find_thread = sql(f"SELECT {self.thread_columns} FROM {self.threads} WHERE id = $1")
        self.lock_thread = self.find_thread + lock
        self.find_resource = sql(f"SELECT {self.resource_columns} FROM {self.resources} WHERE id = $1")
        self.lock_resource = self.find_resource + lock
        self.put_thread = self._upsert(models.Thread, self.threads)
        self.put_resource = self._upsert(models.Resource, self.resources)
        self.add_thread = self._insert(models.Thread, self.threads) + " ON CONFLICT (id) DO NOTHING"
        self.add_resource = self._insert(models.Resource, self.resources) + " ON CONFLICT (id) DO NOTHING"
        self.insert_message = self._insert(models.Message, self.messages)
        self.keep_created = self._keep_created()
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
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        order = self.order("createdAt", shape.descending)
        used = len(conditions)
        page, count = self._page(self.messages, self.message_columns, where, order, used, shape.limit, shape.counted)
        if shape.threads < 2 or not shape.limit.present:
            return page, count
        # No index delivers several threads in one order, and what is sorted should not carry every message's content.
        keys = f"SELECT id FROM {self.messages}{where} ORDER BY {order}{shape.limit.sql(used)}"
        total = f", ({count})" if shape.counted else ""
        page = f"SELECT {self.message_columns}{total} FROM {self.messages} WHERE id IN ({keys}) ORDER BY {order}"
        return self._dialect.sql(page), count

    def _thread_page(self, shape: ThreadShape) -> tuple[str, str]:
        conditions = [shape.condition] if shape.condition else []
        used = shape.parameters
        if shape.resource:
            used += 1
            conditions.append(f'"resourceId" = ${used}')
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        order = self._thread_order(shape)
        return self._page(self.threads, self.thread_columns, where, order, used, shape.limit, True)

    def _thread_order(self, shape: ThreadShape) -> str:
        """Mastra bumps ``updatedAt`` with ``NOW()``, which in the plain column is local time: the twin orders it."""
        if shape.field == "created_at":
            return self.order("createdAt", shape.descending)
        way = " DESC" if shape.descending else ""
        return f"{self._dialect.read_instant_sql('updatedAt')}{way}, {self._dialect.by_code_point('id')}{way}"

    def _page(
        self, table: str, columns: str, where: str, order: str, used: int, limit: Limit, counted: bool
    ) -> tuple[str, str]:
        """The total comes with each row as a scalar sub-select: one statement, and the index alone answers it."""
        count = f"SELECT count(*) FROM {table}{where}"
        total = f", ({count})" if limit.present and counted else ""
        page = f"SELECT {columns}{total} FROM {table}{where} ORDER BY {order}{limit.sql(used)}"
        return self._dialect.sql(page), self._dialect.sql(count)

    def _read_columns(self, model: type[StoredModel]) -> str:
        return ", ".join(self._read(column) for column in columns_of(model))

    def _read(self, column: Column) -> str:
        if isinstance(column, InstantColumn):
            return self._dialect.read_instant_sql(column.column_name)
        if isinstance(column, JsonColumn):
            return self._dialect.read_json_sql(f'"{column.column_name}"')
        return f'"{column.column_name}"'

    def _write(self, column: Column, number: int) -> tuple[list[str], list[str]]:
        """Physical columns and the expressions that fill them from one parameter."""
        if isinstance(column, InstantColumn):
            return self._dialect.instant_columns(column.column_name), self._dialect.instant_values(number)
        value = self._dialect.json_parameter(number) if isinstance(column, JsonColumn) else f"${number}"
        return [f'"{column.column_name}"'], [value]

    def _insert(self, model: type[StoredModel], table: str) -> str:
        names: list[str] = []
        values: list[str] = []
        for number, column in enumerate(columns_of(model), start=1):
            more_names, more_values = self._write(column, number)
            names += more_names
            values += more_values
        return self._dialect.sql(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(values)})")

    def _upsert(self, model: type[StoredModel], table: str) -> str:
        names = [name for column in columns_of(model)[1:] for name in self._write(column, 0)[0]]
        sets = ", ".join(f"{name} = excluded.{name}" for name in names)
        return f"{self._insert(model, table)} ON CONFLICT (id) DO UPDATE SET {sets}"

    def _keep_created(self) -> str:
        """The conflict clause of messages: everything is replaced but ``createdAt`` (M17)."""
        replaced = ("thread_id", "content", "role", "type", '"resourceId"')
        return f" ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in replaced)}"

    def _assign(self, column: str, number: int) -> str:
        value = self._dialect.json_parameter(number) if column == "metadata" else f"${number}"
        return f'"{column}" = {value}'

    def _update_message(self, *, content: bool) -> str:
        sets = 'thread_id = $2, role = $3, type = $4, "resourceId" = $5' + (", content = $6" if content else "")
        return self._dialect.sql(f"UPDATE {self.messages} SET {sets} WHERE id = $1")
