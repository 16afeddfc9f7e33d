"""Lists of spans, runs and scores use indexes whatever they filter by, sort no payloads, and read only what they show.

Plans of a database with 100,000 spans of 4,000 traces, 20,000 runs and 20,000 scores; nothing but EXPLAIN is run.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple, cast

import pytest

from benchmarks.databases import create_schema, databases_of
from benchmarks.operations import Backend
from benchmarks.span_filters import list_statements, list_tables
from benchmarks.spans import JSON_FIELDS, trace_id
from benchmarks.statements import (
    MODES,
    Planned,
    Statement,
    chosen,
    columns_computed,
    columns_read,
    explainer,
    partial_indexes,
    statements,
)
from benchmarks.words import camel
from mastra_store import Store

SPANS, RUNS, SCORES = "mastra_ai_spans", "mastra_workflow_snapshot", "mastra_scorers"
PAYLOADS = frozenset(map(camel, JSON_FIELDS))
OF_SNAPSHOT = ("status=suspended", "thread_id=thread-9", "status=suspended, thread_id=thread-9")
SNAPSHOT_FILTERS = tuple(f"list_workflow_runs {given} page" for given in OF_SNAPSHOT)
LIGHT = frozenset({"input", "metadata", "error"})


class Plans(NamedTuple):
    """What was planned in one database."""

    backend: Backend
    url: str
    spans: list[Planned]
    runs: list[Planned]
    scores: list[Planned]
    partial: frozenset[str]
    structure: Statement
    light: Statement
    full: Statement


async def collect(backend: Backend, url: str) -> Plans:
    spans, runs, scores = await list_statements(url)
    async with Store(id="plans", default=url) as store:
        calls = {
            "structure": lambda o: o.get_structure(trace_id=trace_id(77)),
            "light": lambda o: o.list_traces_light(),
            "full": lambda o: o.list_traces(),
        }
        structure, light, full = await statements(store.observability, calls)
    async with explainer(backend, url, PAYLOADS | {"snapshot"}) as explain:
        planned = [
            [plan for statement in found for plan in await explain(statement)] for found in (spans, runs, scores)
        ]
    partial = await partial_indexes(backend, url, SPANS)
    return Plans(backend, url, planned[0], planned[1], planned[2], partial, structure, light, full)


def on(backend: Backend) -> object:
    """All tests of one backend on one worker: its database is loaded once."""
    return pytest.param(backend, marks=pytest.mark.xdist_group(f"span plans on {backend}"))


@pytest.fixture(scope="module", params=[on("sqlite"), on("postgres")])
def plans(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Plans:
    backend = cast(Backend, request.param)
    if backend == "postgres":
        url = request.getfixturevalue("postgres").create_database()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('spans')}/mastra.db"
    create_schema(url)
    databases_of(backend).load(url, list_tables(backend))
    return asyncio.run(collect(backend, url))


def told(found: list[tuple[Planned, list[str]]]) -> list[str]:
    """Statement and plan, for those that are not as they should be."""
    return [
        "\n".join([f"{plan.statement.case}, {plan.mode}: {faults}", plan.statement.sql, *plan.text])
        for plan, faults in found
        if faults
    ]


def test_every_list_was_planned(plans: Plans) -> None:
    shapes = {plan.statement.case.split()[0] for plan in plans.spans}
    assert shapes == {"list_traces", "list_traces_light", "list_branches"}
    assert {plan.mode for plan in plans.spans} == set(MODES[plans.backend])
    assert len(plans.spans) > 2000
    assert all(plan.accesses for plan in (*plans.spans, *plans.runs, *plans.scores))


def test_no_list_of_spans_reads_the_whole_table(plans: Plans) -> None:
    faults = told([(plan, plan.whole(SPANS, plans.partial)) for plan in chosen(plans.spans)])
    assert not faults, f"{len(faults)} plans, among them:\n" + "\n\n".join(faults[:5])


def test_no_list_of_spans_sorts_payloads(plans: Plans) -> None:
    """Whatever the statistics: SQLite's may be those of a sample."""
    faults = told([(plan, plan.payload_sorts) for plan in plans.spans])
    assert not faults, f"{len(faults)} plans, among them:\n" + "\n\n".join(faults[:5])


def test_lists_of_scores_use_indexes(plans: Plans) -> None:
    assert not told([(plan, plan.whole(SCORES, frozenset())) for plan in chosen(plans.scores)])


def test_lists_of_runs_use_indexes(plans: Plans) -> None:
    """Lists of all runs follow the index of their order. In SQLite no index can look into snapshots."""
    within = {"sqlite": SNAPSHOT_FILTERS, "postgres": SNAPSHOT_FILTERS[:1]}[plans.backend]
    rest = [plan for plan in chosen(plans.runs) if not plan.statement.case.startswith(within)]
    assert len(rest) > len(plans.runs) / 2
    assert not told([(plan, plan.unindexed(RUNS)) for plan in rest])


def test_pages_of_runs_sort_no_snapshots(plans: Plans) -> None:
    pages = [plan for plan in plans.runs if plan.statement.case.endswith(("page 0", "page 1"))]
    assert not told([(plan, plan.payload_sorts) for plan in pages])


def test_lists_of_runs_by_status_use_an_index(plans: Plans) -> None:
    if plans.backend == "sqlite":
        pytest.skip("JSON may be stored in two forms, which only functions of Python read alike")
    of_status = [plan for plan in chosen(plans.runs) if plan.statement.case.startswith(SNAPSHOT_FILTERS[0])]
    assert not told([(plan, plan.unindexed(RUNS)) for plan in of_status])


@pytest.mark.asyncio
async def test_a_structure_reads_no_payload_but_the_error(plans: Plans) -> None:
    assert await payloads_of(plans, plans.structure) == {"error"}


@pytest.mark.asyncio
async def test_light_lists_read_input_metadata_and_error(plans: Plans) -> None:
    assert await payloads_of(plans, plans.light) == LIGHT


@pytest.mark.asyncio
async def test_what_is_read_would_be_seen(plans: Plans) -> None:
    assert await payloads_of(plans, plans.full) == PAYLOADS


async def payloads_of(plans: Plans, statement: Statement) -> set[str]:
    if plans.backend == "sqlite":
        return columns_read(plans.url, statement, SPANS) & PAYLOADS
    return await columns_computed(plans.url, statement, PAYLOADS)


@pytest.mark.asyncio
async def test_a_scan_and_a_sort_of_payloads_would_be_seen(plans: Plans) -> None:
    scan = Statement("scan", f"SELECT input FROM {SPANS} WHERE name = 'x' OR input IS NULL ORDER BY name LIMIT 3", ())
    async with explainer(plans.backend, plans.url, PAYLOADS) as explain:
        for plan in await explain(scan):
            assert plan.whole(SPANS, plans.partial)
            assert plan.payload_sorts
