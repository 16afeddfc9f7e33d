"""How many statements the operations of workflows and observability cost: one, however much is written or read."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from benchmarks.runs import snapshots
from benchmarks.spans import many_spans
from mastra_store import ObservabilityLibSQL, ObservabilityPG, Span, WorkflowsLibSQL, WorkflowsPG

ROWS_PER_STATEMENT = 50
OF_POOL = "SELECT pg_advisory_unlock_all"
SPANS = [Span(**row._asdict()) for row in many_spans(1000)]
WARM_UP = SPANS[-2:]
"""asyncpg asks once per connection what arrays of texts and times are."""
TRACE = SPANS[0].trace_id


class Listener:
    """The statements that were sent since the last look."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    async def take(self) -> list[str]:
        """asyncpg tells of a statement in a later turn of the loop; what the caller's pool does is not ours."""
        for _ in range(3):
            await asyncio.sleep(0)
        taken = [sql for sql in self.sent if not sql.startswith(OF_POOL)]
        self.sent.clear()
        return taken


@asynccontextmanager
async def listened(database_url: str, sqlite: Any, postgres: Any) -> AsyncIterator[tuple[Any, Listener]]:
    """A domain, ready for use, and the statements that it has sent since."""
    seen = Listener()
    if database_url.startswith("sqlite"):
        async with sqlite(url=database_url) as domain:
            await domain.init()
            database = domain._database

            def listen(connection: sqlite3.Connection) -> None:
                connection.set_trace_callback(seen.sent.append)

            for _ in range(database.options.readers):
                await database.read(listen)
            await database.write(listen)
            await seen.take()
            yield domain, seen
        return

    async def init(connection: Any) -> None:
        connection.add_query_logger(lambda query: seen.sent.append(query.query))

    async with (
        asyncpg.create_pool(database_url, min_size=1, max_size=1, init=init) as pool,
        postgres(pool=pool) as domain,
    ):
        await domain.init()
        assert await seen.take(), "the pool's connections are not listened to"
        yield domain, seen


def without_frame(sent: list[str], database_url: str) -> list[str]:
    """On SQLite every write stands in a transaction, which takes no trip of its own."""
    if database_url.startswith("sqlite"):
        assert sent[0] == "BEGIN IMMEDIATE"
        assert sent[-1] == "COMMIT"
        return sent[1:-1]
    return sent


@pytest.mark.asyncio
async def test_persisting_a_snapshot_is_one_statement(database_url: str) -> None:
    async with listened(database_url, WorkflowsLibSQL, WorkflowsPG) as (workflows, seen):
        for number in range(2):  # inserted, then replaced
            await seen.take()
            await workflows.persist_workflow_snapshot(workflow_name="w", run_id="r", snapshot=snapshots()[number])
            assert len(without_frame(await seen.take(), database_url)) == 1


@pytest.mark.asyncio
async def test_loading_a_snapshot_is_one_statement(database_url: str) -> None:
    async with listened(database_url, WorkflowsLibSQL, WorkflowsPG) as (workflows, seen):
        await workflows.persist_workflow_snapshot(workflow_name="w", run_id="r", snapshot=snapshots()[0])
        await seen.take()
        assert await workflows.load_workflow_snapshot(workflow_name="w", run_id="r") == snapshots()[0]
        assert len(await seen.take()) == 1


@pytest.mark.asyncio
async def test_a_batch_of_spans_needs_no_statement_per_span(database_url: str) -> None:
    most = len(SPANS) // ROWS_PER_STATEMENT if database_url.startswith("sqlite") else 1
    async with listened(database_url, ObservabilityLibSQL, ObservabilityPG) as (observability, seen):
        await observability.batch_create_spans(records=WARM_UP)
        for _ in range(2):  # inserted, then replaced
            await seen.take()
            await observability.batch_create_spans(records=SPANS)
            assert 1 <= len(without_frame(await seen.take(), database_url)) <= most
        page = await observability.list_traces(per_page=None)
        assert page.total == len({span.trace_id for span in SPANS})


@pytest.mark.asyncio
async def test_a_page_of_traces_with_its_total_is_one_statement(database_url: str) -> None:
    async with listened(database_url, ObservabilityLibSQL, ObservabilityPG) as (observability, seen):
        await observability.batch_create_spans(records=SPANS)
        for filters in (None, {"user_id": SPANS[0].user_id}, {"status": "success", "has_child_error": False}):
            for list_page in (observability.list_traces, observability.list_traces_light):
                await seen.take()
                page = await list_page(filters=filters, per_page=5)
                assert page.spans
                assert page.total >= len(page.spans)
                assert len(await seen.take()) == 1


@pytest.mark.asyncio
async def test_a_structure_is_one_statement(database_url: str) -> None:
    async with listened(database_url, ObservabilityLibSQL, ObservabilityPG) as (observability, seen):
        await observability.batch_create_spans(records=SPANS)
        await seen.take()
        trace = await observability.get_structure(trace_id=TRACE)
        assert len(trace.spans) == sum(span.trace_id == TRACE for span in SPANS)
        assert len(await seen.take()) == 1
