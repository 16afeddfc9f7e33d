"""Bound classes of workflows, scores and observability: equal to the methods, safe with keys of several columns."""

# ruff: noqa: PT012 - what is to fail is often the end of a block

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from tortoise.exceptions import IntegrityError
from tortoise.expressions import F, Q
from tortoise.functions import Avg, Count

from mastra_store import Score, Span, Store, UnsupportedOperationError, ValidationError
from tests.resilience.domains import DOMAINS, SNAPSHOT, TABLES, raw, score, seed_domains, span

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]

MOMENT = datetime(2024, 2, 29, 12, 30, 15, 123000, tzinfo=UTC)
LATER = MOMENT + timedelta(days=1)
TIMES = {"workflows": ("createdAt", "updatedAt"), "scores": ("createdAt", "updatedAt"),
         "observability": ("startedAt", "endedAt", "createdAt", "updatedAt")}  # fmt: skip
PAYLOADS: dict[str, list[Any]] = {
    "values": [{}, [], 0, False, True, 1.5, {"k": [1, None, "é", {"": {}}]}, [[]], {"a": "[1]"}, -(2**60), 10**40],
    "strings": ["text", "", "7", "[1]", '{"a":1}', "null", '"quoted"', "é😀"],
}
WRAPPED = ("scorer", "entity", "metadata", "input", "output", "preprocess_step_result", "analyze_step_result",
           "additional_context", "request_context")  # fmt: skip
SPAN_PAYLOADS = ("scope", "attributes", "metadata", "tags", "links", "input", "output", "error", "request_context")


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with Store(id="app", default=database_url) as opened:
        yield opened


def models(store: Store, domain: str) -> Any:
    """The bound classes of a domain."""
    storage: Any = getattr(store, domain)
    return storage.models


def new_score(id: str, **values: Any) -> dict[str, Any]:
    """What a row of scores needs."""
    given = score(id)
    names = ("id", "scorer_id", "entity_id", "run_id", "source", "score", "scorer", "entity", "entity_type", "output")
    return {name: getattr(given, name) for name in names} | values


def new_span(trace_id: str, span_id: str, **values: Any) -> dict[str, Any]:
    """What a row of spans needs."""
    return {"trace_id": trace_id, "span_id": span_id, "name": "n", "span_type": "tool_call",
            "started_at": MOMENT, **values}  # fmt: skip


async def assert_twins(url: str) -> None:
    """On PostgreSQL every instant stands twice, equally (the trigger on spans writes the session's time, UTC here)."""
    if url.startswith("postgres"):
        for domain, table in TABLES.items():
            for name in TIMES[domain]:
                unequal = f'("{name}Z" AT TIME ZONE \'UTC\') IS DISTINCT FROM "{name}"'
                rows = await raw(url, f"SELECT count(*) FROM {table} WHERE {unequal}")
                assert rows[0][0] == 0, f"{table}.{name} and its twin differ"


# -- equal to the methods ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PAYLOADS)
async def test_payloads_of_scores_written_both_ways(kind: str, store: Store, database_url: str) -> None:
    """S5, format 3: create, bulk_create and update store exactly what ``save_score`` stores; reading agrees."""
    rows = models(store, "scores").Score
    for payload in PAYLOADS[kind]:
        await store.scores.dangerously_clear_all()
        await store.scores.save_score(score=score("method", input=payload, output=payload))
        await rows.create(**new_score("create", input=payload, output=payload))
        await rows.bulk_create([rows(**new_score("bulk", input=payload, output=payload))])
        await rows.create(**new_score("update"))
        await rows.filter(id="update").update(input=payload, output=payload)
        one = await rows.create(**new_score("instance"))
        await one.update_from_dict({"input": payload, "output": payload}).save()
        stored = await raw(database_url, "SELECT id, input, output FROM mastra_scorers")
        assert {(row[1], row[2]) for row in stored} == {(stored[0][1], stored[0][2])}, stored
        for id in ("method", "create", "bulk", "update", "instance"):
            found = await store.scores.get_score_by_id(id=id)
            assert isinstance(found, Score)
            assert (found.input, found.output) == (payload, payload), id
            row = await rows.get(id=id)
            assert (row.input, row.output) == (payload, payload), id
            assert await rows.filter(id=id).values_list("input", "output") == [(payload, payload)], id


