"""Rows of workflows, scores and spans that cannot be read: CorruptRecordError naming table and key (W5, W22, G9).

The row itself fails, from every method that returns it; lists whose page does not hold it are not disturbed, and
neither are filters that have to look into it.
"""

# ruff: noqa: PT012 - what is to fail is often the end of a block

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from mastra_store import CorruptRecordError, Store
from tests.resilience.domains import SNAPSHOT, raw, score, span, spans
from tests.resilience.support import LONG_AGO

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]

LATER = datetime(2021, 1, 1, tzinfo=UTC)
RUN: dict[str, Any] = {"workflow_name": "w", "run_id": "bad"}
Call = Callable[[Any], Awaitable[Any]]

READ_RUN: dict[str, Call] = {
    "get": lambda s: s.workflows.get_workflow_run_by_id(run_id="bad"),
    "get named": lambda s: s.workflows.get_workflow_run_by_id(**RUN),
    "list": lambda s: s.workflows.list_workflow_runs(),
    "list page": lambda s: s.workflows.list_workflow_runs(page=1, per_page=1),
    "list of workflow": lambda s: s.workflows.list_workflow_runs(workflow_name="w", resource_id="bad"),
}
READ_SNAPSHOT: dict[str, Call] = {
    "load": lambda s: s.workflows.load_workflow_snapshot(**RUN),
    "results": lambda s: s.workflows.update_workflow_results(**RUN, step_id="s", result={}),
    "state": lambda s: s.workflows.update_workflow_state(**RUN, state={"status": "x"}),
}
READ_SCORE: dict[str, Call] = {
    "get": lambda s: s.scores.get_score_by_id(id="bad"),
    "list by scorer": lambda s: s.scores.list_scores_by_scorer_id(scorer_id="s"),
    "list by run": lambda s: s.scores.list_scores_by_run_id(run_id="r", page=0, per_page=2),
    "list by entity": lambda s: s.scores.list_scores_by_entity_id(entity_id="e", entity_type="AGENT", per_page=None),
    "list by span": lambda s: s.scores.list_scores_by_span(trace_id="t1", span_id="s1"),
}
READ_SPAN: dict[str, Call] = {
    "get": lambda s: s.observability.get_span(trace_id="bad", span_id="s0"),
    "get some": lambda s: s.observability.get_spans(trace_id="bad", span_ids=["s0", "s1"]),
    "root": lambda s: s.observability.get_root_span(trace_id="bad"),
    "trace": lambda s: s.observability.get_trace(trace_id="bad"),
    "branch": lambda s: s.observability.get_branch(trace_id="bad", span_id="s0"),
    "list": lambda s: s.observability.list_traces(filters={"resource_id": "bad"}),
    "branches": lambda s: s.observability.list_branches(filters={"trace_id": "bad"}),
}
READ_LIGHT: dict[str, Call] = {
    "structure": lambda s: s.observability.get_structure(trace_id="bad"),
    "light list": lambda s: s.observability.list_traces_light(filters={"trace_id": "bad"}),
}


async def seed(store: Store) -> None:
    """Two runs, three scores and two traces, of which those called ``bad`` will be spoilt."""
    persist = store.workflows.persist_workflow_snapshot
    await persist(**RUN, snapshot=SNAPSHOT, resource_id="bad", created_at=LONG_AGO)
    await persist(workflow_name="w", run_id="good", snapshot=SNAPSHOT, created_at=LATER)
    for id in ("bad", "good"):
        await store.scores.save_score(score=score(id))
    bad = {"resource_id": "bad", "metadata": {"k": 1}, "tags": ["a"], "scope": {"k": 1}, "input": {"k": 1}}
    await store.observability.batch_create_spans(records=spans("bad", range(2), **bad))
    await store.observability.create_span(span=span("good", "s0", started_at=LATER, metadata={"k": 1}, tags=["a"]))


TABLES: dict[str, tuple[str, Any, dict[str, Call]]] = {
    "mastra_workflow_snapshot": ("run_id = 'bad'", ("w", "bad"), READ_RUN),
    "mastra_scorers": ("id = 'bad'", "bad", READ_SCORE),
    "mastra_ai_spans": ("\"traceId\" = 'bad' AND \"spanId\" = 's0'", ("bad", "s0"), READ_SPAN),
}


