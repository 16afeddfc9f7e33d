"""The observability domain over a plain dict: the private hooks in their simplest correct form.

Spans are kept with their payloads as JSON text, so that every read makes a fresh copy. No hook awaits between reading
and writing, which makes each of them atomic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self, TypeVar

from msgspec.structs import replace

from mastra_store.conformance.harness import RawRow
from mastra_store.domains import ObservabilityStorage
from mastra_store.domains import span_rules as rules
from mastra_store.domains.checks import Period
from mastra_store.domains.metadata_filter import matches
from mastra_store.domains.span_plans import SpanChange, SpanLink, SpanQuery, SpanRow, TraceScope
from mastra_store.domains.span_types import BRANCH_TYPES
from mastra_store.instants import now
from mastra_store.payload import Payload, decode
from mastra_store.records import LightSpan, Span

R = TypeVar("R")
PAYLOADS = ("scope", "attributes", "metadata", "request_context", "tags", "links", "input", "output", "error")
RUNNING = datetime.max.replace(tzinfo=UTC)
"""Orders running spans last by their end."""
Ids = tuple[str, str]


class Kept(NamedTuple):
    """A span without its payloads, and the JSON text of those that it has."""

    span: Span
    texts: dict[str, str]


class InMemorySpans(ObservabilityStorage):
    """The reference: what every backend must look like from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[Ids, Kept] = {}

    def twin(self) -> Self:
        """Another storage over the same rows, as a second connection to a database would be."""
        twin = type(self)()
        twin.rows = self.rows
        return twin

    async def write_raw(self, table: str, rows: Sequence[RawRow]) -> None:
        """Put rows into the table as they are."""
        assert table == "mastra_ai_spans"
        names = dict(zip(Span.__struct_encode_fields__, Span.__struct_fields__, strict=True))
        for row in rows:
            columns = {names[column]: value for column, value in row.items()}
            texts = {name: columns.pop(name) for name in PAYLOADS if name in columns}
            span = Span(**columns)
            self.rows[span.trace_id, span.span_id] = Kept(span, {name: text for name, text in texts.items() if text})

    async def _init(self) -> None:
        pass

    async def _close(self) -> None:
        pass

    async def dangerously_clear_all(self) -> None:
        self.rows.clear()

    # -- writing -----------------------------------------------------------------------------------------------------

    async def _put_spans(self, rows: list[SpanRow]) -> None:
        await self._elsewhere()
        for row in rows:
            self._keep(row)

    async def _change_spans(self, changes: list[SpanChange]) -> None:
        await self._elsewhere()
        for change in changes:
            if (change.trace_id, change.span_id) in self.rows:
                self._change((change.trace_id, change.span_id), change.values)

    async def _remove_traces(self, trace_ids: list[str], scope: TraceScope) -> None:
        await self._elsewhere()
        for trace_id in trace_ids:
            if self._in_scope(self._of_trace(trace_id), scope):
                for span in self._of_trace(trace_id):
                    del self.rows[span.trace_id, span.span_id]

    # -- one trace ---------------------------------------------------------------------------------------------------

    async def _find_spans(self, trace_id: str, span_ids: list[str] | None) -> list[Span]:
        await self._elsewhere()
        wanted = None if span_ids is None else set(span_ids)
        return [span for span in self._of_trace(trace_id) if wanted is None or span.span_id in wanted]

    async def _find_root(self, trace_id: str) -> Span | None:
        await self._elsewhere()
        return next((span for span in self._of_trace(trace_id) if span.parent_span_id is None), None)

    async def _find_structure(self, trace_id: str) -> list[LightSpan]:
        await self._elsewhere()
        return [self._light(span) for span in self._of_trace(trace_id)]

    async def _find_links(self, trace_id: str) -> list[SpanLink]:
        await self._elsewhere()
        return [SpanLink(span.span_id, span.parent_span_id) for span in self._of_trace(trace_id)]

    # -- lists -------------------------------------------------------------------------------------------------------

    async def _select_spans(self, query: SpanQuery) -> tuple[list[Span], int]:
        await self._elsewhere()
        found = sorted((span for span in self._owned(query) if self._wanted(span, query)), key=self._ids)
        found.sort(key=lambda span: self._rank(span, query.order.field))
        if query.order.descending:
            found.reverse()
        return self._slice(found, query.offset, query.limit), len(found)

    async def _select_light_spans(self, query: SpanQuery) -> tuple[list[LightSpan], int]:
        spans, total = await self._select_spans(query)
        return [self._previewed(span) for span in spans], total

    # -- rows and records --------------------------------------------------------------------------------------------

    async def _elsewhere(self) -> None:
        """Let other callers run, as a database would."""
        await asyncio.sleep(0)

    def _keep(self, row: SpanRow) -> None:
        stored = self.rows.get(self._ids(row.span))
        created_at = stored.span.created_at if stored else row.span.created_at
        bare = replace(row.span, **dict.fromkeys(PAYLOADS), created_at=created_at)
        self.rows[self._ids(bare)] = Kept(bare, self._texts(row.payloads))

    def _change(self, ids: Ids, values: Mapping[str, Any]) -> None:
        span, texts = self.rows[ids]
        given = {name: value for name, value in values.items() if name in PAYLOADS}
        plain = {name: value for name, value in values.items() if name not in PAYLOADS}
        left = {name: text for name, text in texts.items() if name not in given}
        self.rows[ids] = Kept(replace(span, **plain, updated_at=now()), left | self._texts(given))

    def _texts(self, payloads: Mapping[str, Payload | None]) -> dict[str, str]:
        return {name: payload.text for name, payload in payloads.items() if payload is not None}

    def _span(self, ids: Ids) -> Span:
        span, texts = self.rows[ids]
        return replace(span, **{name: decode(text) for name, text in texts.items()})

    def _all(self) -> Iterable[Span]:
        return map(self._span, list(self.rows))

    def _owned(self, query: SpanQuery) -> Iterable[Span]:
        """Those of the organization asked for: most checks have one of their own, and decoding takes time."""
        owner = query.equal.get("organization_id")
        rows = [
            ids for ids, kept in self.rows.items() if owner is None or self._equals(kept.span.organization_id, owner)
        ]
        return map(self._span, rows)

    def _of_trace(self, trace_id: str) -> list[Span]:
        """The spans of a trace in their order."""
        return sorted((self._span(ids) for ids in self.rows if ids[0] == trace_id), key=self._position)

    def _light(self, span: Span) -> LightSpan:
        shared = {name: getattr(span, name) for name in LightSpan.__struct_fields__ if hasattr(span, name)}
        return LightSpan(**{**shared, "metadata": None}, status=rules.status_of(span))

    def _previewed(self, span: Span) -> LightSpan:
        return rules.previewed(replace(self._light(span), metadata=span.metadata), span.input)

    # -- rules -------------------------------------------------------------------------------------------------------

    def _ids(self, span: Span) -> Ids:
        return span.trace_id, span.span_id

    def _position(self, span: Span) -> Any:
        return span.started_at, span.span_id

    def _rank(self, span: Span, field: str) -> Any:
        return span.started_at if field == "started_at" else span.ended_at or RUNNING

    def _slice(self, found: list[R], offset: int, limit: int | None) -> list[R]:
        return found[offset:] if limit is None else found[offset : offset + limit]

    def _in_scope(self, spans: list[Span], scope: TraceScope) -> bool:
        """Whether the root of a trace, or its first span, belongs to whom it must."""
        if not spans:
            return False
        root = next((span for span in spans if span.parent_span_id is None), spans[0])
        return all(value in (None, getattr(root, name)) for name, value in scope._asdict().items())

    def _wanted(self, span: Span, query: SpanQuery) -> bool:
        return (
            self._listed(span, query.roots)
            and all(self._equals(getattr(span, name), value) for name, value in query.equal.items())
            and self._within(span.started_at, query.started)
            and self._within(span.ended_at, query.ended)
            and query.status in (None, rules.status_of(span))
            and query.has_child_error in (None, self._has_error(span.trace_id))
            and all(self._matches(getattr(span, name), wanted) for name, wanted in query.objects.items())
            and self._carries(span, query.tags)
        )

    def _listed(self, span: Span, roots: bool) -> bool:
        return span.parent_span_id is None if roots else span.span_type in BRANCH_TYPES

    def _equals(self, value: Any, wanted: str) -> bool:
        return bool(value == wanted)

    def _within(self, moment: datetime | None, period: Period | None) -> bool:
        if period is None:
            return True
        if moment is None:
            return False
        return (period.start is None or period.start <= moment) and (period.end is None or moment < period.end)

    def _has_error(self, trace_id: str) -> bool:
        return any(span.error is not None for span in self._of_trace(trace_id))

    def _matches(self, value: Any, wanted: Any) -> bool:
        return matches(value, wanted)

    def _carries(self, span: Span, tags: Sequence[str]) -> bool:
        return set(tags) <= set(span.tags or ())
