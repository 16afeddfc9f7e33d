"""Records in Mastra's own JSON shape: nothing is lost, and no time is guessed at (conventions, calls)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mastra_store import (
    LightTrace,
    Score,
    ScorePage,
    Span,
    SpanUpdate,
    ThreadPage,
    Trace,
    TracePage,
    ValidationError,
    WorkflowRun,
    WorkflowRunPage,
    WorkflowStateUpdate,
    from_mastra,
    to_mastra,
)

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
SPAN = {"traceId": "t", "spanId": "s", "name": "n", "spanType": "generic", "isEvent": False}
LIGHT = {**SPAN, "status": "running", "createdAt": "2026-01-02T12:00:00.000Z"}


def test_times_of_records_within_records_are_brought_to_utc_and_milliseconds() -> None:
    data = {"traceId": "t", "spans": [{**SPAN, "startedAt": "2026-01-02T14:00:00.000999+02:00"}]}
    span = from_mastra(Trace, data).spans[0]
    assert span.started_at == NOON
    assert span.started_at.utcoffset() == NOON.utcoffset()


@pytest.mark.parametrize(("cls", "span"), [(Trace, SPAN), (LightTrace, LIGHT)])
def test_naive_times_within_records_are_refused(cls: Any, span: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="aware"):
        from_mastra(cls, {"traceId": "t", "spans": [{**span, "startedAt": "2026-01-02T12:00:00"}]})


@pytest.mark.parametrize("text", ["2026-01-02T12:00:00", "yesterday"])
def test_times_of_an_update_need_an_offset(text: str) -> None:
    with pytest.raises(ValidationError, match="startedAt"):
        from_mastra(SpanUpdate, {"traceId": "t", "spanId": "s", "updates": {"startedAt": text}})


def test_an_update_of_a_span_there_and_back() -> None:
    update = SpanUpdate(trace_id="t", span_id="s", updates={"ended_at": NOON, "error": None, "metadata": {"a_b": 1}})
    wire = to_mastra(update)
    assert wire["updates"] == {"endedAt": "2026-01-02T12:00:00.000Z", "error": None, "metadata": {"a_b": 1}}
    assert from_mastra(SpanUpdate, wire) == update


def test_W18_a_key_that_is_to_become_null_is_not_left_out() -> None:
    update = WorkflowStateUpdate(status=None, active_paths=[])
    assert to_mastra(update) == {"status": None, "activePaths": []}
    assert from_mastra(WorkflowStateUpdate, to_mastra(update)) == update


def test_W5_a_run_whose_snapshot_is_text() -> None:
    data = {"workflowName": "w", "runId": "r", "snapshot": '{"status":"x"}', "createdAt": "2026-01-02T12:00:00.000Z"}
    assert from_mastra(WorkflowRun, data).snapshot == {"status": "x"}


def test_a_score_without_output() -> None:
    data = {"scorerId": "s", "entityId": "e", "runId": "r", "scorer": {}, "entity": {}, "source": "LIVE", "score": 1}
    assert from_mastra(Score, data).output is None


def test_pages_have_the_shape_of_each_list() -> None:
    paging: dict[str, Any] = {"total": 1, "page": 0, "has_more": False}
    wire = {"total": 1, "page": 0, "perPage": 5, "hasMore": False}
    span = from_mastra(Trace, {"traceId": "t", "spans": [{**SPAN, "startedAt": "2026-01-02T12:00:00Z"}]}).spans[0]
    assert isinstance(span, Span)
    assert to_mastra(ThreadPage(threads=[], per_page=5, **paging)) == {"threads": [], **wire}
    assert to_mastra(WorkflowRunPage(runs=[], per_page=5, **paging)) == {"runs": [], **wire}
    assert to_mastra(ScorePage(scores=[], per_page=5, **paging)) == {"scores": [], "pagination": wire}
    everything = to_mastra(TracePage(spans=[], per_page=None, **paging))
    assert everything == {"spans": [], "pagination": {**wire, "perPage": False}}