async def spoil(url: str, table: str, column: str, value: str) -> None:
    """Write a stored value behind the Store's back."""
    postgres = url.startswith("postgres")
    twin = f', "{column}Z" = {value}' if postgres and column.endswith(("At", "Z")) else ""
    if postgres and table == "mastra_ai_spans":  # its trigger would put other times there
        await raw(url, "ALTER TABLE mastra_ai_spans DISABLE TRIGGER USER")
    await raw(url, f'UPDATE {table} SET "{column}" = {value}{twin} WHERE {TABLES[table][0]}')


async def assert_corrupt(store: Store, table: str, calls: dict[str, Call]) -> None:
    """Each call that returns the row says which it is."""
    key = TABLES[table][1]
    for name, call in calls.items():
        with pytest.raises(CorruptRecordError, match=table) as caught:
            found = await call(store)
            pytest.fail(f"{name} returned {found}")
        error = caught.value
        assert error.details == {"table": table, "key": key}, name
        assert repr(key) in str(error) or all(repr(part) in str(error) for part in key), name
        assert error.code.endswith("_CORRUPT_RECORD"), name
        assert error.domain in ("workflows", "scores", "observability"), name


async def assert_others_work(store: Store) -> None:
    """What is not on the page is not read; a new row beside the bad one is written and read."""
    assert (await store.workflows.list_workflow_runs(per_page=1)).runs[0].run_id == "good"
    assert (await store.workflows.load_workflow_snapshot(workflow_name="w", run_id="good")) == SNAPSHOT
    assert (await store.scores.get_score_by_id(id="good")) is not None
    assert (await store.scores.list_scores_by_run_id(run_id="r", per_page=1)).scores[0].id == "good"
    assert [one.trace_id for one in (await store.observability.list_traces(per_page=1)).spans] == ["good"]
    assert (await store.observability.get_span(trace_id="bad", span_id="s1")) is not None
    await store.observability.update_span(trace_id="bad", span_id="s1", updates={"name": "x"})


UNREADABLE = ["'{'", "''", "'nonsense'", "x'ff00'", "x''", "x'cb7b'", "'{\"a\":' || '1'", f"'{'[' * 99_999}'"]
JSON_COLUMNS = [
    *(("mastra_scorers", name) for name in ("scorer", "entity", "metadata", "input", "output", "extractStepResult",
      "preprocessStepResult", "analyzeStepResult", "additionalContext", "requestContext")),
    *(("mastra_ai_spans", name) for name in ("scope", "attributes", "metadata", "tags", "links", "input", "output",
      "error", "requestContext")),
]  # fmt: skip


async def test_sqlite_unreadable_json(tmp_path: Any) -> None:
    """Every JSON column of scores and spans, each with every kind of rubbish."""
    url = f"sqlite:///{tmp_path}/app.db"
    async with Store(id="app", default=url) as store:
        await seed(store)
        for number, (table, column) in enumerate(JSON_COLUMNS):
            for value in UNREADABLE if number % 5 == 0 else UNREADABLE[number % 5 :: 4]:
                await spoil(url, table, column, value)
                calls = TABLES[table][2] | (READ_LIGHT if table.endswith("spans") and column == "error" else {})
                await assert_corrupt(store, table, calls)
                await assert_others_work(store)
            await spoil(url, table, column, "'{\"k\":1}'")


async def test_sqlite_light_reads_do_not_touch_payloads(tmp_path: Any) -> None:
    """O15, O25: rubbish in a column that is not read disturbs neither structure nor light list."""
    url = f"sqlite:///{tmp_path}/app.db"
    async with Store(id="app", default=url) as store:
        await seed(store)
        for column in ("attributes", "tags", "links", "output", "scope", "requestContext"):
            await spoil(url, "mastra_ai_spans", column, "'{'")
        assert (await store.observability.list_traces_light()).total == 2
        await spoil(url, "mastra_ai_spans", "metadata", "'{'")
        await spoil(url, "mastra_ai_spans", "input", "'{'")
        structure = await store.observability.get_structure(trace_id="bad")
        assert structure is not None
        assert len(structure.spans) == 2
        await assert_corrupt(store, "mastra_ai_spans", {"light list": READ_LIGHT["light list"]})


