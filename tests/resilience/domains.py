"""What the adversity tests of workflows, scores and observability share: records, seeds, and everything stored."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

from mastra_store import Score, Span, SpanUpdate, Store
from tests.resilience.support import LONG_AGO, query

DOMAINS = ("workflows", "scores", "observability")
TABLES = {"workflows": "mastra_workflow_snapshot", "scores": "mastra_scorers", "observability": "mastra_ai_spans"}
SNAPSHOT = {"status": "running", "context": {"input": {"a": 1}}, "requestContext": {"k": 0}, "value": {}}


def score(id: str, **values: Any) -> Score:
    """A score with what is required."""
    given: dict[str, Any] = {"scorer_id": "s", "entity_id": "e", "run_id": "r", "source": "LIVE", "score": 0.5}
    given |= {"scorer": {"id": "s"}, "entity": {"id": "e"}, "output": {"text": "hello"}, "entity_type": "AGENT"}
    given |= {"trace_id": "t1", "span_id": "s1"}
    return Score(id=id, **{**given, **values})


def span(trace_id: str, span_id: str, **values: Any) -> Span:
    """A span with what is required."""
    given: dict[str, Any] = {"name": "step", "span_type": "tool_call", "started_at": LONG_AGO}
    return Span(trace_id=trace_id, span_id=span_id, **{**given, **values})


def spans(trace_id: str, numbers: range, **values: Any) -> list[Span]:
    """Some spans of one trace, the first of them its root."""
    return [span(trace_id, f"s{n}", parent_span_id=f"s{n - 1}" if n else None, **values) for n in numbers]


def update(trace_id: str, span_id: str, **updates: Any) -> SpanUpdate:
    """An update of a span."""
    return SpanUpdate(trace_id=trace_id, span_id=span_id, updates=updates)


async def seed_domains(store: Store) -> None:
    """Two runs, two scores, and two traces with three and two spans; all times long ago where they can be chosen."""
    for name in DOMAINS:
        await getattr(store, name).dangerously_clear_all()
    for run_id in ("r1", "r2"):
        await store.workflows.persist_workflow_snapshot(
            workflow_name="w", run_id=run_id, snapshot=SNAPSHOT, created_at=LONG_AGO, updated_at=LONG_AGO
        )
    for id in ("a", "b"):
        await store.scores.save_score(score=score(id))
    await store.observability.batch_create_spans(records=spans("t1", range(3)) + spans("t2", range(2)))


async def stored(store: Store) -> list[str]:
    """Everything in the three tables, without times of now."""
    found: list[Any] = [
        (run.workflow_name, run.run_id, run.resource_id, _without_times(run.snapshot), run.updated_at == LONG_AGO)
        for run in (await store.workflows.list_workflow_runs()).runs
    ]
    scores = await store.scores.list_scores_by_run_id(run_id="r", per_page=None)
    found += [(one.id, one.score, one.output, one.metadata) for one in scores.scores]
    for trace_id in ("t1", "t2", "t3"):
        trace = await store.observability.get_trace(trace_id=trace_id)
        found += [
            (trace_id, one.span_id, one.name, one.input, one.ended_at, one.error) for one in trace.spans
        ] if trace else []  # fmt: skip
    return sorted(map(str, found))


def _without_times(snapshot: dict[str, Any]) -> str:
    return str(sorted((key, str(value)) for key, value in snapshot.items() if key != "timestamp"))


async def raw(url: str, statement: str) -> list[Any]:
    """Run a statement behind the Store's back; rows if it has any."""
    if url.startswith("postgres"):
        return await query(url, statement)

    def run() -> list[Any]:
        connection = sqlite3.connect(url.removeprefix("sqlite:///").partition("?")[0])
        try:
            with connection:
                return connection.execute(statement).fetchall()
        finally:
            connection.close()

    return await asyncio.to_thread(run)