@pytest.mark.parametrize("kind", PAYLOADS)
async def test_payloads_of_spans_written_both_ways(kind: str, store: Store, database_url: str) -> None:
    """O3: the same for spans; ``error`` too, which a status depends on (O4, O19)."""
    rows = models(store, "observability").Span
    for payload in PAYLOADS[kind]:
        await store.observability.dangerously_clear_all()
        given = {"input": payload, "output": payload, "error": payload}
        await store.observability.create_span(span=span("t", "method", **given))
        await rows.create(**new_span("t", "create", **given))
        await rows.bulk_create([rows(**new_span("t", "bulk", **given))])
        await rows.create(**new_span("t", "update"))
        assert await rows.filter(trace_id="t", span_id="update").update(**given) == 1
        stored = await raw(database_url, "SELECT input, output, error FROM mastra_ai_spans")
        assert len({tuple(row) for row in stored}) == 1, stored
        for id in ("method", "create", "bulk", "update"):
            found = await store.observability.get_span(trace_id="t", span_id=id)
            assert isinstance(found, Span)
            assert (found.input, found.output, found.error) == (payload,) * 3, id
            row = await rows.get(trace_id="t", span_id=id)
            assert (row.input, row.output, row.error) == (payload,) * 3, id
        assert (await store.observability.list_traces(filters={"status": "error"})).total == 4


async def test_every_column_both_ways(store: Store, database_url: str) -> None:
    """Each payload column of scores and spans, and a snapshot: stored alike, read alike, wrapped where Mastra wraps."""
    value = {"k": [1, None, "é"]}
    given: dict[str, Any] = dict.fromkeys((*WRAPPED, "extract_step_result"), value)
    await store.scores.save_score(score=score("method", **given))
    await models(store, "scores").Score.create(**new_score("model", **given))
    columns = ", ".join(f'"{name}"' for name in ("scorer", "entity", "metadata", "preprocessStepResult",
                        "extractStepResult", "analyzeStepResult", "additionalContext", "requestContext"))  # fmt: skip
    one, other = await raw(database_url, f"SELECT {columns} FROM mastra_scorers")
    assert tuple(one) == tuple(other)
    given = {name: [value] if name in ("tags", "links") else value for name in SPAN_PAYLOADS} | {"tags": ["a", "é"]}
    await store.observability.create_span(span=span("t", "method", started_at=MOMENT, is_event=True, **given))
    await models(store, "observability").Span.create(**new_span("t", "model", is_event=True, **given))
    columns = 'scope, attributes, metadata, tags, links, input, output, error, "requestContext", "startedAt", "isEvent"'
    one, other = await raw(database_url, f"SELECT {columns} FROM mastra_ai_spans")
    assert tuple(one) == tuple(other)
    await store.workflows.persist_workflow_snapshot(workflow_name="w", run_id="method", snapshot=SNAPSHOT)
    await models(store, "workflows").WorkflowSnapshot.create(workflow_name="w", run_id="model", snapshot=SNAPSHOT)
    one, other = await raw(database_url, "SELECT snapshot FROM mastra_workflow_snapshot")
    assert tuple(one) == tuple(other)
    assert (await store.workflows.list_workflow_runs(status="running")).total == 2


