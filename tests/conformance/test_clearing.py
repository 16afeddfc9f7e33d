"""Clearing one domain touches no other (G14). The published suite cannot see that: it examines one domain at a time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mastra_store.conformance.score_scenes import a_score
from mastra_store.conformance.workflow_scenes import state_of
from mastra_store.records import Span, Thread
from mastra_store.store import Store

DOMAINS = ("memory", "workflows", "scores", "observability")


async def fill(store: Store) -> None:
    """One record in each domain."""
    await store.memory.save_thread(thread=Thread(id="t", resource_id="owner"))
    await store.workflows.persist_workflow_snapshot(workflow_name="w", run_id="r", snapshot=state_of())
    await store.scores.save_score(score=a_score(id="s"))
    started_at = datetime(2024, 1, 1, tzinfo=UTC)
    span = Span(trace_id="t", span_id="s", name="n", span_type="agent_run", started_at=started_at)
    await store.observability.create_span(span=span)


async def filled(store: Store) -> set[str]:
    """The domains that hold their record."""
    found = {
        "memory": await store.memory.get_thread_by_id(thread_id="t"),
        "workflows": await store.workflows.load_workflow_snapshot(workflow_name="w", run_id="r"),
        "scores": await store.scores.get_score_by_id(id="s"),
        "observability": await store.observability.get_span(trace_id="t", span_id="s"),
    }
    return {domain for domain, record in found.items() if record is not None}


@pytest.mark.asyncio
async def test_clearing_touches_no_other_domain(database_url: str) -> None:
    async with Store(id="clearing", default=database_url) as store:
        for domain in DOMAINS:
            await fill(store)
            storage = await store.get_store(domain)
            assert storage is not None
            await storage.dangerously_clear_all()
            assert await filled(store) == {*DOMAINS} - {domain}
