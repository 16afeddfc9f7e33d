"""What the answers of contestants mean, in a form that all of them can be compared in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from . import runs, spans
from .arguments import argument
from .operations import Operation
from .spans import SpanRow, millis
from .words import camel

_UNREAD_BY_NPM = ("request_context", "experiment_id", "links", "scope")
_SPAN = tuple(
    name
    for name in SpanRow._fields
    if name not in _UNREAD_BY_NPM and not name.startswith(("parent_entity", "root_entity", "entity_version"))
)
_LIGHT = ("trace_id", "span_id", "parent_span_id", "name", "span_type", "is_event", "started_at", "ended_at", "error")
_COUNTED = "traces_20"


def answer(operation: Operation, result: Any) -> Any:
    """Of a result: records as objects with attributes, a page as records and total."""
    if operation.name == _COUNTED:
        rows, total = result
        return {"rows": [members(row, (*_SPAN, "status")) for row in rows], "total": total}
    if operation.name == "structure_500":
        return [members(row, _LIGHT) for row in result]
    return result if operation.name in ("load_20kb", "update_step") else None


def stored(operation: Operation, found: Any) -> Any:
    """Of what a save has left: a run's snapshot with its times, the spans of a trace, or a score."""
    if operation.domain == "workflows":
        snapshot, created, updated = found
        return {"snapshot": snapshot, "created": millis(created), "bumped": updated > created}
    if operation.domain == "observability":
        return [members(row, _SPAN) for row in found]
    return members(found, runs.ScoreRow._fields)


def expected(operation: Operation, pick: str) -> Any:
    """What a reading call must answer."""
    if operation.name == "load_20kb":
        return runs.snapshot_of(pick)
    if operation.name == "structure_500":
        return [members(row, _LIGHT) for row in spans.long_trace(pick)]
    return answer(operation, (spans.newest_roots(20), spans.roots_count()))


def expected_save(operation: Operation, pick: str, first: int, before: Any) -> tuple[Any, dict[str, Any]]:
    """What a save must answer, and leave, by what it is about; ``before`` is what was stored."""
    given = argument(operation, pick, first)
    if operation.name == "persist_20kb":
        return None, {pick: {**before, "snapshot": given.snapshot, "bumped": True}}
    if operation.name == "update_step":
        snapshot = before["snapshot"]
        context = {**snapshot["context"], given.step_id: given.result}
        shared = {**snapshot["requestContext"], **given.request_context}
        return context, {
            pick: {**before, "snapshot": {**snapshot, "context": context, "requestContext": shared}, "bumped": True}
        }
    if operation.name == "spans_100":
        traces = spans.saved_traces(first)
        return None, {trace: stored(operation, [row for row in given if row.trace_id == trace]) for trace in traces}
    return None, {given.id: stored(operation, given)}


def members(record: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Some attributes, by the names that Mastra has for them."""
    return {camel(name): _plain(getattr(record, name)) for name in names}


def _plain(value: Any) -> Any:
    return millis(value) if isinstance(value, datetime) else value
