"""Tables of older versions get the columns that they lack, as from the packages, and old rows keep their own times."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from msgspec.structs import replace

from mastra_store import Message, Score, Span, Thread
from mastra_store.instants import now
from tests.interop.databases import Database, connected
from tests.interop.typescript import TypeScript
from tests.interop.values import differences
from tests.schema.catalogue import TABLES, Catalogue, catalogue, of_domain, without_ours
from tests.schema.conftest import Maker

# Columns that old versions did not have and that an upgrade adds; on PostgreSQL also the twins of all instants.
LATER = {
    "mastra_messages": {"resourceId"},
    "mastra_workflow_snapshot": {"resourceId"},
    "mastra_scorers": {
        *("spanId", "requestContext", "organizationId", "projectId", "batchId", "datasetId", "datasetItemId"),
    },
}
FIRST_SPANS = {
    *("traceId", "spanId", "parentSpanId", "name", "scope", "spanType", "attributes", "metadata", "links"),
    *("input", "output", "error", "startedAt", "endedAt", "createdAt", "updatedAt", "isEvent"),
}
# What else the first spans on PostgreSQL did without. SQLite cannot drop the key, which is part of the table.
NO_KEY = (
    'ALTER TABLE mastra_ai_spans DROP CONSTRAINT "public_mastra_ai_spans_traceid_spanid_pk"',
    "DROP TRIGGER mastra_ai_spans_timestamps ON mastra_ai_spans",
)

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.parametrize(
        "maker",
        [
            pytest.param(None, id="sqlite"),
            pytest.param("public", id="postgres", marks=pytest.mark.needs("postgres")),
        ],
        indirect=True,
    ),
]


async def test_format_2_3_old_tables_are_upgraded_as_by_typescript(maker: Maker, typescript: TypeScript) -> None:
    ours, theirs = maker.new(), maker.new()
    for database in (ours, theirs):
        await typescript.run(database)
        await _take_back(database)
    await asyncio.to_thread(typescript.release)
    await typescript.run(theirs)
    async with ours.open():
        pass
    upgraded, wanted = await catalogue(ours), await catalogue(theirs)
    for domain in TABLES:
        found = without_ours(of_domain(upgraded, domain))
        assert differences(_by_name(found), _by_name(of_domain(wanted, domain))) == [], domain


async def test_format_2_3_old_rows_keep_their_times_and_have_no_resource(maker: Maker) -> None:
    database = maker.new()
    thread = Thread(id="t", resource_id="r", title="old", created_at=now())
    message = Message(id="m", thread_id="t", resource_id="r", created_at=thread.created_at)
    async with database.open() as store:
        await store.memory.save_thread(thread=thread)
        await store.memory.save_messages(messages=[message])
        thread = await store.memory.update_thread(id="t", metadata={"a": 1})
    await _take_back(database)
    async with database.open() as store:
        assert await store.memory.get_thread_by_id(thread_id="t") == thread
        message.resource_id = None
        assert await store.memory.list_messages_by_id(message_ids=["m"]) == [message]


async def test_format_2_3_old_workflow_runs_keep_their_times_and_can_be_updated(maker: Maker) -> None:
    database = maker.new()
    key: dict[str, Any] = {"workflow_name": "w", "run_id": "r"}
    async with database.open() as store:
        snapshot = {"status": "running", "context": {}}
        await store.workflows.persist_workflow_snapshot(**key, snapshot=snapshot, resource_id="owner")
        run = await store.workflows.get_workflow_run_by_id(**key)
    await _take_back(database)
    async with database.open() as store:
        assert run is not None
        assert (await store.workflows.list_workflow_runs(status="running")).runs == [replace(run, resource_id=None)]
        assert (await store.workflows.list_workflow_runs(resource_id="owner")).total == 0
        await store.workflows.persist_workflow_snapshot(**key, snapshot=snapshot, resource_id="new owner")
        assert (await store.workflows.list_workflow_runs(resource_id="new owner")).total == 1


async def test_format_2_3_old_scores_keep_their_times_and_have_no_tenant(maker: Maker) -> None:
    database = maker.new()
    score = Score(
        id="s", scorer_id="s", entity_id="e", run_id="r", scorer={}, entity={}, source="LIVE", score=1, output=0
    )
    later = {"organization_id": "o", "project_id": "p", "batch_id": "b", "dataset_id": "d", "dataset_item_id": "i"}
    full = replace(score, trace_id="t", span_id="span", request_context={"a": 1}, **later)
    async with database.open() as store:
        saved = await store.scores.save_score(score=full)
    await _take_back(database)
    async with database.open() as store:
        bare = replace(saved, span_id=None, request_context=None, **dict.fromkeys(later))
        assert await store.scores.get_score_by_id(id="s") == bare
        assert (await store.scores.list_scores_by_run_id(run_id="r")).scores == [bare]
        assert (await store.scores.list_scores_by_run_id(run_id="r", organization_id="o")).total == 0
        again = await store.scores.save_score(score=full)
        assert (await store.scores.list_scores_by_span(trace_id="t", span_id="span")).scores == [again]


async def test_O28_old_spans_are_listed_without_what_they_lack(maker: Maker) -> None:
    database = maker.new()
    first = Span(
        trace_id="t", span_id="s", name="n", span_type="agent_run", started_at=now(), input="i", error={"a": 1}
    )
    running = replace(first, span_id="s2", parent_span_id="s", error=None, metadata={"k": "v"}, scope={"x": 1})
    full = [replace(span, user_id="u", tags=["a"], request_context={"b": 2}) for span in (first, running)]
    async with database.open() as store:
        await store.observability.batch_create_spans(records=full)
        before = await store.observability.get_trace(trace_id="t")
    await _take_back(database)
    async with database.open() as store:
        spans = store.observability
        after = await spans.get_trace(trace_id="t")
        assert before is not None
        lost = {"user_id": None, "tags": None, "request_context": None}
        assert after == replace(before, spans=[replace(span, **lost) for span in before.spans])
        page = await spans.list_traces(filters={"status": "error"})
        assert [(span.span_id, span.started_at, span.user_id) for span in page.spans] == [("s", first.started_at, None)]
        assert (await spans.list_traces(filters={"user_id": "u"})).total == 0
        await spans.create_span(span=full[0])
        await spans.update_span(trace_id="t", span_id="s2", updates={"tags": ["late"]})
        assert (await spans.list_traces(filters={"user_id": "u", "tags": ["a"]})).total == 1
        found = await spans.get_span(trace_id="t", span_id="s2")
        assert found is not None
        assert found.tags == ["late"]


def _by_name(found: Catalogue) -> Catalogue:
    """Without the order of columns, which tells when they were added, and without defaults that say NULL."""
    return {name: {**table, "columns": dict(map(_column, table["columns"]))} for name, table in found.items()}


def _column(column: Any) -> tuple[str, Any]:
    if isinstance(column, dict):
        return column["name"], column
    _, name, type_, required, default, *rest = column
    return name, [type_, required, None if default == "NULL" else default, *rest]


async def _take_back(database: Database) -> None:
    """Take the tables back to the columns that they had in an old version."""
    statements = list(_removals(await catalogue(database)))
    if database.backend == "postgres":
        async with connected(database) as server:
            for statement in (*NO_KEY, *statements):
                await server.execute(statement)
        return
    with closing(sqlite3.connect(database.path)) as connection:
        made = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"  # they would hold the columns
        for (index,) in connection.execute(made).fetchall():
            connection.execute(f'DROP INDEX "{index}"')
        for statement in statements:
            connection.execute(statement)


def _removals(found: Catalogue) -> Iterator[str]:
    for tables in TABLES.values():
        for table in tables:
            for name, _ in map(_column, found[table]["columns"]):
                if name.endswith("Z") or name in LATER.get(table, ()) or _is_later_span(table, name):
                    yield f'ALTER TABLE {table} DROP COLUMN "{name}"'


def _is_later_span(table: str, column: str) -> bool:
    return table == "mastra_ai_spans" and column not in FIRST_SPANS
