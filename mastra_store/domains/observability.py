"""Observability: spans and traces. The rules O1 to O28 stand here; a backend fills in the private hooks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from logging import getLogger
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from ..errors import UnsupportedOperationError, ValidationError
from ..records import (
    BranchPage,
    LightSpan,
    LightTrace,
    LightTracePage,
    Span,
    SpanUpdate,
    Strategy,
    Trace,
    TraceFilter,
    TracePage,
)
from . import span_rules as rules
from .base import DomainStorage, hook, no_orm, operation
from .checks import check_count, check_id, check_ids, check_owner_filter, check_page, check_sequence, more_follow
from .span_plans import SpanChange, SpanLink, SpanQuery, SpanRow, TraceScope
from .unstorable import UNSTORABLE, Scrubber, Unstorable, check_option

if TYPE_CHECKING:
    from ..models.observability import ObservabilityModels

T = TypeVar("T")
_log = getLogger("mastra_store")
_ALL = Strategy("batch-with-updates", ("batch-with-updates", "insert-only"))


class ObservabilityStorage(DomainStorage):
    """Spans, and the traces that they make up: written in batches by exporters, read as trees and lists.

    Every method is a coroutine with keyword-only arguments. Records that are returned are detached copies (G11). The
    rules (O1 to O28) are in the contract; each method names those it follows.
    """

    domain: ClassVar[str] = "observability"
    _unstorable_text = "error"
    _unstorable: Unstorable | None = None
    """What this backend cannot hold; ``None`` where it holds everything."""

    @property
    def models(self) -> ObservabilityModels:
        """The Tortoise classes bound to this storage's database, on SQL backends, for ad-hoc queries.

        Raises ``UnsupportedOperationError`` where the backend has none.
        """
        raise no_orm(self, "models")

    @property
    def observability_strategy(self) -> Strategy:
        """How an exporter should write here (O11)."""
        return _ALL

    # -- writing -----------------------------------------------------------------------------------------------------

    @operation("CREATE_SPAN")
    async def create_span(self, *, span: Span) -> None:
        """Insert a span, or replace the stored one but for its ``created_at`` (O1, O3, O6)."""
        await self._write("create_span", [span], rules.new_spans, self._put_spans)

    @operation("BATCH_CREATE_SPANS")
    async def batch_create_spans(self, *, records: Sequence[Span]) -> None:
        """``create_span`` for many, all or nothing on SQL backends; the last of one pair of ids counts (O2)."""
        await self._write("batch_create_spans", check_sequence(records, "records"), rules.new_spans, self._put_spans)

    @operation("UPDATE_SPAN")
    async def update_span(self, *, trace_id: str, span_id: str, updates: Mapping[str, Any]) -> None:
        """Replace the named attributes, ``None`` clears; a missing span is passed over in silence (O7, O8)."""
        self._check_updates()
        record = SpanUpdate(trace_id=trace_id, span_id=span_id, updates=updates)
        await self._write("update_span", [record], _changes, self._change_spans)

    @operation("BATCH_UPDATE_SPANS")
    async def batch_update_spans(self, *, records: Sequence[SpanUpdate | Mapping[str, Any]]) -> None:
        """``update_span`` for many, in order, all or nothing on SQL backends (O9)."""
        self._check_updates()
        await self._write("batch_update_spans", check_sequence(records, "records"), _changes, self._change_spans)

    @operation("BATCH_DELETE_TRACES")
    async def batch_delete_traces(
        self, *, trace_ids: Sequence[str], organization_id: str | None = None, resource_id: str | None = None
    ) -> None:
        """Delete the named traces, at most 1000; with owners, only those whose root span carries them (O10)."""
        traces = rules.check_traces(trace_ids)
        scope = TraceScope(
            check_owner_filter(organization_id, "organization_id"), check_owner_filter(resource_id, "resource_id")
        )
        if traces:
            await self._remove_traces(traces, scope)

    # -- one trace ---------------------------------------------------------------------------------------------------

    @operation("GET_SPAN")
    async def get_span(self, *, trace_id: str, span_id: str) -> Span | None:
        """The span, or ``None`` (O12)."""
        check_id(trace_id, "trace_id")
        spans = await self._find_spans(trace_id, [check_id(span_id, "span_id")])
        return spans[0] if spans else None

    @operation("GET_SPANS")
    async def get_spans(self, *, trace_id: str, span_ids: Sequence[str]) -> list[Span]:
        """Those of the named spans that exist in the trace, by ``(started_at, span_id)``, each once (O12)."""
        check_id(trace_id, "trace_id")
        ids = check_ids(span_ids, "span_ids")
        return await self._find_spans(trace_id, ids) if ids else []

    @operation("GET_ROOT_SPAN")
    async def get_root_span(self, *, trace_id: str) -> Span | None:
        """The first span without a parent, or ``None`` (O13)."""
        return await self._find_root(check_id(trace_id, "trace_id"))

    @operation("GET_TRACE")
    async def get_trace(self, *, trace_id: str) -> Trace | None:
        """All spans of the trace by ``(started_at, span_id)``, orphans included; ``None`` when it has none (O14)."""
        spans = await self._find_spans(check_id(trace_id, "trace_id"), None)
        return Trace(trace_id=trace_id, spans=spans) if spans else None

    @operation("GET_STRUCTURE")
    async def get_structure(self, *, trace_id: str) -> LightTrace | None:
        """The same spans without their payloads, which the database does not even read (O15)."""
        spans = await self._find_structure(check_id(trace_id, "trace_id"))
        return LightTrace(trace_id=trace_id, spans=spans) if spans else None

    async def get_trace_light(self, *, trace_id: str) -> LightTrace | None:
        """Another name of ``get_structure``."""
        return await self.get_structure(trace_id=trace_id)

    @operation("GET_BRANCH")
    async def get_branch(self, *, trace_id: str, span_id: str, depth: int | None = None) -> Trace | None:
        """A span and its descendants, ``depth`` levels of them or all; the span itself first (O16).

        ``None`` when there is no such span. The payloads of the rest of the trace are not read.
        """
        check_id(trace_id, "trace_id")
        check_id(span_id, "span_id")
        levels = None if depth is None else check_count(depth, "depth", least=0)
        ids = rules.branch(await self._find_links(trace_id), span_id, levels)
        spans = await self._find_spans(trace_id, ids) if ids else []
        spans.sort(key=lambda span: span.span_id != span_id)  # stable: the rest stays in order
        return Trace(trace_id=trace_id, spans=spans) if spans and spans[0].span_id == span_id else None

    # -- lists -------------------------------------------------------------------------------------------------------

    @operation("LIST_TRACES")
    async def list_traces(
        self,
        *,
        filters: TraceFilter | Mapping[str, Any] | None = None,
        page: int = 0,
        per_page: int | None = 10,
        order_by: str = "-started_at",
    ) -> TracePage:
        """A page of root spans; all filters test the root itself, but for ``has_child_error`` (O17 to O24)."""
        spans, paging = await self._list(self._select_spans, filters, page, per_page, order_by, roots=True)
        return TracePage(spans=list(map(rules.with_status, spans)), **paging)

    @operation("LIST_TRACES_LIGHT")
    async def list_traces_light(
        self,
        *,
        filters: TraceFilter | Mapping[str, Any] | None = None,
        page: int = 0,
        per_page: int | None = 10,
        order_by: str = "-started_at",
    ) -> LightTracePage:
        """The same page without payloads, but for the metadata and a preview of the input (O25, O26)."""
        spans, paging = await self._list(self._select_light_spans, filters, page, per_page, order_by, roots=True)
        return LightTracePage(spans=spans, **paging)

    @operation("LIST_BRANCHES")
    async def list_branches(
        self,
        *,
        filters: TraceFilter | Mapping[str, Any] | None = None,
        page: int = 0,
        per_page: int | None = 10,
        order_by: str = "-started_at",
    ) -> BranchPage:
        """A page of spans that begin a branch (runs and tool calls), at any depth; filters test that span (O27)."""
        spans, paging = await self._list(self._select_spans, filters, page, per_page, order_by, roots=False)
        return BranchPage(branches=list(map(rules.with_status, spans)), **paging)

    # -- inside ------------------------------------------------------------------------------------------------------

    async def _list(
        self,
        select: Callable[[SpanQuery], Awaitable[tuple[list[T], int]]],
        filters: Any,
        page: int,
        per_page: int | None,
        order_by: str,
        *,
        roots: bool,
    ) -> tuple[list[T], dict[str, Any]]:
        """The spans of a page, and what the page says of itself."""
        offset = check_page(page, per_page)
        spans, total = await select(rules.span_query(filters, order_by, offset, per_page, roots=roots))
        has_more = more_follow(offset, per_page, total)
        return spans, {"total": total, "page": page, "per_page": per_page, "has_more": has_more}

    def _set_unstorable_text(self, option: str) -> None:
        """``error`` refuses text that the database cannot hold, ``replace`` puts U+FFFD for it."""
        self._unstorable_text = check_option(option)

    def _check_updates(self) -> None:
        if self.observability_strategy.preferred == "insert-only":
            text = f"{type(self).__name__} can only insert spans; PostgreSQL, SQLite and MongoDB can update them"
            raise UnsupportedOperationError(text)

    async def _write(
        self,
        operation: str,
        records: Sequence[T],
        check: Callable[[Sequence[T]], Any],
        put: Callable[[Any], Awaitable[None]],
    ) -> None:
        """Check and write. What is refused is tried once more without unstorable characters, if that was asked for."""
        try:
            await _write_checked(records, check, put)
        except ValidationError as error:
            if self._unstorable_text != "replace" or self._unstorable is None or UNSTORABLE not in error.details:
                raise
            scrubber = Scrubber(self._unstorable)
            scrubbed = [rules.scrubbed(record, scrubber) for record in records]
            if not scrubber.count:  # what it is about is an id
                raise
            await _write_checked(scrubbed, check, put)
            _log.warning("%s: replaced what the database cannot hold, characters: %d", operation, scrubber.count)

    # -- hooks of a backend ------------------------------------------------------------------------------------------

    @hook
    @abstractmethod
    async def _put_spans(self, rows: list[SpanRow]) -> None:
        """Insert, or replace all columns but ``created_at`` of the rows with those pairs of ids, each named once."""

    @hook
    @abstractmethod
    async def _change_spans(self, changes: list[SpanChange]) -> None:
        """Write attributes of spans, each named once, and bump them; pass over those that do not exist."""

    @hook
    @abstractmethod
    async def _remove_traces(self, trace_ids: list[str], scope: TraceScope) -> None:
        """Delete the spans of the traces that are in scope, in one transaction (O10)."""

    @hook
    @abstractmethod
    async def _find_spans(self, trace_id: str, span_ids: list[str] | None) -> list[Span]:
        """Some spans of a trace, or all, by ``(started_at, span_id)``."""

    @hook
    @abstractmethod
    async def _find_root(self, trace_id: str) -> Span | None:
        """The root with the smallest ``(started_at, span_id)``."""

    @hook
    @abstractmethod
    async def _find_structure(self, trace_id: str) -> list[LightSpan]:
        """All spans of a trace by ``(started_at, span_id)``, their payload columns unread but for the error."""

    @hook
    @abstractmethod
    async def _find_links(self, trace_id: str) -> list[SpanLink]:
        """All spans of a trace with their parents."""

    @hook
    @abstractmethod
    async def _select_spans(self, query: SpanQuery) -> tuple[list[Span], int]:
        """A page of spans and the total; the status that a ``TraceSpan`` has is filled in afterwards."""

    @hook
    @abstractmethod
    async def _select_light_spans(self, query: SpanQuery) -> tuple[list[LightSpan], int]:
        """The same without payloads, but for metadata, error, and the preview of the input (``rules.previewed``)."""


def _changes(records: Sequence[Any]) -> list[SpanChange]:
    return rules.folded(rules.each(records, rules.new_change))


async def _write_checked(
    records: Sequence[T], check: Callable[[Sequence[T]], Any], put: Callable[[Any], Awaitable[None]]
) -> None:
    if rows := check(records):
        await put(rows)