@pytest.mark.parametrize("value", [*UNREADABLE[:-1], "'[1]'", "'5'", "'null'", "'\"text\"'", "NULL", "x'00'", "x'0b'"])
async def test_sqlite_snapshots(value: str, tmp_path: Any) -> None:
    """W5: what is no object, NULL included, from get, load and list alike; persisting repairs it (W2)."""
    url = f"sqlite:///{tmp_path}/app.db"
    async with Store(id="app", default=url) as store:
        await seed(store)
        await spoil(url, "mastra_workflow_snapshot", "snapshot", value)
        await assert_corrupt(store, "mastra_workflow_snapshot", READ_RUN | READ_SNAPSHOT)
        await assert_filters_pass_over(store)
        await assert_others_work(store)
        assert (await raw(url, f"SELECT snapshot IS {value} FROM mastra_workflow_snapshot WHERE run_id = 'bad'")) == [
            (1,)
        ]
        await store.workflows.persist_workflow_snapshot(**RUN, snapshot=SNAPSHOT)
        assert await store.workflows.load_workflow_snapshot(**RUN) == SNAPSHOT


@pytest.mark.parametrize("value", ["'[1]'", "'5'", "'null'", "'\"text\"'", "'\"[1]\"'"])
async def test_postgres_snapshots(value: str, postgres: Any) -> None:
    """The same for what ``jsonb`` can hold."""
    url = postgres.create_database()
    async with Store(id="app", default=url) as store:
        await seed(store)
        await spoil(url, "mastra_workflow_snapshot", "snapshot", value)
        await assert_corrupt(store, "mastra_workflow_snapshot", READ_RUN | READ_SNAPSHOT)
        await assert_filters_pass_over(store)
        await assert_others_work(store)


async def assert_filters_pass_over(store: Store) -> None:
    """Filters that look into snapshots match nothing in the bad one, and find the others."""
    page = await store.workflows.list_workflow_runs(status="running")
    assert [run.run_id for run in page.runs] == ["good"]
    assert (await store.workflows.list_workflow_runs(thread_id="t")).total == 0
    assert (await store.workflows.list_workflow_runs(per_page=0)).total == 2


@pytest.mark.parametrize("value", ['{"status":"running"}', '{"context":[]}', '{"context":null}', '{"context":"x"}'])
async def test_snapshots_without_a_context(value: str, database_url: str) -> None:
    """W22: it is read, and cannot be updated; nothing is written, ``updated_at`` included."""
    async with Store(id="app", default=database_url) as store:
        await seed(store)
        await spoil(database_url, "mastra_workflow_snapshot", "snapshot", f"'{value}'")
        before = await store.workflows.get_workflow_run_by_id(**RUN)
        await asyncio.sleep(0.002)
        await assert_corrupt(
            store, "mastra_workflow_snapshot", {name: READ_SNAPSHOT[name] for name in ("results", "state")}
        )
        assert await store.workflows.get_workflow_run_by_id(**RUN) == before


async def test_a_snapshot_that_is_text(database_url: str) -> None:
    """W5, W10, W11: JSON text inside JSON, as other adapters write it, is read and updated.

    Filters find it on SQLite; PostgreSQL cannot look into such text safely, and finds it when it has been written anew.
    """
    found = 0 if database_url.startswith("postgres") else 1
    text = '{"status":"odd","context":{"input":{"messageListState":{"memoryInfo":{"threadId":"th"}}}}}'
    quoted = '"' + text.replace('"', '\\"') + '"'
    async with Store(id="app", default=database_url) as store:
        await seed(store)
        await spoil(database_url, "mastra_workflow_snapshot", "snapshot", f"'{quoted}'")
        snapshot = await store.workflows.load_workflow_snapshot(**RUN)
        assert snapshot is not None
        assert snapshot["status"] == "odd"
        assert (await store.workflows.list_workflow_runs(status="odd")).total == found
        assert (await store.workflows.list_workflow_runs(thread_id="th")).total == found
        assert await store.workflows.update_workflow_state(**RUN, state={"status": "x"}, expected_status="odd")
        assert (await store.workflows.list_workflow_runs(status="x")).total == 1


