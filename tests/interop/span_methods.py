"""Mastra's methods of the observability domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mastra_store import Span, SpanUpdate, from_mastra

from .methods import Method, paging_apart, record, records, snake, snake_keys, under, with_snake_keys

_RANGES = ("startedAt", "endedAt")


def _span(value: Mapping[str, Any]) -> Span:
    return from_mastra(Span, value)


def _update(value: Mapping[str, Any]) -> SpanUpdate:
    return SpanUpdate(trace_id=value["traceId"], span_id=value["spanId"], updates=snake_keys(value["updates"]))


def _filters(key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: {snake(name): snake_keys(item) if name in _RANGES else item for name, item in value.items()}}


OBSERVABILITY = {
    "createSpan": Method("create_span", {"span": record(_span)}, void=True),
    "batchCreateSpans": Method("batch_create_spans", {"records": records(_span)}, void=True),
    "updateSpan": Method("update_span", {"updates": with_snake_keys}, void=True),
    "batchUpdateSpans": Method("batch_update_spans", {"records": records(_update)}, void=True),
    "batchDeleteTraces": Method("batch_delete_traces", void=True),
    "getSpan": Method("get_span", shape=under("span")),
    "getSpans": Method("get_spans", shape=under("spans")),
    "getRootSpan": Method("get_root_span", shape=under("span")),
    "getTrace": Method("get_trace"),
    "getTraceLight": Method("get_trace_light"),
    "getStructure": Method("get_structure"),
    "getBranch": Method("get_branch"),
    "listTraces": Method("list_traces", {"filters": _filters}, shape=paging_apart),
    "listTracesLight": Method("list_traces_light", {"filters": _filters}, shape=paging_apart),
    "listBranches": Method("list_branches", {"filters": _filters}, shape=paging_apart),
    "dangerouslyClearAll": Method("dangerously_clear_all", void=True),
}
