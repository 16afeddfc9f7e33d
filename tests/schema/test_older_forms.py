"""Tables of old versions whose columns or keys have another form: they are used as they are, or refused as a whole."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from mastra_store import Span, StoreError, Thread
from mastra_store.instants import now
from tests.interop.databases import Database, connected
from tests.interop.python_side import answers
from tests.interop.typescript import TypeScript
from tests.interop.workflow_calls import list_runs, load, persist, run, update_results, update_state
from tests.schema.catalogue import rows
from tests.schema.conftest import Maker

pytestmark = pytest.mark.asyncio

SQLITE = pytest.param(None, id="sqlite")
POSTGRES = pytest.param("public", id="postgres", marks=pytest.mark.needs("postgres"))
each_backend = pytest.mark.parametrize("maker", [SQLITE, POSTGRES], indirect=True)
on_postgres = pytest.mark.parametrize("maker", [POSTGRES], indirect=True)

# The key that the first spans did without is not in the table itself on PostgreSQL.
NO_KEY = {
    "postgres": ['ALTER TABLE mastra_ai_spans DROP CONSTRAINT "public_mastra_ai_spans_traceid_spanid_pk"'],
    "sqlite": [
        "CREATE TABLE old AS SELECT * FROM mastra_ai_spans",
        "DROP TABLE mastra_ai_spans",
        "ALTER TABLE old RENAME TO mastra_ai_spans",
    ],
}
TWICE = "INSERT INTO mastra_ai_spans SELECT * FROM mastra_ai_spans"
ONCE = {
    "postgres": "DELETE FROM mastra_ai_spans WHERE ctid <> (SELECT min(ctid) FROM mastra_ai_spans)",
    "sqlite": "DELETE FROM mastra_ai_spans WHERE rowid <> (SELECT min(rowid) FROM mastra_ai_spans)",
}


@on_postgres
async def test_format_1_4_snapshots_in_a_column_of_text(maker: Maker, typescript: TypeScript) -> None:
    database = maker.new()
    await typescript.run(database)
    await asyncio.to_thread(typescript.release)
    await _execute(
        database,
        "DROP INDEX mastra_workflow_snapshot_name_status_createdat_idx, mastra_workflow_snapshot_threadid_idx",
        "ALTER TABLE mastra_workflow_snapshot ALTER snapshot TYPE text",
    )
    thread = {"messageListState": {"memoryInfo": {"threadId": "t"}}}
    given = run("w", "r", {"status": "suspended", "context": {"input": thread}})
    updates = [
        update_results(given, "a", {"status": "success"}, {"k": "v"}),
        update_state(given, status="running", expectedStatus="suspended"),
    ]
    after = {
        "status": "running",
        "context": {"input": thread, "a": {"status": "success"}},
        "requestContext": {"k": "v"},
    }
    await typescript.answers(database, [persist(given)])
    async with database.open() as store:
        listed = [list_runs("w", status="suspended"), list_runs("w", threadId="t"), list_runs("w", status="running")]
        counts = [answer["result"]["total"] for answer in await answers(store, listed)]
        await answers(store, updates)
        [here] = await answers(store, [load(given)])
    [there] = await typescript.answers(database, [load(given)])
    assert counts == [1, 1, 0]
    assert here["result"] == there["result"] == after


@on_postgres
async def test_format_1_4_metadata_of_threads_in_a_column_of_text(maker: Maker) -> None:
    database = maker.new()
    thread = Thread(id="t", resource_id="r", metadata={"a": {"b": None}})
    async with database.open() as store:
        await store.memory.save_thread(thread=thread)
    await _execute(database, "ALTER TABLE mastra_threads ALTER metadata TYPE text")
    async with database.open() as store:
        read = await store.memory.get_thread_by_id(thread_id="t")
        assert read is not None
        assert read.metadata == thread.metadata
        updated = await store.memory.update_thread(id="t", metadata={"c": 1})
        assert updated.metadata == {"a": {"b": None}, "c": 1}
        assert (await store.memory.list_threads(metadata={"c": 1})).total == 1


@each_backend
async def test_format_2_3_spans_without_a_key_get_one_unless_there_are_duplicates(maker: Maker) -> None:
    database = maker.new()
    span = Span(trace_id="t", span_id="s", name="n", span_type="generic", started_at=now())
    async with database.open() as store:
        await store.observability.create_span(span=span)
    await _execute(database, *NO_KEY[database.backend], TWICE)
    before = await rows(database)
    with pytest.raises(StoreError):
        async with database.open():
            pass
    assert await rows(database) == before
    await _execute(database, ONCE[database.backend])
    async with database.open() as store:
        await store.observability.create_span(span=span)
        trace = await store.observability.get_trace(trace_id="t")
    assert trace is not None
    assert len(trace.spans) == 1


@each_backend
async def test_O3_an_error_that_is_json_null_is_none(maker: Maker) -> None:
    database = maker.new()
    span = Span(trace_id="t", span_id="s", name="n", span_type="generic", started_at=now(), ended_at=now(), error=0)
    async with database.open() as store:
        spans = store.observability
        await spans.create_span(span=span)
        await _execute(database, "UPDATE mastra_ai_spans SET error = 'null'")
        page = await spans.list_traces(filters={"status": "success", "has_child_error": False})
        assert [(found.error, found.status) for found in page.spans] == [(None, "success")]
        assert (await spans.list_traces(filters={"status": "error"})).total == 0
        assert (await spans.list_traces(filters={"has_child_error": True})).total == 0


async def _execute(database: Database, *statements: str) -> None:
    if database.backend == "postgres":
        async with connected(database) as server:
            for statement in statements:
                await server.execute(statement)
        return
    with closing(sqlite3.connect(database.path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