TIMES = ["''", "'yesterday'", "'2024-01-01'", "'2024-01-01T00:00:00.000'", "x'00'"]


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("mastra_workflow_snapshot", "createdAt"),
        ("mastra_workflow_snapshot", "updatedAt"),
        ("mastra_scorers", "createdAt"),
        ("mastra_scorers", "updatedAt"),
        ("mastra_ai_spans", "startedAt"),
        ("mastra_ai_spans", "endedAt"),
        ("mastra_ai_spans", "createdAt"),
        ("mastra_ai_spans", "updatedAt"),
    ],
)
async def test_times(table: str, column: str, database_url: str) -> None:
    """No text that is no instant, no infinity; a time without an offset is never guessed at."""
    sqlite = database_url.startswith("sqlite")
    async with Store(id="app", default=database_url) as store:
        await seed(store)
        for value in TIMES if sqlite else ["'infinity'", "'-infinity'"]:
            await spoil(database_url, table, column, value)
            lists = {name: call for name, call in TABLES[table][2].items() if name != "list page"}
            await assert_corrupt(store, table, lists)
            if table.endswith("spans"):
                await assert_corrupt(store, table, {"structure": READ_LIGHT["structure"]})
            if table.endswith("snapshot"):  # the snapshot itself can be read and updated
                assert await store.workflows.load_workflow_snapshot(**RUN) is not None


async def test_postgres_times_beyond_the_calendar(postgres: Any) -> None:
    """The driver refuses the whole result, so that the table can be named but not the key."""
    url = postgres.create_database()
    async with Store(id="app", default=url) as store:
        await seed(store)
        for table, (_, _, calls) in TABLES.items():
            await spoil(url, table, "createdAt", "'294276-12-31'")
            for name in list(calls)[:3]:
                with pytest.raises(CorruptRecordError, match=table) as caught:
                    await calls[name](store)
                assert caught.value.details == {"table": table}


# Without entity and entityId, which Mastra lets be NULL everywhere and which are then None.
REQUIRED = {
    "mastra_workflow_snapshot": ("snapshot", "createdAt"),
    "mastra_scorers": ("scorerId", "runId", "source", "scorer", "score", "createdAt"),
}
OPTIONAL = {
    "mastra_workflow_snapshot": ("resourceId",),
    "mastra_scorers": ("input", "output", "metadata", "reason", "requestContext", "traceId", "threadId", "projectId"),
    "mastra_ai_spans": ("updatedAt", "input", "output", "error", "tags", "links", "metadata", "scope", "endedAt"),
}


@pytest.mark.parametrize("table", REQUIRED)
async def test_sqlite_nulls_in_required_attributes(table: str, tmp_path: Any) -> None:
    """Mastra's SQLite tables allow NULL nearly everywhere; a record whose attribute cannot be ``None`` is corrupt."""
    url = f"sqlite:///{tmp_path}/app.db"
    async with Store(id="app", default=url) as store:
        for column in REQUIRED[table]:
            await seed(store)
            await spoil(url, table, column, "NULL")
            first = next(iter(TABLES[table][2]))
            await assert_corrupt(store, table, {f"{first} with {column}": TABLES[table][2][first]})


async def test_nulls_in_optional_attributes(database_url: str) -> None:
    """NULL is ``None``, in every column that may hold it."""
    async with Store(id="app", default=database_url) as store:
        await seed(store)
        for table, columns in OPTIONAL.items():
            for column in columns:
                if database_url.startswith("postgres") and table == "mastra_scorers" and column in ("input", "output"):
                    await spoil(database_url, table, column, "'null'")
                else:
                    await spoil(database_url, table, column, "NULL")
        found = await store.scores.get_score_by_id(id="bad")
        assert found is not None
        assert (found.input, found.output, found.metadata, found.reason, found.trace_id) == (None,) * 5
        for call in (READ_RUN | READ_LIGHT).values():
            await call(store)
        one = await store.observability.get_span(trace_id="bad", span_id="s0")
        assert one is not None
        assert (one.input, one.output, one.error, one.tags, one.ended_at, one.updated_at) == (None,) * 6


async def test_sqlite_values_of_another_type(tmp_path: Any) -> None:
    """A score that is text, a text that is a blob: not handed out as if it were what the record promises."""
    url = f"sqlite:///{tmp_path}/app.db"
    async with Store(id="app", default=url) as store:
        for column, value in (("score", "'high'"), ("score", "x'00'"), ("reason", "x'ff'"), ("source", "x'ff'")):
            await seed(store)
            await spoil(url, "mastra_scorers", column, value)
            await assert_corrupt(store, "mastra_scorers", {"get": READ_SCORE["get"]})
        await spoil(url, "mastra_ai_spans", "name", "x'ff'")
        await assert_corrupt(store, "mastra_ai_spans", {"get": READ_SPAN["get"]})
