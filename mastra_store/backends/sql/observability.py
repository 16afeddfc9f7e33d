"""The observability domain on SQL databases: what both dialects do alike. The rules stand in ``domains``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar

from ...domains import span_rules as rules
from ...domains.observability import ObservabilityStorage
from ...domains.span_plans import SpanChange, SpanLink, SpanQuery, SpanRow, TraceScope
from ...errors import ValidationError
from ...instants import now
from ...models import observability as models
from ...records import LightSpan, Span, TraceSpan
from .domain import DB, SqlDomain
from .paging import Limit
from .spans_sql import LIGHT, STRUCTURE, Bounds, SpanShape, SpansSql

A = TypeVar("A")
T = TypeVar("T")


class SqlObservability(SqlDomain[DB], ObservabilityStorage):
    """Spans in a SQL table."""

    definitions: ClassVar = models.MODELS

    def _bind_statements(self) -> None:
        self._sql = SpansSql(self._dialect, self._schema)
        self._span = self._sql.table.reader(Span)
        # Statuses are filled in by the rules.
        self._traced = self._sql.table.reader(TraceSpan, status="")
        self._in_structure = self._sql.table.reader(LightSpan, STRUCTURE, status="")
        self._in_list = self._sql.table.reader(_previewed, LIGHT)
        self._unstorable = self._dialect.unstorable

    @property
    def models(self) -> models.ObservabilityModels:
        """The bound Tortoise class: ``await observability.models.Span.filter(span_type="tool_call").count()``."""
        bound: dict[str, Any] = self._bound_models()
        return models.ObservabilityModels(**bound)

    async def _remove_traces(self, trace_ids: list[str], scope: TraceScope) -> None:
        owners = (("organization_id", scope.organization_id), ("resource_id", scope.resource_id))
        args = [self._dialect.texts(trace_ids, "trace_ids")]
        args += [self._dialect.text(value, name) for name, value in owners if value is not None]
        statement = self._sql.remove(
            organization=scope.organization_id is not None, resource=scope.resource_id is not None
        )
        await self._execute(statement, *args)

    async def _find_spans(self, trace_id: str, span_ids: list[str] | None) -> list[Span]:
        trace = self._dialect.text(trace_id, "trace_id")
        if span_ids is None:
            rows = await self._database.fetch(self._sql.find_all, trace)
        elif len(span_ids) == 1:
            rows = await self._database.fetch(self._sql.find_one, trace, self._dialect.text(span_ids[0], "span_id"))
        else:
            rows = await self._database.fetch(self._sql.find_some, trace, self._dialect.texts(span_ids, "span_ids"))
        return [self._span(row) for row in rows]

    async def _find_root(self, trace_id: str) -> Span | None:
        rows = await self._database.fetch(self._sql.find_root, self._dialect.text(trace_id, "trace_id"))
        return self._span(rows[0]) if rows else None

    async def _find_structure(self, trace_id: str) -> list[LightSpan]:
        rows = await self._database.fetch(self._sql.structure, self._dialect.text(trace_id, "trace_id"))
        return [rules.with_light_status(self._in_structure(row)) for row in rows]

    async def _find_links(self, trace_id: str) -> list[SpanLink]:
        rows = await self._database.fetch(self._sql.links, self._dialect.text(trace_id, "trace_id"))
        return [SpanLink(*row) for row in rows]

    async def _select_spans(self, query: SpanQuery) -> tuple[list[Span], int]:
        rows, total = await self._rows(query, light=False)
        return [self._traced(row) for row in rows], total

    async def _select_light_spans(self, query: SpanQuery) -> tuple[list[LightSpan], int]:
        rows, total = await self._rows(query, light=True)
        return [self._in_list(row) for row in rows], total

    async def _clear(self) -> None:
        await self._execute(self._sql.clear)

    async def _rows(self, query: SpanQuery, *, light: bool) -> tuple[list[Sequence[Any]], int]:
        statements = self._sql.page(_shape(query, light))
        return await self._page(statements, self._args(query), query.offset, query.limit)

    def _args(self, query: SpanQuery) -> list[Any]:
        """In the order of ``SpanShape``."""
        dialect = self._dialect
        bounds = (*(query.started or ()), *(query.ended or ()))
        args: list[Any] = [dialect.text(value, name) for name, value in query.equal.items()]
        args += [dialect.instant(bound) for bound in bounds if bound is not None]
        args += [dialect.object_parameter(wanted, name) for name, wanted in query.objects.items()]
        if query.tags:
            args.append(dialect.tags_parameter(query.tags))
        return args

    def _parameters(self, rows: Sequence[SpanRow]) -> list[list[Any]]:
        """The parameters of each row; of several, an error says which span it is about."""
        return [_about(row.key, self._sql.table.values, row.values, len(rows)) for row in rows]

    def _all_changed(self, changes: Sequence[SpanChange]) -> list[tuple[tuple[str, ...], list[Any]]]:
        """The same of changes."""
        return [_about(change[:2], self._changed, change, len(changes)) for change in changes]

    def _changed(self, change: SpanChange) -> tuple[tuple[str, ...], list[Any]]:
        """The attributes that a change names, and the parameters: both ids, the attributes, the time."""
        attributes = tuple(sorted(change.values))
        text, value = self._dialect.text, self._sql.table.value
        ids = [text(change.trace_id, "trace_id"), text(change.span_id, "span_id")]
        values = [value(name, change.values[name]) for name in attributes]
        return attributes, [*ids, *values, self._dialect.instant(now())]


def _about(key: tuple[str, str], work: Callable[[A], T], argument: A, among: int) -> T:
    try:
        return work(argument)
    except ValidationError as error:
        if among == 1:
            raise
        text = f"span {key[1]!r} of trace {key[0]!r}: {error.message}".encode("utf-8", "backslashreplace").decode()
        details = {**error.details, "trace_id": key[0], "span_id": key[1]}
        raise ValidationError(text, reason=error.reason, details=details) from error


def _shape(query: SpanQuery, light: bool) -> SpanShape:
    """Which statement a query needs."""
    return SpanShape(
        light,
        query.roots,
        tuple(query.equal),
        Bounds(*(bound is not None for bound in query.started or (None, None))),
        Bounds(*(bound is not None for bound in query.ended or (None, None))),
        tuple(query.objects),
        bool(query.tags),
        query.status,
        query.has_child_error,
        query.order,
        Limit.of(query.limit, query.offset),
    )


def _previewed(*, input: Any, **values: Any) -> LightSpan:
    return rules.previewed(rules.with_light_status(LightSpan(**values, status="")), input)
