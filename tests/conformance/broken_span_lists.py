"""Mistakes in lists of spans: what they hold, in what order, and what filters find."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from mastra_store.domains import span_rules
from mastra_store.domains.span_plans import SpanQuery
from mastra_store.errors import ValidationError
from mastra_store.instants import now
from mastra_store.payload import decode
from mastra_store.records import LightSpan, Span

from .broken_spans import breaks
from .reference_spans import Ids, InMemorySpans


@breaks("G2", "G3")
class CountsThePage(InMemorySpans):
    """Takes the rows of the page for the total."""

    async def _select_spans(self, query: SpanQuery) -> tuple[list[Span], int]:
        spans, _ = await super()._select_spans(query)
        return spans, len(spans)


@breaks("G4", "G2")
class NoRowsIsAllRows(InMemorySpans):
    """Takes a page size of 0 for everything."""

    def _slice(self, found: list[Any], offset: int, limit: int | None) -> list[Any]:
        return super()._slice(found, offset, limit or None)


@breaks("O17", "O25")
class ListsEverySpan(InMemorySpans):
    """Lists children among the traces."""

    def _listed(self, span: Span, roots: bool) -> bool:
        return roots or super()._listed(span, roots)


@breaks("O18", "G5")
class RunningFirst(InMemorySpans):
    """Orders running spans as if they had ended before all others."""

    def _rank(self, span: Span, field: str) -> Any:
        return span.started_at if field == "started_at" else (span.ended_at is not None, span.ended_at or 0)


@breaks("O18", "G5")
class ForgetsTies(InMemorySpans):
    """Orders by time alone."""

    async def _select_spans(self, query: SpanQuery) -> tuple[list[Span], int]:
        found = [span for span in self._all() if self._wanted(span, query)]
        found.sort(key=lambda span: self._rank(span, query.order.field), reverse=query.order.descending)
        return self._slice(found, query.offset, query.limit), len(found)


@breaks("O18")
class AlwaysByStart(InMemorySpans):
    """Ignores that lists may be ordered by the end."""

    def _rank(self, span: Span, field: str) -> Any:
        return span.started_at


@breaks("G7", "O21")
class IncludesTheEnd(InMemorySpans):
    """Takes the end of a half-open range for inclusive."""

    def _within(self, moment: Any, period: Any) -> bool:
        if period is not None and period.end is not None:
            period = period._replace(end=period.end + timedelta(milliseconds=1))
        return super()._within(moment, period)


@breaks("O21")
class RunningEndsLate(InMemorySpans):
    """Takes the end of a running span for now."""

    def _within(self, moment: Any, period: Any) -> bool:
        return super()._within(moment or now(), period)


@breaks("O19")
class RunningFirstOfAll(InMemorySpans):
    """Takes a failed span that has not ended for running."""

    def _wanted(self, span: Span, query: SpanQuery) -> bool:
        if query.status is None or span.ended_at is not None:
            return super()._wanted(span, query)
        return query.status == "running" and super()._wanted(span, query._replace(status=None))


@breaks("O19", "O4")
class ChildrenDecide(InMemorySpans):
    """Takes a trace with any error for failed."""

    def _wanted(self, span: Span, query: SpanQuery) -> bool:
        if query.status is None or not self._has_error(span.trace_id):
            return super()._wanted(span, query)
        return query.status == "error" and super()._wanted(span, query._replace(status=None))


@breaks("O20")
class RootsAreNoChildren(InMemorySpans):
    """Does not count errors of roots."""

    def _has_error(self, trace_id: str) -> bool:
        return any(span.error is not None for span in self._of_trace(trace_id) if span.parent_span_id)


@breaks("O20")
class NeverWithoutErrors(InMemorySpans):
    """Takes ``has_child_error=False`` for no filter."""

    def _wanted(self, span: Span, query: SpanQuery) -> bool:
        return super()._wanted(span, query._replace(has_child_error=query.has_child_error or None))


@breaks("O22", "G13")
class IgnoresSomeFilters(InMemorySpans):
    """Filters by the attributes that the first version had."""

    def _wanted(self, span: Span, query: SpanQuery) -> bool:
        known = {name: value for name, value in query.equal.items() if not name.startswith(("root", "parent", "exp"))}
        return super()._wanted(span, query._replace(equal=known))


@breaks("O22", "G12")
class MatchesPatterns(InMemorySpans):
    """Compares with LIKE."""

    def _equals(self, value: Any, wanted: str) -> bool:
        if wanted.endswith("%"):
            return str(value).startswith(wanted[:-1])
        return super()._equals(value, wanted)


@breaks("O23")
class ComparesText(InMemorySpans):
    """Compares scalars as text."""

    def _matches(self, value: Any, wanted: Any) -> bool:
        return isinstance(value, dict) and all(str(value.get(key)) == str(wanted[key]) for key in wanted)


@breaks("O23")
class NullMatchesAbsent(InMemorySpans):
    """Takes an absent key for null."""

    def _matches(self, value: Any, wanted: Any) -> bool:
        absent = {key: None for key in wanted if wanted[key] is None}
        return super()._matches({**absent, **(value or {})}, wanted)


@breaks("O23")
class BooleansAreNumbers(InMemorySpans):
    """Takes True for 1, as Python does."""

    def _matches(self, value: Any, wanted: Any) -> bool:
        return isinstance(value, dict) and all(key in value and value[key] == wanted[key] for key in wanted)


@breaks("O24")
class AnyTagWillDo(InMemorySpans):
    """Asks for one of the tags."""

    def _carries(self, span: Span, tags: Sequence[str]) -> bool:
        return not tags or bool(set(tags) & set(span.tags or ()))


@breaks("O24")
class SearchesTags(InMemorySpans):
    """Looks for tags in the text of the list."""

    def _carries(self, span: Span, tags: Sequence[str]) -> bool:
        return all(tag in json.dumps(span.tags, ensure_ascii=False) for tag in tags)


@breaks("O25", "O26")
class PreviewsNothing(InMemorySpans):
    """Leaves previews out."""

    def _previewed(self, span: Span) -> LightSpan:
        return replace(super()._previewed(span), input_preview=None)


@breaks("O26")
class PreviewsTheOutput(InMemorySpans):
    """Shows the output where there is one."""

    def _previewed(self, span: Span) -> LightSpan:
        return span_rules.previewed(super()._previewed(span), span.output or span.input)


@breaks("O27")
class BranchesAreChildren(InMemorySpans):
    """Takes a branch for something below a root."""

    def _listed(self, span: Span, roots: bool) -> bool:
        return super()._listed(span, roots) and (roots or span.parent_span_id is not None)


@breaks("O27")
class EverySpanIsABranch(InMemorySpans):
    """Lists spans of all types."""

    def _listed(self, span: Span, roots: bool) -> bool:
        return not roots or super()._listed(span, roots)


@breaks("O28", "O3")
class NeedsEveryColumn(InMemorySpans):
    """Cannot read what was written before."""

    def _span(self, ids: Ids) -> Span:
        span = super()._span(ids)
        if span.updated_at is None:
            raise ValidationError("a row without a time")
        return span


@breaks("O3", "O19")
class JsonNullIsAnError(InMemorySpans):
    """Tests the column for being there, whatever it holds."""

    def _span(self, ids: Ids) -> Span:
        span, texts = self.rows[ids]
        found = {name: decode(text) for name, text in texts.items()}
        return replace(span, **{name: "null" if value is None else value for name, value in found.items()})


@breaks("G1", "G6")
class RefusesTooLate(InMemorySpans):
    """Takes odd pages and orders for the default."""

    async def list_traces(self, **arguments: Any) -> Any:
        try:
            return await super().list_traces(**arguments)
        except ValidationError:
            return await super().list_traces()
