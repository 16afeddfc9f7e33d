"""The reference of spans with one thing wrong at a time, and the rules that each mistake breaks."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from msgspec.structs import replace

from mastra_store.domains.span_plans import SpanChange, SpanLink, SpanQuery, SpanRow, TraceScope
from mastra_store.errors import NotFoundError, StoreError, ValidationError
from mastra_store.instants import now
from mastra_store.payload import Payload
from mastra_store.records import LightSpan, Span, Strategy

from .reference_spans import PAYLOADS, Ids, InMemorySpans, Kept

C = TypeVar("C", bound=type[InMemorySpans])
BROKEN_SPANS: list[tuple[type[InMemorySpans], str]] = []
"""Every broken storage with each rule that its mistake breaks."""


def breaks(*rules: str) -> Callable[[C], C]:
    """The rules that a storage breaks; at least one check of each must fail on it."""

    def note(cls: C) -> C:
        BROKEN_SPANS.extend((cls, rule) for rule in rules)
        return cls

    return note


# -- writing -----------------------------------------------------------------------------------------------------------


@breaks("O1")
class StartsAfresh(InMemorySpans):
    """A span that is created again forgets when it was created first."""

    def _keep(self, row: SpanRow) -> None:
        self.rows.pop(self._ids(row.span), None)
        super()._keep(row)


@breaks("O1")
class KeepsWhatIsAbsent(InMemorySpans):
    """Creating again leaves attributes that the new record does not have."""

    def _keep(self, row: SpanRow) -> None:
        old = self.rows.get(self._ids(row.span))
        super()._keep(row)
        if old is not None:
            span, texts = self.rows[self._ids(row.span)]
            kept = {name: getattr(old.span, name) for name in ("user_id", "ended_at") if not getattr(span, name)}
            self.rows[self._ids(span)] = Kept(replace(span, **kept), {**old.texts, **texts})


@breaks("O1")
class InsertsOnce(InMemorySpans):
    """Takes a span that is there already for done."""

    def _keep(self, row: SpanRow) -> None:
        if self._ids(row.span) not in self.rows:
            super()._keep(row)


@breaks("O1", "O10", "O12", "G12")
class KnowsSpansByTheirOwnId(InMemorySpans):
    """Takes the span id for unique."""

    def _keep(self, row: SpanRow) -> None:
        for ids in [ids for ids in self.rows if ids[1] == row.span.span_id]:
            del self.rows[ids]
        super()._keep(row)


@breaks("O1")
class KeepsGivenTimes(InMemorySpans):
    """Lets the caller say when a span was created."""

    async def create_span(self, *, span: Span) -> None:
        await super().create_span(span=span)
        kept = self.rows[self._ids(span)]
        self.rows[self._ids(span)] = kept._replace(span=replace(kept.span, created_at=span.created_at))


@breaks("O2", "O9")
class WritesOneByOne(InMemorySpans):
    """Lets readers see half a batch."""

    async def _put_spans(self, rows: list[SpanRow]) -> None:
        for row in rows:
            await super()._put_spans([row])

    async def _change_spans(self, changes: list[SpanChange]) -> None:
        for change in changes:
            await super()._change_spans([change])


@breaks("O2", "G10")
class ChecksWhileWriting(InMemorySpans):
    """Writes the good records of a batch before it comes to the bad one."""

    async def batch_create_spans(self, *, records: Sequence[Span]) -> None:
        if not isinstance(records, (list, tuple)):
            await super().batch_create_spans(records=records)
        for record in records:
            await super().batch_create_spans(records=[record])


@breaks("O2")
class WritesThousands(InMemorySpans):
    """Writes what fits into one statement."""

    async def _put_spans(self, rows: list[SpanRow]) -> None:
        await super()._put_spans(rows[:500])


@breaks("O3", "G8")
class GuessesText(InMemorySpans):
    """Parses text that looks like JSON when it reads."""

    def _span(self, ids: Ids) -> Span:
        span = super()._span(ids)
        for name in ("input", "output", "error"):
            value = getattr(span, name)
            if isinstance(value, str):
                try:
                    setattr(span, name, json.loads(value))
                except ValueError:
                    continue
        return span


@breaks("O3", "O4", "O19")
class FalsyIsNothing(InMemorySpans):
    """Takes empty and false payloads for none."""

    def _texts(self, payloads: Mapping[str, Payload | None]) -> dict[str, str]:
        return {name: payload.text for name, payload in payloads.items() if payload is not None and payload.value}


@breaks("O3", "O4", "O20")
class StoresJsonNull(InMemorySpans):
    """Reads no payload as None but takes the column for filled."""

    def _has_error(self, trace_id: str) -> bool:
        return any("error" in self.rows[self._ids(span)].texts for span in self._of_trace(trace_id))


@breaks("G8", "O3")
class ReadsFloats(InMemorySpans):
    """Makes integers of whole floats, and cuts large ones."""

    def _span(self, ids: Ids) -> Span:
        span, texts = self.rows[ids]
        return replace(span, **{name: json.loads(text, parse_int=float) for name, text in texts.items()})


@breaks("O5", "O22")
class FoldsTypes(InMemorySpans):
    """Takes types for names without case."""

    def _equals(self, value: Any, wanted: str) -> bool:
        return isinstance(value, str) and value.casefold() == wanted.casefold()


@breaks("O7")
class MergesObjects(InMemorySpans):
    """Merges updates of metadata and the like into what is stored."""

    def _change(self, ids: Ids, values: Mapping[str, Any]) -> None:
        old, merged = self._span(ids), dict(values)
        for name in ("metadata", "attributes"):
            given, stored = values.get(name), getattr(old, name)
            if given is not None and stored:
                value = {**stored, **given.value}
                merged[name] = Payload(json.dumps(value), value)
        super()._change(ids, merged)


@breaks("O7", "O18", "O21")
class CannotClear(InMemorySpans):
    """Leaves what an update would clear."""

    def _change(self, ids: Ids, values: Mapping[str, Any]) -> None:
        super()._change(ids, {name: value for name, value in values.items() if value is not None})


@breaks("O7")
class ForgetsToBump(InMemorySpans):
    """Does not tell when a span was updated."""

    def _change(self, ids: Ids, values: Mapping[str, Any]) -> None:
        before = self.rows[ids].span.updated_at
        super()._change(ids, values)
        kept = self.rows[ids]
        self.rows[ids] = kept._replace(span=replace(kept.span, updated_at=before))


@breaks("O7", "G16")
class WritesBackTheWholeSpan(InMemorySpans):
    """Reads a span, and later writes all of it."""

    async def _change_spans(self, changes: list[SpanChange]) -> None:
        before = {
            (change.trace_id, change.span_id): self.rows.get((change.trace_id, change.span_id)) for change in changes
        }
        await self._elsewhere()
        for change in changes:
            kept = before[change.trace_id, change.span_id]
            if kept is not None:
                self.rows[change.trace_id, change.span_id] = kept
                left = {name: value for name, value in change.values.items() if name != "source"}
                self._change((change.trace_id, change.span_id), left)


@breaks("O8", "G17")
class InsistsOnSpans(InMemorySpans):
    """Raises for spans that are not there."""

    async def _change_spans(self, changes: list[SpanChange]) -> None:
        for change in changes:
            if (change.trace_id, change.span_id) not in self.rows:
                raise NotFoundError("no such span")
        await super()._change_spans(changes)


@breaks("O8")
class CreatesByUpdating(InMemorySpans):
    """Makes a span of an update."""

    async def _change_spans(self, changes: list[SpanChange]) -> None:
        for change in changes:
            ids = change.trace_id, change.span_id
            span = Span(trace_id=ids[0], span_id=ids[1], name="?", span_type="generic", started_at=now())
            self.rows.setdefault(ids, Kept(span, {}))
        await super()._change_spans(changes)


@breaks("O9")
class LastUpdateWins(InMemorySpans):
    """Of two updates of one span in a batch it knows the last."""

    async def batch_update_spans(self, *, records: Any) -> None:
        last = {(record.trace_id, record.span_id): record for record in records if hasattr(record, "updates")}
        await super().batch_update_spans(records=records if len(last) < 2 else list(last.values()))


@breaks("O10")
class DeletesSpansOfOneRoot(InMemorySpans):
    """Leaves orphans behind."""

    async def _remove_traces(self, trace_ids: list[str], scope: TraceScope) -> None:
        before = dict(self.rows)
        await super()._remove_traces(trace_ids, scope)
        for ids, kept in before.items():
            parent = kept.span.parent_span_id
            if ids not in self.rows and parent is not None and (ids[0], parent) not in before:
                self.rows[ids] = kept


@breaks("O10")
class AnySpanMayOwn(InMemorySpans):
    """Deletes a trace when any of its spans belongs to the owner."""

    def _in_scope(self, spans: list[Span], scope: TraceScope) -> bool:
        return any(super(AnySpanMayOwn, self)._in_scope([span], scope) for span in spans)


@breaks("O10")
class FirstSpanOwns(InMemorySpans):
    """Takes the earliest span for the root."""

    def _in_scope(self, spans: list[Span], scope: TraceScope) -> bool:
        return super()._in_scope(spans[:1], scope)


@breaks("O10")
class OneOwnerIsEnough(InMemorySpans):
    """Deletes a trace when one of two owners is right."""

    def _in_scope(self, spans: list[Span], scope: TraceScope) -> bool:
        alone = [TraceScope(scope.organization_id, None), TraceScope(None, scope.resource_id)]
        return any(any(one) and super(OneOwnerIsEnough, self)._in_scope(spans, one) for one in alone) or not any(scope)


@breaks("O11")
class PromisesTooLittle(InMemorySpans):
    """Says it can only insert."""

    @property
    def observability_strategy(self) -> Strategy:
        return Strategy("insert-only", ("insert-only", "batch-with-updates"))


# -- one trace ---------------------------------------------------------------------------------------------------------


@breaks("O12", "O14", "O15", "O16")
class OrdersById(InMemorySpans):
    """Orders a trace by ids alone."""

    def _position(self, span: Span) -> Any:
        return span.span_id


@breaks("G5", "O13")
class OrdersAsJavaScript(InMemorySpans):
    """Orders ids by UTF-16 units instead of code points."""

    def _position(self, span: Span) -> Any:
        return span.started_at, span.span_id.encode("utf-16-be", "surrogatepass")

    def _ids(self, span: Span) -> Any:
        return span.trace_id, span.span_id

    async def _select_spans(self, query: SpanQuery) -> tuple[list[Span], int]:
        spans, total = await super()._select_spans(query._replace(offset=0, limit=None))
        spans.sort(key=lambda span: span.trace_id.encode("utf-16-be", "surrogatepass"), reverse=query.order.descending)
        spans.sort(key=lambda span: self._rank(span, query.order.field), reverse=query.order.descending)
        return self._slice(spans, query.offset, query.limit), total


@breaks("O13", "O17")
class OneRootPerTrace(InMemorySpans):
    """Takes it that a trace has one root, the last one, and lists each trace once."""

    async def _find_root(self, trace_id: str) -> Span | None:
        roots = [span for span in self._of_trace(trace_id) if span.parent_span_id is None]
        return roots[-1] if roots else None

    async def _select_spans(self, query: SpanQuery) -> tuple[list[Span], int]:
        spans, _ = await super()._select_spans(query._replace(offset=0, limit=None))
        first = list({span.trace_id: span for span in reversed(spans)}.values())[::-1] if query.roots else spans
        return self._slice(first, query.offset, query.limit), len(first)


@breaks("O13")
class FirstSpanIsRoot(InMemorySpans):
    """Takes the earliest span for the root of a trace that has none."""

    async def _find_root(self, trace_id: str) -> Span | None:
        return await super()._find_root(trace_id) or next(iter(self._of_trace(trace_id)), None)


@breaks("O14", "O15")
class LosesOrphans(InMemorySpans):
    """Reads what is connected with a root."""

    def _of_trace(self, trace_id: str) -> list[Span]:
        spans = super()._of_trace(trace_id)
        known = {span.span_id for span in spans}
        return [span for span in spans if span.parent_span_id is None or span.parent_span_id in known]


@breaks("O15", "O25")
class ShowsInStructures(InMemorySpans):
    """Puts metadata into structures, and none into lists."""

    def _light(self, span: Span) -> LightSpan:
        return replace(super()._light(span), metadata=span.metadata)

    def _previewed(self, span: Span) -> LightSpan:
        return replace(super()._previewed(span), metadata=None)


@breaks("O15", "O4")
class ForgetsStatus(InMemorySpans):
    """Says of every light span that it ended well."""

    def _light(self, span: Span) -> LightSpan:
        return replace(super()._light(span), status="success")


@breaks("O16")
class CountsTheAnchor(InMemorySpans):
    """Takes the anchor for the first level."""

    async def get_branch(self, *, trace_id: str, span_id: str, depth: int | None = None) -> Any:
        fewer = depth - 1 if isinstance(depth, int) and depth > 0 else depth
        return await super().get_branch(trace_id=trace_id, span_id=span_id, depth=fewer)


@breaks("O16")
class PutsTheAnchorInOrder(InMemorySpans):
    """Orders the anchor among its descendants."""

    async def get_branch(self, *, trace_id: str, span_id: str, depth: int | None = None) -> Any:
        branch = await super().get_branch(trace_id=trace_id, span_id=span_id, depth=depth)
        if branch:
            branch.spans.sort(key=self._position)
        return branch


@breaks("O16")
class AnchorsAnywhere(InMemorySpans):
    """Begins a branch at a span that is not there, and runs in circles only once."""

    async def get_branch(self, *, trace_id: str, span_id: str, depth: int | None = None) -> Any:
        if isinstance(depth, int) and depth < 0:
            depth = None
        return await super().get_branch(trace_id=trace_id, span_id=span_id, depth=depth)


@breaks("O16")
class MixesTraces(InMemorySpans):
    """Looks for children in all traces."""

    async def _find_links(self, trace_id: str) -> list[SpanLink]:
        return [SpanLink(span.span_id, span.parent_span_id) for span in self._all()]

    async def _find_spans(self, trace_id: str, span_ids: list[str] | None) -> list[Span]:
        spans = await super()._find_spans(trace_id, span_ids)
        if span_ids is None or len(span_ids) < 2:
            return spans
        return sorted((span for span in self._all() if span.span_id in span_ids), key=self._position)


# -- common rules ------------------------------------------------------------------------------------------------------


@breaks("G11")
class SharesRecords(InMemorySpans):
    """Hands out the same object twice."""

    def __init__(self) -> None:
        super().__init__()
        self.shared: dict[Ids, tuple[Kept, Span]] = {}

    def _span(self, ids: Ids) -> Span:
        kept = self.rows[ids]
        if self.shared.get(ids, (None,))[0] is not kept:
            self.shared[ids] = kept, super()._span(ids)
        return self.shared[ids][1]


@breaks("G12")
class TrimsIds(InMemorySpans):
    """Takes spaces around ids for mistakes."""

    async def get_span(self, *, trace_id: str, span_id: str) -> Span | None:
        if isinstance(trace_id, str) and isinstance(span_id, str):
            trace_id, span_id = trace_id.strip(), span_id.strip()
        return await super().get_span(trace_id=trace_id, span_id=span_id)


@breaks("G9")
class DropsHardText(InMemorySpans):
    """Drops characters that are hard to store."""

    def _keep(self, row: SpanRow) -> None:
        name = "".join(character for character in row.span.name if character != "\0")
        super()._keep(row._replace(values={**row.values, "name": name}))


@breaks("G14")
class ClearsHalf(InMemorySpans):
    """Clears what has a root."""

    async def dangerously_clear_all(self) -> None:
        for span in list(self._all()):
            if span.parent_span_id is None:
                del self.rows[self._ids(span)]


@breaks("G15", "O6", "O23")
class HasCodesOfItsOwn(InMemorySpans):
    """Raises the right errors under codes of its own."""

    async def create_span(self, *, span: Span) -> None:
        await self._recoded(super().create_span(span=span))

    async def list_traces(self, **arguments: Any) -> Any:
        return await self._recoded(super().list_traces(**arguments))

    async def _recoded(self, call: Any) -> Any:
        try:
            return await call
        except StoreError as error:
            error.reason = "WRONG"
            raise


@breaks("G10", "O6", "O7")
class ChecksNothing(InMemorySpans):
    """Takes updates of any kind."""

    async def update_span(self, *, trace_id: str, span_id: str, updates: Any) -> None:
        try:
            await super().update_span(trace_id=trace_id, span_id=span_id, updates=updates)
        except ValidationError:
            good = {name: value for name, value in dict(updates or {}).items() if name == "name" and value}
            await super().update_span(trace_id=trace_id, span_id=span_id, updates=good)

    async def create_span(self, *, span: Span) -> None:
        try:
            await super().create_span(span=span)
        except ValidationError:
            if isinstance(span, Span) and span.trace_id and span.span_id:
                self.rows[self._ids(span)] = Kept(replace(span, **dict.fromkeys(PAYLOADS)), {})