async def test_none_in_required_json_columns(store: Store, database_url: str) -> None:
    """S5: PostgreSQL demands input and output of a score; ``None`` is JSON null there and NULL on SQLite."""
    rows = models(store, "scores").Score
    await store.scores.save_score(score=score("method", input=None, output=None))
    await rows.create(**new_score("model", input=None, output=None))
    await rows.create(**new_score("default") | {"output": {}})
    await rows.create(**new_score("update", input=1, output=1))
    await rows.filter(id="update").update(input=None, output=None)
    row = await rows.get(id="default")
    row.output = None
    await row.save(update_fields=["output"])
    expected = ("null", "null") if database_url.startswith("postgres") else (None, None)
    assert {tuple(row) for row in await raw(database_url, "SELECT input, output FROM mastra_scorers")} == {expected}
    for row in await rows.all():
        assert (row.input, row.output) == (None, None)
    for found in (await store.scores.list_scores_by_run_id(run_id="r")).scores:
        assert (found.input, found.output) == (None, None)


async def test_unstorable_payloads_are_refused(store: Store) -> None:
    """G8, G9: by the models as by the methods; nothing is written."""
    rows = models(store, "observability").Span
    for bad in (float("nan"), {1: 2}, {"a": datetime(2024, 1, 1)}, {1, 2}):
        with pytest.raises(ValidationError):
            await rows.create(**new_span("t", "s", input=bad))
        with pytest.raises(ValidationError):
            await rows.filter(trace_id="t").update(input=bad)
    assert await rows.all().count() == 0
    row = await rows.create(**new_span("t", "s", input={"at": MOMENT, "tuple": (1, 2)}))
    found = await store.observability.get_span(trace_id="t", span_id=row.span_id)
    assert found is not None
    assert found.input == {"at": "2024-02-29T12:30:15.123Z", "tuple": [1, 2]}


# -- ad-hoc work -------------------------------------------------------------------------------------------------------


async def test_queries(store: Store) -> None:
    """filter, exclude, Q, booleans, numbers, NULL, order, values, group by, in_bulk, only, first."""
    spans = models(store, "observability").Span
    await spans.bulk_create(
        [
            spans(**new_span(f"t{n % 2}", f"s{n}", is_event=n % 3 == 0, parent_span_id=f"s{n - 2}" if n > 1 else None,
                             ended_at=MOMENT + timedelta(seconds=n) if n % 2 else None))
            for n in range(10)
        ]
    )  # fmt: skip
    assert await spans.filter(is_event=True).count() == 4
    assert await spans.exclude(is_event=True).count() == 6
    assert await spans.filter(parent_span_id__isnull=True).count() == 2
    assert await spans.filter(Q(ended_at__isnull=True) | Q(span_id="s1")).count() == 6
    assert await spans.filter(ended_at__gt=MOMENT + timedelta(seconds=5)).count() == 2
    groups = spans.annotate(n=Count("span_id")).group_by("trace_id").order_by("trace_id")
    assert await groups.values_list("trace_id", "n") == [("t0", 5), ("t1", 5)]
    first = await spans.all().order_by("-ended_at", "-span_id").filter(ended_at__isnull=False).first()
    assert (first.span_id, first.ended_at, first.is_event) == ("s9", MOMENT + timedelta(seconds=9), True)
    assert (await spans.filter(span_id="s3").only("span_id", "name").first()).name == "n"
    assert await spans.filter(span_id="s3").values("trace_id", "started_at", "is_event") == [
        {"trace_id": "t1", "started_at": MOMENT, "is_event": True}
    ]
    scores = models(store, "scores").Score
    await scores.bulk_create([scores(**new_score(f"a{n}", score=n / 4)) for n in range(5)])
    assert await scores.filter(score__gte=0.75).count() == 2
    assert await scores.all().annotate(mean=Avg("score")).values_list("mean", flat=True)
    assert (await scores.get(id="a1")).score == 0.25
    runs = models(store, "workflows").WorkflowSnapshot
    await runs.bulk_create([runs(workflow_name=name, run_id="r", snapshot=SNAPSHOT) for name in ("v", "w")])
    assert sorted(await runs.filter(run_id="r").values_list("workflow_name", flat=True)) == ["v", "w"]


