"""The statements of the workflows domain, built once per binding from the model and the dialect."""

from __future__ import annotations

from typing import NamedTuple

from ...models import workflows as models
from .cache import StatementCache
from .dialect import Dialect
from .paging import Limit, Listing, page_statements, where_clause
from .table import TableSql


class RunShape(NamedTuple):
    """Which filters a list of runs has, in the order of their parameters; one statement is kept per shape."""

    filters: tuple[str, ...]
    limit: Limit


class WorkflowsSql:
    """Statements for one dialect and schema. ``$n`` parameters are already in the dialect's style."""

    def __init__(self, dialect: Dialect, schema: str | None) -> None:
        self._dialect = dialect
        self.table = TableSql(models.WorkflowSnapshot, dialect, schema)
        name, sql = self.table.name, dialect.sql
        self._pages: StatementCache[RunShape, tuple[str, str]] = StatementCache(self._page)
        # W2: createdAt stays, and so does a resource that the new state does not name.
        resource = 'COALESCE(excluded."resourceId", stored."resourceId")'
        replace = self.table.on_conflict(kept=("created_at",), instead={"resource_id": resource})
        self.put = self.table.insert() + replace
        self.add = self.table.insert() + f" ON CONFLICT ({self.table.key_list}) DO NOTHING"
        one = "workflow_name = $1 AND run_id = $2"
        snapshot = self.table.read(["snapshot"])
        self.find_snapshot = sql(f"SELECT {snapshot} FROM {name} WHERE {one}")
        self.lock_snapshot = self.find_snapshot + dialect.row_lock
        written = f"{self.table.assign('snapshot', 3)}, {self.table.assign('updated_at', 4)}"
        self.write_snapshot = sql(f"UPDATE {name} SET {written} WHERE {one}")
        select = f"SELECT {self.table.read()} FROM {name} WHERE"
        self.find = sql(f"{select} {one}")
        self.find_newest = sql(f"{select} run_id = $1 ORDER BY {self._order()} LIMIT 1")
        self.remove = sql(f"DELETE FROM {name} WHERE {one}")
        self.clear = self.table.delete()

    def page(self, shape: RunShape) -> tuple[str, str]:
        """The statement of a page and that of its count; parameters: conditions, then limit and offset."""
        return self._pages[shape]

    def _page(self, shape: RunShape) -> tuple[str, str]:
        conditions = [self._condition(name, number) for number, name in enumerate(shape.filters, start=1)]
        where = where_clause(conditions)
        listing = Listing(self.table.name, self.table.read(), where, self._order(), len(conditions))
        return page_statements(self._dialect, listing, shape.limit, keys=self.table.key_list)

    def _condition(self, name: str, number: int) -> str:
        created = self._dialect.read_instant_sql("createdAt")
        conditions = {
            "workflow_name": f"workflow_name = ${number}",
            "status": self._dialect.status_condition("snapshot", number),
            "resource_id": self.table.equals("resource_id", number),
            "thread_id": self._dialect.thread_condition("snapshot", number),
            "start": f"{created} >= {self._dialect.read_parameter(number)}",
            "end": f"{created} < {self._dialect.read_parameter(number)}",
        }
        return conditions[name]

    def _order(self) -> str:
        """Newest first (W9), by the instant itself: Mastra writes the plain column in local time."""
        ids = ", ".join(f"{self._dialect.by_code_point(name)} DESC" for name in ("run_id", "workflow_name"))
        return f"{self._dialect.read_instant_sql('createdAt')} DESC, {ids}"
