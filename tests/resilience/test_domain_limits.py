"""Long values, deep payloads, strict servers, locked rows and old tables, for workflows, scores and spans."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from mastra_store import CorruptRecordError, Span, Store, ValidationError
from mastra_store.conformance.scenes import at
from tests.resilience.domains import score

pytestmark = pytest.mark.asyncio
LONG = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=3000))


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def _span(span_id: str, **attributes: Any) -> Span:
    return Span(
        **{"trace_id": "t", "span_id": span_id, "name": "n", "span_type": "x", "started_at": at(0), **attributes}
    )


async def test_G12_long_values_that_only_our_indexes_hold(database_url: str) -> None:
    """No index of ours refuses what Mastra's tables take, and the lists find it."""
    names = ("thread_id", "resource_id", "run_id", "session_id", "request_id", "experiment_id")
    async with Store(id="app", default=database_url) as store:
        await store.observability.create_span(span=_span("s", **dict.fromkeys(names, LONG)))
        for name in names:
            assert (await store.observability.list_traces(filters={name: LONG})).total == 1, name
            assert (await store.observability.list_traces(filters={name: LONG[:-1]})).total == 0, name
        saved = score("a")
        saved.scorer_id = saved.run_id = saved.entity_id = LONG
        await store.scores.save_score(score=saved)
        assert (await store.scores.list_scores_by_scorer_id(scorer_id=LONG)).total == 1
        assert (await store.scores.list_scores_by_run_id(run_id=LONG)).total == 1
        await store.workflows.persist_workflow_snapshot(workflow_name="w", run_id="r", snapshot={}, resource_id=LONG)
        assert (await store.workflows.list_workflow_runs(resource_id=LONG)).total == 1


@pytest.mark.needs("postgres")
async def test_G9_what_an_index_of_mastra_cannot_hold_is_named(postgres: Any) -> None:
    async with Store(id="app", default=postgres.create_database()) as store:
        with pytest.raises(ValidationError, match="mastra_ai_spans_name_idx"):
            await store.observability.create_span(span=_span("s", name=LONG))
        assert await store.observability.get_trace(trace_id="t") is None


@pytest.mark.needs("postgres")
async def test_W2_S2_a_server_that_serialises_everything(postgres: Any) -> None:
    """Where each statement may collide with others, it is made again."""
    url = postgres.create_database()
    async with Store(id="app", default=url) as first, _connected(url) as connection:
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f"ALTER DATABASE \"{name}\" SET default_transaction_isolation TO 'serializable'")
        async with Store(id="second", default=url) as second:
            await first.workflows.load_workflow_snapshot(workflow_name="w", run_id="r0")
            stores = [first, second]
            persists = [
                stores[n % 2].workflows.persist_workflow_snapshot(workflow_name="w", run_id=f"r{n % 3}", snapshot={})
                for n in range(40)
            ]
            saves = [stores[n % 2].scores.save_score(score=score("a")) for n in range(20)]
            await asyncio.gather(*persists, *saves)
            assert (await second.workflows.list_workflow_runs()).total == 3


@pytest.mark.needs("postgres")
async def test_W21_a_run_that_somebody_holds_blocks_no_other(postgres: Any) -> None:
    url = postgres.create_database()
    async with Store(id="app", default=url) as store, _connected(url) as other:
        workflows = store.workflows
        for run_id in ("held", "free"):
            await workflows.persist_workflow_snapshot(workflow_name="w", run_id=run_id, snapshot={"context": {}})
        async with other.transaction():
            await other.execute("SELECT 1 FROM mastra_workflow_snapshot WHERE run_id = 'held' FOR UPDATE")
            waiting = [
                asyncio.create_task(
                    workflows.update_workflow_results(
                        workflow_name="w", run_id="held", step_id=f"s{n}", result={"n": n}
                    )
                )
                for n in range(30)
            ]
            await asyncio.sleep(0)
            async with asyncio.timeout(20):
                context = await workflows.update_workflow_results(
                    workflow_name="w", run_id="free", step_id="s", result={"ok": True}
                )
            assert context == {"s": {"ok": True}}
            assert not any(task.done() for task in waiting)
        await asyncio.gather(*waiting)
        snapshot = await workflows.load_workflow_snapshot(workflow_name="w", run_id="held")
        assert snapshot is not None
        assert len(snapshot["context"]) == 30