async def test_updates_move_the_twins(store: Store, database_url: str) -> None:
    """Every instant of every domain, by value and by expression; cleared ones too."""
    spans, runs = models(store, "observability").Span, models(store, "workflows").WorkflowSnapshot
    scores = models(store, "scores").Score
    await seed_domains(store)
    assert await spans.filter(trace_id="t1", span_id="s1").update(started_at=MOMENT, ended_at=LATER) == 1
    assert await runs.filter(run_id="r1").update(created_at=MOMENT, updated_at=LATER, resource_id="x") == 1
    assert await scores.filter(id="a").update(created_at=MOMENT, updated_at=F("created_at")) == 1
    await assert_twins(database_url)
    found = await store.observability.get_span(trace_id="t1", span_id="s1")
    assert found is not None
    assert (found.started_at, found.ended_at) == (MOMENT, LATER)
    run = await store.workflows.get_workflow_run_by_id(run_id="r1")
    assert run is not None
    assert (run.created_at, run.updated_at, run.resource_id) == (MOMENT, LATER, "x")
    assert await spans.filter(trace_id="t1", span_id="s1").update(ended_at=None, started_at=F("started_at")) == 1
    await assert_twins(database_url)
    found = await store.observability.get_span(trace_id="t1", span_id="s1")
    assert found is not None
    assert found.ended_at is None
    assert (await store.observability.list_branches(filters={"status": "running"})).total == 5


async def test_bulk_create_on_conflict(store: Store, database_url: str) -> None:
    """Upserts over keys of several columns: only the named fields change, twins with them; others' rows stay."""
    spans = models(store, "observability").Span
    await store.observability.batch_create_spans(records=[span(id, "s", name="old") for id in ("a", "b")])
    again = [spans(**new_span(id, "s", name="new", ended_at=LATER)) for id in ("a", "c")]
    await spans.bulk_create(again, on_conflict=["trace_id", "span_id"], update_fields=["name", "ended_at"])
    names = {row.trace_id: (row.name, row.ended_at) for row in await spans.all()}
    assert names == {"a": ("new", LATER), "b": ("old", None), "c": ("new", LATER)}
    await assert_twins(database_url)
    await spans.bulk_create([spans(**new_span("a", "s", name="no"))], ignore_conflicts=True)
    with pytest.raises(IntegrityError):
        await spans.create(**new_span("a", "s"))
    runs = models(store, "workflows").WorkflowSnapshot
    rows = [runs(workflow_name="w", run_id=id, snapshot={"n": n}, updated_at=MOMENT) for n, id in enumerate("ab")]
    for _ in range(2):
        await runs.bulk_create(rows, on_conflict=["workflow_name", "run_id"], update_fields=["snapshot", "updated_at"])
    assert await runs.all().count() == 2
    await assert_twins(database_url)
    scores = models(store, "scores").Score
    await scores.create(**new_score("a", input={"old": 1}))
    await scores.bulk_create([scores(**new_score("a", input=None, score=1))], on_conflict=["id"],
                             update_fields=["input", "score", "updated_at"])  # fmt: skip
    found = await store.scores.get_score_by_id(id="a")
    assert found is not None
    assert (found.input, found.score) == (None, 1.0)
    await assert_twins(database_url)


async def test_get_or_create_by_a_composite_key(store: Store) -> None:
    """One creates, the others get, also under concurrency; the same span id of another trace is another row."""
    rows = models(store, "observability").Span
    defaults = {"name": "n", "span_type": "generic", "started_at": MOMENT}
    results = await asyncio.gather(
        *(
            rows.get_or_create(trace_id=f"t{n % 2}", span_id="s", defaults={**defaults, "name": str(n)})
            for n in range(20)
        )
    )
    assert sum(created for _, created in results) == 2
    assert await rows.all().count() == 2
    runs = models(store, "workflows").WorkflowSnapshot
    for created in (True, False):
        row, new = await runs.get_or_create(workflow_name="w", run_id="r", defaults={"snapshot": {"a": created}})
        assert (row.snapshot, new) == ({"a": True}, created)


