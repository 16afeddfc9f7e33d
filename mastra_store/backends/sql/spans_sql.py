"""The statements of the observability domain, built once per binding from the model and the dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from ...models import observability as models
from .cache import StatementCache
from .dialect import Dialect
from .paging import Limit, Listing, page_statements, where_clause
from .table import TableSql

STRUCTURE = (
    "trace_id",
    "span_id",
    "parent_span_id",
    "name",
    "span_type",
    "is_event",
    "started_at",
    "ended_at",
    "error",
    "entity_type",
    "entity_id",
    "entity_name",
    "created_at",
    "updated_at",
)
"""What the structure of a trace reads (O15)."""
LIGHT = (*STRUCTURE, "metadata", "input")
"""What light lists read: the input only for its preview (O25, O26)."""


class Bounds(NamedTuple):
    """Which ends a range of times has."""

    start: bool
    end: bool


class SpanShape(NamedTuple):
    """Which conditions a list of spans has; one statement is kept per shape. Parameters come in this order."""

    light: bool
    roots: bool
    equal: tuple[str, ...]
    started: Bounds
    ended: Bounds
    objects: tuple[str, ...]
    tags: bool
    status: str | None
    has_child_error: bool | None
    order: tuple[str, bool]
    limit: Limit

    @property
    def filtered(self) -> bool:
        """Whether the index that has the order may not be the one that finds the rows."""
        given = (self.equal, any(self.started), any(self.ended), self.objects, self.tags, self.status)
        return any(given) or self.has_child_error is not None or self.order[0] != "started_at"


class SpansSql:
    """Statements for one dialect and schema. ``$n`` parameters are already in the dialect's style."""

    def __init__(self, dialect: Dialect, schema: str | None) -> None:
        self._dialect = dialect
        self.table = TableSql(models.Span, dialect, schema)
        self._pages: StatementCache[SpanShape, tuple[str, str]] = StatementCache(self._page)
        self._updates: StatementCache[tuple[str, ...], str] = StatementCache(self._update)
        name, sql = self.table.name, dialect.sql
        self.replace = self.table.on_conflict(kept=("created_at",))  # O1
        self.put = self.table.insert() + self.replace
        ordered = f'ORDER BY "startedAt", {dialect.by_code_point(self.table.column("span_id"))}'
        select, of_trace = f"SELECT {self.table.read()} FROM {name} WHERE", '"traceId" = $1'
        self.find_one = sql(f'{select} {of_trace} AND "spanId" = $2')
        some = dialect.in_list('"spanId"', 2)
        self.find_some = sql(f"{select} {of_trace} AND {some} {ordered}")
        self.find_all = sql(f"{select} {of_trace} {ordered}")
        self.find_root = sql(f"{select} {of_trace} AND {models.ROOT} {ordered} LIMIT 1")
        self.structure = sql(f"SELECT {self.table.read(STRUCTURE)} FROM {name} WHERE {of_trace} {ordered}")
        self.links = sql(f'SELECT "spanId", "parentSpanId" FROM {name} WHERE {of_trace}')
        self.clear = self.table.delete()

    def page(self, shape: SpanShape) -> tuple[str, str]:
        """The statement of a page and that of its count."""
        return self._pages[shape]

    def update(self, attributes: tuple[str, ...]) -> str:
        """An update of some attributes of one span; parameters: both ids, the attributes, the time."""
        return self._updates[attributes]

    def remove(self, *, organization: bool, resource: bool) -> str:
        """Deletes traces; parameters: their ids, then the owners that their roots must carry (O10)."""
        traces = self._dialect.in_list('"traceId"', 1)
        if not organization and not resource:
            return self.table.delete(traces)
        wanted = [name for name, given in (('"organizationId"', organization), ('"resourceId"', resource)) if given]
        owned = " AND ".join(f"{name} = ${number}" for number, name in enumerate(wanted, start=2))
        # The root, or the earliest span where there is none, stands first.
        by_id = self._dialect.by_code_point('"spanId"')
        order = f'("parentSpanId" IS NOT NULL), "startedAt", {by_id}'
        placed = (
            f'SELECT "traceId", {", ".join(wanted)}, '
            f'row_number() OVER (PARTITION BY "traceId" ORDER BY {order}) AS place '
            f"FROM {self.table.name} WHERE {traces}"
        )
        found = f'SELECT "traceId" FROM ({placed}) AS placed WHERE place = 1 AND {owned}'
        return self.table.delete(f'"traceId" IN ({found})')

    def _update(self, attributes: tuple[str, ...]) -> str:
        sets = [self.table.assign(name, number) for number, name in enumerate((*attributes, "updated_at"), start=3)]
        return self._dialect.sql(
            f'UPDATE {self.table.name} SET {", ".join(sets)} WHERE "traceId" = $1 AND "spanId" = $2'
        )

    def _page(self, shape: SpanShape) -> tuple[str, str]:
        table, columns = f"{self.table.name} AS span", self.table.read(LIGHT if shape.light else None)
        conditions, used = self._conditions(shape)
        where, order = where_clause(conditions), self._order(*shape.order)
        keys = self.table.key_list if shape.filtered else ""
        return page_statements(self._dialect, Listing(table, columns, where, order, used), shape.limit, keys=keys)

    def _conditions(self, shape: SpanShape) -> tuple[list[str], int]:
        """The conditions, and how many parameters they have."""
        with_parameter = list(self._with_parameter(shape))
        numbered = [write(number) for number, write in enumerate(with_parameter, start=1)]
        return [models.ROOT if shape.roots else models.BRANCH, *numbered, *self._constant(shape)], len(numbered)

    def _with_parameter(self, shape: SpanShape) -> Iterator[Callable[[int], str]]:
        """Conditions with one parameter each, to be told its number."""
        dialect, column = self._dialect, self.table.column
        for name in shape.equal:
            yield partial(self.table.equals, name)
        for given, way in zip(shape.started, (">=", "<"), strict=True):
            if given:
                yield partial(_compare, '"startedAt"', way, lambda number: dialect.instant_values(number)[0])
        for given, way in zip(shape.ended, (">=", "<"), strict=True):
            if given:
                yield partial(_compare, dialect.read_instant_sql("endedAt"), way, dialect.read_parameter)
        for name in shape.objects:
            yield partial(dialect.object_condition, column(name))
        if shape.tags:
            yield partial(dialect.tags_condition, column("tags"))

    def _constant(self, shape: SpanShape) -> Iterator[str]:
        """Conditions without parameters: status and errors of the trace (O19, O20)."""
        failed, running = self._dialect.not_json_null('"error"'), self._dialect.is_null("endedAt")
        if shape.status == "error":
            yield failed
        elif shape.status is not None:
            yield f"NOT {failed}"
            yield running if shape.status == "running" else f"NOT ({running})"
        if shape.has_child_error is not None:
            errors = f'SELECT 1 FROM {self.table.name} AS child WHERE child."traceId" = span."traceId" AND {failed}'
            yield f"{'' if shape.has_child_error else 'NOT '}EXISTS ({errors})"

    def _order(self, field: str, descending: bool) -> str:
        """By start or end, then by ids in the same direction (O18)."""
        ids = (self._dialect.by_code_point(self.table.column(name)) for name in ("trace_id", "span_id"))
        times = ('"startedAt"',) if field == "started_at" else models.ENDED[self._dialect.name]
        return ", ".join(f"{part}{' DESC' if descending else ''}" for part in (*times, *ids))


def _compare(left: str, way: str, right: Callable[[int], str], number: int) -> str:
    return f"{left} {way} {right(number)}"