@pytest.mark.parametrize(("deep", "legal"), [(254, True), (255, False)])
async def test_W24_what_an_update_stores_can_be_persisted_again(database_url: str, deep: int, legal: bool) -> None:
    async with Store(id="app", default=database_url) as store:
        key = {"workflow_name": "w", "run_id": "r"}
        update = store.workflows.update_workflow_results(**key, step_id="s", result={"v": _nested(deep)})
        if not legal:
            with pytest.raises(ValidationError, match="result cannot be stored: it is nested deeper than 254"):
                await update
            return
        await update
        snapshot = await store.workflows.load_workflow_snapshot(**key)
        assert snapshot is not None
        await store.workflows.persist_workflow_snapshot(**key, snapshot=snapshot)


async def test_G10_errors_of_a_batch_say_which_record(database_url: str) -> None:
    async with Store(id="app", default=database_url) as store:
        spans = [_span(f"s{n}", name="" if n == 7 else "n") for n in range(10)]
        with pytest.raises(ValidationError, match=r"records\[7\]: name") as caught:
            await store.observability.batch_create_spans(records=spans)
        assert caught.value.details == {"field": "name", "index": 7}
        spans[7] = _span("s7", name="\ud800")
        with pytest.raises(ValidationError, match="span 's7' of trace 't': name") as caught:
            await store.observability.batch_create_spans(records=spans)
        assert caught.value.details["span_id"] == "s7"
        assert await store.observability.get_trace(trace_id="t") is None


@pytest.mark.needs("postgres")
async def test_G9_the_place_inside_a_payload_is_named(postgres: Any) -> None:
    async with Store(id="app", default=postgres.create_database()) as store:
        with pytest.raises(ValidationError, match=r"snapshot\.a\[1\]\.b holds U\+0000"):
            await store.workflows.persist_workflow_snapshot(
                workflow_name="w", run_id="r", snapshot={"a": [1, {"b": "\0"}]}
            )


@pytest.mark.needs("postgres")
async def test_W5_an_old_table_of_text_with_a_row_that_is_no_json(postgres: Any) -> None:
    url = postgres.create_database()
    async with _connected(url) as connection:
        await connection.execute(
            "CREATE TABLE mastra_workflow_snapshot (workflow_name text NOT NULL, run_id text NOT NULL, "
            '"resourceId" text, snapshot text NOT NULL, "createdAt" timestamp NOT NULL, "updatedAt" timestamp NOT NULL)'
        )
        await connection.execute("INSERT INTO mastra_workflow_snapshot VALUES ('w', 'r', NULL, 'oops', now(), now())")
    async with Store(id="app", default=url) as store:
        for filters in ({"status": "x"}, {"thread_id": "x"}):
            with pytest.raises(CorruptRecordError, match="mastra_workflow_snapshot"):
                await store.workflows.list_workflow_runs(**filters)  # type: ignore[arg-type]


@pytest.mark.needs("postgres")
async def test_format_1_4_spans_with_json_in_columns_of_text(postgres: Any) -> None:
    url = postgres.create_database()
    async with Store(id="app", default=url) as store, _connected(url) as connection:
        await store.observability.create_span(span=_span("s", metadata={"k": 1}, tags=["x"], error={"m": 1}))
        drops = "mastra_ai_spans_metadata_gin_idx", "mastra_ai_spans_tags_gin_idx"
        await connection.execute(";".join(f"DROP INDEX {name}" for name in drops))
        for column in ("metadata", "tags", "error"):
            await connection.execute(f"ALTER TABLE mastra_ai_spans ALTER COLUMN {column} TYPE text")
    async with Store(id="again", default=url) as store:
        for filters in ({"metadata": {"k": 1}}, {"tags": ["x"]}, {"status": "error"}, {"has_child_error": True}):
            assert (await store.observability.list_traces(filters=filters)).total == 1, filters


async def test_W10_any_string_that_can_be_stored_can_be_asked_for(database_url: str) -> None:
    async with Store(id="app", default=database_url) as store:
        if database_url.startswith("postgres"):  # jsonb holds no such status
            with pytest.raises(ValidationError, match="status"):
                await store.workflows.list_workflow_runs(status="\ud800")
            return
        await store.workflows.persist_workflow_snapshot(workflow_name="w", run_id="r", snapshot={"status": "\ud800"})
        assert (await store.workflows.list_workflow_runs(status="\ud800")).total == 1
        assert (await store.workflows.list_workflow_runs(status="\ud801")).total == 0