# -- keys of several columns -------------------------------------------------------------------------------------------


async def test_writes_of_one_stored_row_are_refused(store: Store) -> None:
    """Tortoise would reach every row with that span id (or run id); the error says which filter does it."""
    spans, runs = models(store, "observability").Span, models(store, "workflows").WorkflowSnapshot
    await store.observability.batch_create_spans(records=[span(id, "s", name="old") for id in ("a", "b")])
    for name in ("v", "w"):
        await store.workflows.persist_workflow_snapshot(workflow_name=name, run_id="r", snapshot=SNAPSHOT)
    created = await spans.create(**new_span("c", "s", name="old"))
    read = await spans.filter(trace_id="a").first()
    run = await runs.filter(workflow_name="v").first()
    before = await raw_rows(store)
    for row, field, keys in (
        (created, "name", "trace_id=..., span_id"),
        (read, "name", "trace_id=..., span_id"),
        (run, "resource_id", "workflow_name=..., run_id"),
    ):
        setattr(row, field, "changed")
        model = type(row)
        calls: list[Any] = [
            lambda row=row: row.save(),
            lambda row=row, field=field: row.save(update_fields=[field]),
            lambda row=row: row.save(force_create=True),
            lambda row=row: row.save(force_update=True),
            lambda row=row: row.delete(),
            lambda row=row: row.refresh_from_db(),
            lambda row=row, field=field, model=model: model.bulk_update([row], fields=[field]),
            lambda row=row, field=field, model=model: model.all().bulk_update([row], fields=[field]),
            lambda row=row, field=field, model=model: model.all().limit(1).bulk_update([row], fields=[field]),
        ]
        for call in calls:
            with pytest.raises(UnsupportedOperationError, match=keys):
                await call()
    assert await raw_rows(store) == before


async def test_update_or_create_reaches_one_row(store: Store, database_url: str) -> None:
    """It updates by the whole key, whatever it was found by, and twins follow."""
    spans = models(store, "observability").Span
    await store.observability.batch_create_spans(records=[span(id, "s", name="old") for id in ("a", "b")])
    row, created = await spans.update_or_create(trace_id="a", defaults={"name": "new", "ended_at": LATER})
    assert (row.name, row.ended_at, created) == ("new", LATER, False)
    row, created = await spans.update_or_create(**new_span("c", "s"), defaults={"name": "made"})
    assert (row.name, created) == ("made", True)
    assert [row[2] for row in await raw_rows(store)] == ["new", "old", "made"]
    await assert_twins(database_url)


async def raw_rows(store: Store) -> list[Any]:
    """Names and owners of everything."""
    spans, runs = models(store, "observability").Span, models(store, "workflows").WorkflowSnapshot
    found = await spans.all().order_by("trace_id").values_list("trace_id", "span_id", "name")
    return [*found, *await runs.all().order_by("workflow_name").values_list("workflow_name", "run_id", "resource_id")]


async def test_rows_of_scores_can_be_saved_one_by_one(store: Store, database_url: str) -> None:
    """Their key is one column, so instances work as those of memory do."""
    rows = models(store, "scores").Score
    row = await rows.create(**new_score("a", created_at=MOMENT, updated_at=MOMENT))
    row.score, row.metadata, row.updated_at = 1, {"k": 1}, LATER
    await row.save()
    await row.refresh_from_db()
    assert (row.score, row.metadata, row.updated_at) == (1.0, {"k": 1}, LATER)
    await assert_twins(database_url)
    again, created = await rows.update_or_create(id="a", defaults={"metadata": None})
    assert (again.metadata, created) == (None, False)
    await rows.bulk_update([again], fields=["score"])
    await row.delete()
    assert await rows.all().count() == 0


