"""The observability domain as plain Python over a dict, written from the contract: the tests compare backends with it.

Nothing of the package decides here but the records. Times that a storage sets are numbers of calls (see ``clock``).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from msgspec.structs import asdict, replace

from mastra_store import Span, SpanUpdate

Ids: TypeAlias = tuple[str, str]
Row: TypeAlias = dict[str, Any]

BRANCH_TYPES = {
    *("agent_run", "workflow_run", "processor_run", "scorer_run", "rag_ingestion", "tool_call", "mcp_tool_call"),
    *("mcp_server_request", "provider_tool_call"),
}
LIGHT = (
    *("trace_id", "span_id", "parent_span_id", "name", "span_type", "is_event", "started_at", "ended_at", "error"),
    *("entity_type", "entity_id", "entity_name", "created_at", "updated_at"),
)
NEVER = datetime.max.replace(tzinfo=UTC)


class SpanModel:
    """What a storage should answer. Every method returns plain values: spans as mappings, pages as mappings."""

    def __init__(self, clock: Callable[[], Any] = lambda: None) -> None:
        self.clock = clock
        self.rows: dict[Ids, Span] = {}

    # -- writing (O1 to O10) -----------------------------------------------------------------------------------------

    def create_span(self, *, span: Span) -> None:
        self.batch_create_spans(records=[span])

    def batch_create_spans(self, *, records: Sequence[Span]) -> None:
        moment = self.clock()
        for span in copy.deepcopy(list(records)):
            old = self.rows.get((span.trace_id, span.span_id))
            created_at = old.created_at if old else moment
            self.rows[span.trace_id, span.span_id] = replace(span, created_at=created_at, updated_at=moment)

    def update_span(self, *, trace_id: str, span_id: str, updates: Mapping[str, Any]) -> None:
        self.batch_update_spans(records=[SpanUpdate(trace_id=trace_id, span_id=span_id, updates=updates)])

    def batch_update_spans(self, *, records: Sequence[SpanUpdate]) -> None:
        moment = self.clock()
        for record in copy.deepcopy(list(records)):
            ids = record.trace_id, record.span_id
            if ids in self.rows:
                self.rows[ids] = replace(self.rows[ids], **record.updates, updated_at=moment)

    def batch_delete_traces(
        self, *, trace_ids: Sequence[str], organization_id: str | None = None, resource_id: str | None = None
    ) -> None:
        for trace_id in set(trace_ids):
            spans = self._trace(trace_id)
            root = next((span for span in spans if span.parent_span_id is None), spans[0] if spans else None)
            if root is None or organization_id not in (None, root.organization_id):
                continue
            if resource_id in (None, root.resource_id):
                for span in spans:
                    del self.rows[trace_id, span.span_id]

    def dangerously_clear_all(self) -> None:
        self.rows.clear()

    # -- one trace (O12 to O16) --------------------------------------------------------------------------------------

    def get_span(self, *, trace_id: str, span_id: str) -> Row | None:
        return whole(self.rows.get((trace_id, span_id)))

    def get_spans(self, *, trace_id: str, span_ids: Sequence[str]) -> list[Row | None]:
        return [whole(span) for span in self._trace(trace_id) if span.span_id in span_ids]

    def get_root_span(self, *, trace_id: str) -> Row | None:
        return whole(next((span for span in self._trace(trace_id) if span.parent_span_id is None), None))

    def get_trace(self, *, trace_id: str) -> Row | None:
        spans = self._trace(trace_id)
        return {"trace_id": trace_id, "spans": [whole(span) for span in spans]} if spans else None

    def get_structure(self, *, trace_id: str) -> Row | None:
        spans = [{**light(span), "metadata": None, "input_preview": None} for span in self._trace(trace_id)]
        return {"trace_id": trace_id, "spans": spans} if spans else None

    def get_branch(self, *, trace_id: str, span_id: str, depth: int | None = None) -> Row | None:
        if (trace_id, span_id) not in self.rows:
            return None
        found, level, below = {span_id}, {span_id}, 0
        while level and (depth is None or below < depth):
            trace = self._trace(trace_id)
            level = {span.span_id for span in trace if span.parent_span_id in level} - found
            found |= level
            below += 1
        rest = [whole(span) for span in self._trace(trace_id) if span.span_id in found - {span_id}]
        return {"trace_id": trace_id, "spans": [whole(self.rows[trace_id, span_id]), *rest]}

    # -- lists (O17 to O27) ------------------------------------------------------------------------------------------

    def list_traces(self, **arguments: Any) -> Row:
        return self._page("spans", lambda span: span.parent_span_id is None, with_status, **arguments)

    def list_traces_light(self, **arguments: Any) -> Row:
        return self._page("spans", lambda span: span.parent_span_id is None, light, **arguments)

    def list_branches(self, **arguments: Any) -> Row:
        return self._page("branches", lambda span: span.span_type in BRANCH_TYPES, with_status, **arguments)

    def _page(
        self,
        rows: str,
        listed: Callable[[Span], bool],
        shown: Callable[[Span], Row],
        *,
        filters: Mapping[str, Any] | None = None,
        page: int = 0,
        per_page: int | None = 10,
        order_by: str = "-started_at",
    ) -> Row:
        wanted = {name: value for name, value in (filters or {}).items() if value is not None}
        found = [span for span in self.rows.values() if listed(span) and self._wanted(span, wanted)]
        field, descending = order_by.lstrip("-"), order_by.startswith("-")
        found.sort(key=lambda span: (getattr(span, field) or NEVER, span.trace_id, span.span_id), reverse=descending)
        first = page * (per_page or 0)
        last = len(found) if per_page is None else first + per_page
        more = per_page is not None and last < len(found)
        spans = [shown(span) for span in found[first:last]]
        return {rows: spans, "total": len(found), "page": page, "per_page": per_page, "has_more": more}

    def _wanted(self, span: Span, filters: Mapping[str, Any]) -> bool:
        return all(self._passes(span, name, value) for name, value in filters.items())

    def _passes(self, span: Span, name: str, wanted: Any) -> bool:
        if name == "status":
            return bool(status(span) == wanted)
        if name == "has_child_error":
            return bool(wanted) == any(one.error is not None for one in self._trace(span.trace_id))
        value = getattr(span, name)
        if name in ("started_at", "ended_at"):
            return value is not None and within(value, **wanted)
        if name in ("metadata", "scope"):
            return not wanted or (value is not None and all(carries(value, key, wanted[key]) for key in wanted))
        if name == "tags":
            return set(wanted) <= set(value or [])
        return bool(value == wanted)

    def _trace(self, trace_id: str) -> list[Span]:
        spans = [span for span in self.rows.values() if span.trace_id == trace_id]
        return sorted(spans, key=lambda span: (span.started_at, span.span_id))


def whole(span: Span | None) -> Row | None:
    """A span as a mapping of all its attributes."""
    return asdict(span) if span else None


def with_status(span: Span) -> Row:
    """The same and the status."""
    return {**asdict(span), "status": status(span)}


def light(span: Span) -> Row:
    """What light lists hold of a span."""
    shown = {name: getattr(span, name) for name in LIGHT}
    return {**shown, "status": status(span), "metadata": span.metadata, "input_preview": preview(span.input)}


def status(span: Span) -> str:
    """O4."""
    if span.error is not None:
        return "error"
    return "success" if span.ended_at else "running"


def within(
    moment: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    start_exclusive: bool = False,
    end_exclusive: bool = False,
) -> bool:
    """G7, for bounds of whole milliseconds."""
    after = start is None or moment > start or (moment == start and not start_exclusive)
    return after and (end is None or moment < end or (moment == end and not end_exclusive))


def carries(value: Mapping[str, Any], key: str, wanted: Any) -> bool:
    """M11: the key is there and equal, by value and JSON type."""
    return key in value and kind(value[key]) == kind(wanted) and bool(value[key] == wanted)


def kind(value: Any) -> str:
    """The JSON type of a value."""
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def preview(value: Any) -> str | None:
    """O26."""
    if isinstance(value, str):
        text = value.strip()
        if not text or text[0] not in '{["':
            return cut(value) if text else None
        try:
            value = json.loads(text)
        except ValueError:
            return cut(value) if text[0] == '"' else None
    if isinstance(value, str):
        return cut(value)
    messages = value["messages"] if isinstance(value, dict) and "messages" in value else value
    if isinstance(messages, list):
        return cut(" | ".join(filter(None, map(words, messages))))
    return None if value is None else cut(json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def words(message: Any) -> str:
    """What the user said in a message."""
    if not isinstance(message, dict) or message.get("role") != "user":
        return ""
    content: Any = message.get("content")
    if isinstance(content, str):
        return content
    parts: Iterable[Any] = content if isinstance(content, list) else []
    texts = (part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text")
    return " ".join(text for text in texts if isinstance(text, str) and text)


def cut(text: str) -> str | None:
    """The first hundred characters."""
    return (text if len(text) <= 100 else f"{text[:100]}…") or None
