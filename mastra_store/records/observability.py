"""Records of the observability domain: spans, the traces they make up, and the filters that lists of them take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from ..errors import ValidationError
from ..instants import is_aware, now, truncate
from .base import Record
from .paging import DateRange, NestedPage


class Span(Record, kw_only=True):
    """One step of a trace (table ``mastra_ai_spans``), identified by ``(trace_id, span_id)``.

    ``ended_at=None`` is a running span, ``parent_span_id=None`` a root. ``input``, ``output`` and ``error`` may be any
    JSON value. The storage sets ``created_at`` and ``updated_at``.
    """

    trace_id: str
    span_id: str
    name: str
    span_type: str
    is_event: bool = False
    started_at: datetime
    ended_at: datetime | None = None
    parent_span_id: str | None = None
    entity_type: str | None = None
    entity_id: str | None = None
    entity_name: str | None = None
    entity_version_id: str | None = None
    parent_entity_type: str | None = None
    parent_entity_id: str | None = None
    parent_entity_name: str | None = None
    parent_entity_version_id: str | None = None
    root_entity_type: str | None = None
    root_entity_id: str | None = None
    root_entity_name: str | None = None
    root_entity_version_id: str | None = None
    user_id: str | None = None
    organization_id: str | None = None
    resource_id: str | None = None
    run_id: str | None = None
    session_id: str | None = None
    thread_id: str | None = None
    request_id: str | None = None
    experiment_id: str | None = None
    environment: str | None = None
    service_name: str | None = None
    source: str | None = None
    scope: dict[str, Any] | None = None
    attributes: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None
    request_context: dict[str, Any] | None = None
    tags: list[str] | None = None
    links: list[Any] | None = None
    input: Any = None
    output: Any = None
    error: Any = None
    created_at: datetime = msgspec.field(default_factory=now)
    updated_at: datetime | None = None


class TraceSpan(Span, kw_only=True):
    """A span with its status, ``error``, ``running`` or ``success`` (O4)."""

    status: str


class LightSpan(Record, kw_only=True):
    """A span without its payloads: what a tree or a list of traces shows (O15, O25)."""

    trace_id: str
    span_id: str
    parent_span_id: str | None = None
    name: str
    span_type: str
    is_event: bool = False
    started_at: datetime
    ended_at: datetime | None = None
    error: Any = None
    status: str
    entity_type: str | None = None
    entity_id: str | None = None
    entity_name: str | None = None
    metadata: dict[str, Any] | None = None
    input_preview: str | None = None
    created_at: datetime
    updated_at: datetime | None = None


class SpanUpdate(Record, kw_only=True):
    """What to change in one span: attributes by their Python names; ``None`` clears one (O7)."""

    trace_id: str
    span_id: str
    updates: Mapping[str, Any]

    @classmethod
    def _from_mastra(cls, data: dict[str, Any]) -> dict[str, Any]:
        updates = data.get("updates")
        if isinstance(updates, Mapping):
            names = dict(zip(Span.__struct_encode_fields__, Span.__struct_fields__, strict=True))
            data["updates"] = {names.get(key, key): _instant(key, value) for key, value in updates.items()}
        return data

    def _to_mastra(self, wire: dict[str, Any]) -> dict[str, Any]:
        names = dict(zip(Span.__struct_fields__, Span.__struct_encode_fields__, strict=True))
        return {**wire, "updates": {names.get(key, key): value for key, value in wire["updates"].items()}}


class TraceFilter(msgspec.Struct, kw_only=True, frozen=True):
    """Conditions on a span, combined by AND; what is ``None`` does not filter (O19 to O24).

    Strings match exactly. ``metadata`` and ``scope`` name keys and the scalars they must equal, ``tags`` must all be
    carried. ``has_child_error`` looks at all spans of the trace.
    """

    started_at: DateRange | Mapping[str, Any] | None = None
    ended_at: DateRange | Mapping[str, Any] | None = None
    trace_id: str | None = None
    span_type: str | None = None
    status: str | None = None
    has_child_error: bool | None = None
    entity_type: str | None = None
    entity_id: str | None = None
    entity_name: str | None = None
    entity_version_id: str | None = None
    parent_entity_type: str | None = None
    parent_entity_id: str | None = None
    parent_entity_name: str | None = None
    parent_entity_version_id: str | None = None
    root_entity_type: str | None = None
    root_entity_id: str | None = None
    root_entity_name: str | None = None
    root_entity_version_id: str | None = None
    user_id: str | None = None
    organization_id: str | None = None
    resource_id: str | None = None
    run_id: str | None = None
    session_id: str | None = None
    thread_id: str | None = None
    request_id: str | None = None
    experiment_id: str | None = None
    environment: str | None = None
    service_name: str | None = None
    source: str | None = None
    scope: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    tags: Sequence[str] | None = None


class Trace(Record, kw_only=True):
    """All spans of a trace, or of one branch of it."""

    trace_id: str
    spans: list[Span]


class LightTrace(Record, kw_only=True):
    """The structure of a trace: all its spans without payloads."""

    trace_id: str
    spans: list[LightSpan]


class TracePage(NestedPage, kw_only=True):
    """A page of root spans."""

    spans: list[TraceSpan]


class LightTracePage(NestedPage, kw_only=True):
    """A page of root spans without payloads, with a preview of their input."""

    spans: list[LightSpan]


class BranchPage(NestedPage, kw_only=True):
    """A page of spans that begin a branch, at any depth."""

    branches: list[TraceSpan]


class Strategy(NamedTuple):
    """How an exporter should write: what the backend prefers, and all it supports (O11)."""

    preferred: str
    supported: tuple[str, ...]


def _instant(key: str, value: Any) -> Any:
    """Times of an update in Mastra's JSON are text."""
    if key not in ("startedAt", "endedAt") or not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None
    if moment is None or not is_aware(moment):
        raise ValidationError(f"updates.{key} is not an ISO 8601 time with an offset", details={"field": key})
    return truncate(moment)