# -- transactions and isolation ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("domain", DOMAINS)
async def test_transactions_of_each_domain(domain: str, store: Store) -> None:
    """All or nothing, invisible to others until the end, and over with the block."""
    storage: Any = getattr(store, domain)
    (model,) = storage.models
    make: Any = {
        "workflows": lambda id, tx: model.create(workflow_name="w", run_id=id, snapshot=SNAPSHOT, using_db=tx),
        "scores": lambda id, tx: model.create(**new_score(id), using_db=tx),
        "observability": lambda id, tx: model.create(**new_span(id, "s"), using_db=tx),
    }[domain]
    with pytest.raises(ZeroDivisionError):
        async with storage.transaction() as tx:
            await make("a", tx)
            assert await model.all().using_db(tx).count() == 1
            assert await model.all().count() == 0
            raise ZeroDivisionError
    async with storage.transaction() as tx:
        await make("a", tx)
        await make("b", tx)
        with pytest.raises((UnsupportedOperationError, IntegrityError)):
            await model.all().using_db(tx).limit(1).delete()
    assert await model.all().count() == 2
    with pytest.raises(Exception, match=r"transaction|closed|over"):
        await make("late", tx)


async def test_one_transaction_over_several_domains_of_one_database(store: Store) -> None:
    """Domains that share a database share its transactions: ``using_db`` takes the client of any of them."""
    storage: Any = store.scores
    with pytest.raises(ZeroDivisionError):
        async with storage.transaction() as tx:
            await models(store, "scores").Score.create(**new_score("a"), using_db=tx)
            await models(store, "observability").Span.create(**new_span("t", "s"), using_db=tx)
            raise ZeroDivisionError
    assert await models(store, "observability").Span.all().count() == 0
    async with storage.transaction() as tx:
        await models(store, "scores").Score.create(**new_score("a"), using_db=tx)
        await models(store, "observability").Span.create(**new_span("t", "s"), using_db=tx)
    assert await store.observability.get_span(trace_id="t", span_id="s") is not None


async def test_two_dialects_at_once(postgres: Any, tmp_path: Any) -> None:
    """C9: the same classes' names on SQLite and PostgreSQL, interleaved: ids, types and stored forms stay apart."""
    urls = {"lite": f"sqlite:///{tmp_path}/a.db", "post": postgres.create_database()}
    async with Store(id="lite", default=urls["lite"]) as lite, Store(id="post", default=urls["post"]) as post:

        async def work(number: int) -> None:
            kind, store = (("lite", lite), ("post", post))[number % 2]
            await models(store, "observability").Span.create(
                **new_span(kind, f"s{number}", is_event=True, metadata={"kind": kind}, ended_at=LATER)
            )
            await models(store, "scores").Score.create(**new_score(f"{kind}{number}", input={"kind": kind}))
            runs = models(store, "workflows").WorkflowSnapshot
            await runs.create(workflow_name=kind, run_id=str(number), snapshot={"status": kind, "context": {}})
            await store.workflows.update_workflow_results(
                workflow_name=kind, run_id=str(number), step_id="s", result={"kind": kind}
            )
            row = await models(store, "observability").Span.get(trace_id=kind, span_id=f"s{number}")
            assert (row.is_event, row.ended_at, row.metadata) == (True, LATER, {"kind": kind})
            await models(store, "scores").Score.filter(id=f"{kind}{number}").update(score=number, updated_at=LATER)

        await asyncio.gather(*(work(number) for number in range(40)))
        for kind, store in (("lite", lite), ("post", post)):
            assert {one.trace_id for one in (await store.observability.list_branches(per_page=None)).branches} == {kind}
            runs = (await store.workflows.list_workflow_runs()).runs
            assert {(run.workflow_name, str(run.snapshot["context"])) for run in runs} == {
                (kind, str({"s": {"kind": kind}}))
            }
            assert len(runs) == 20
            assert {str(row.input) for row in await models(store, "scores").Score.all()} == {str({"kind": kind})}
    (form,) = {row[0] for row in await raw(urls["post"], "SELECT jsonb_typeof(input) FROM mastra_scorers")}
    assert form == "string"
    await assert_twins(urls["post"])
