"""Cancelling any call of workflows, scores and observability at any await: nothing is held, data is whole."""

# ruff: noqa: ASYNC110 - polling is what a test can do about a server

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mastra_store import Store
from mastra_store.domains.base import DomainStorage
from tests.resilience.domains import DOMAINS, SNAPSHOT, score, seed_domains, span, spans, stored, update
from tests.resilience.support import MOMENTS, PATIENCE, cancel_at, sessions, sqlite_threads

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]

Call = Callable[[Any], Awaitable[Any]]
RUN: dict[str, Any] = {"workflow_name": "w", "run_id": "r1"}
MANY = [*spans("t1", range(9), input={"a": 1}), span("t3", "s0", error={"message": "x"})]

WORKFLOWS: dict[str, Call] = {
    "persist_workflow_snapshot": lambda w: w.persist_workflow_snapshot(**RUN, snapshot={"status": "success"}),
    "persist_workflow_snapshot new": lambda w: w.persist_workflow_snapshot(
        workflow_name="w", run_id="r3", snapshot=SNAPSHOT, resource_id="x"
    ),
    "load_workflow_snapshot": lambda w: w.load_workflow_snapshot(**RUN),
    "update_workflow_results": lambda w: w.update_workflow_results(
        **RUN, step_id="s", result={"status": "success"}, request_context={"b": 1}
    ),
    "update_workflow_results new": lambda w: w.update_workflow_results(
        workflow_name="w", run_id="r3", step_id="s", result={"status": "success"}
    ),
    "update_workflow_state": lambda w: w.update_workflow_state(**RUN, state={"status": "x"}, expected_status="running"),
    "update_workflow_state refused": lambda w: w.update_workflow_state(
        **RUN, state={"status": "x"}, expected_status="other"
    ),
    "list_workflow_runs": lambda w: w.list_workflow_runs(
        workflow_name="w", status="running", thread_id="t", page=3, per_page=1
    ),
    "get_workflow_run_by_id": lambda w: w.get_workflow_run_by_id(run_id="r1"),
    "get_workflow_run_by_id named": lambda w: w.get_workflow_run_by_id(**RUN),
    "delete_workflow_run_by_id": lambda w: w.delete_workflow_run_by_id(**RUN),
    "dangerously_clear_all": lambda w: w.dangerously_clear_all(),
}
SCORES: dict[str, Call] = {
    "save_score": lambda s: s.save_score(score=score("a", score=1.0, metadata={"k": 1})),
    "save_score new": lambda s: s.save_score(score=score("c")),
    "get_score_by_id": lambda s: s.get_score_by_id(id="a"),
    "list_scores_by_scorer_id": lambda s: s.list_scores_by_scorer_id(scorer_id="s", source="LIVE", page=9, per_page=1),
    "list_scores_by_run_id": lambda s: s.list_scores_by_run_id(run_id="r", organization_id="o"),
    "list_scores_by_entity_id": lambda s: s.list_scores_by_entity_id(entity_id="e", entity_type="AGENT"),
    "list_scores_by_span": lambda s: s.list_scores_by_span(trace_id="t1", span_id="s1", per_page=None),
    "dangerously_clear_all": lambda s: s.dangerously_clear_all(),
}
OBSERVABILITY: dict[str, Call] = {
    "create_span": lambda o: o.create_span(span=span("t1", "s0", name="again")),
    "batch_create_spans": lambda o: o.batch_create_spans(records=MANY),
    "update_span": lambda o: o.update_span(trace_id="t1", span_id="s1", updates={"name": "new"}),
    "batch_update_spans": lambda o: o.batch_update_spans(
        records=[update("t1", "s1", name="new"), update("t2", "s0", input=5), update("t1", "s1", error="x")]
    ),
    "batch_delete_traces": lambda o: o.batch_delete_traces(trace_ids=["t1", "t2"]),
    "batch_delete_traces scoped": lambda o: o.batch_delete_traces(trace_ids=["t1", "t2"], resource_id="other"),
    "get_span": lambda o: o.get_span(trace_id="t1", span_id="s1"),
    "get_spans": lambda o: o.get_spans(trace_id="t1", span_ids=["s1", "s2"]),
    "get_root_span": lambda o: o.get_root_span(trace_id="t1"),
    "get_trace": lambda o: o.get_trace(trace_id="t1"),
    "get_structure": lambda o: o.get_structure(trace_id="t1"),
    "get_trace_light": lambda o: o.get_trace_light(trace_id="t1"),
    "get_branch": lambda o: o.get_branch(trace_id="t1", span_id="s1"),
    "list_traces": lambda o: o.list_traces(filters={"status": "running", "tags": ["x"]}, page=9),
    "list_traces_light": lambda o: o.list_traces_light(filters={"has_child_error": False}),
    "list_branches": lambda o: o.list_branches(per_page=1, page=1),
    "dangerously_clear_all": lambda o: o.dangerously_clear_all(),
}


async def transaction(storage: Any) -> None:
    """Two statements of a model in one interactive transaction."""
    (model,) = storage.models
    key = model._meta.pk_attr
    async with storage.transaction() as tx:
        await model.filter(**{f"{key}__in": ["r1", "a", "s1"]}).using_db(tx).delete()
        await model.filter(**{f"{key}__in": ["r2", "b", "s0"]}).using_db(tx).delete()


TABLE = {"workflows": WORKFLOWS, "scores": SCORES, "observability": OBSERVABILITY}
CALLS = {f"{domain}.{name}": (domain, call) for domain, calls in TABLE.items() for name, call in calls.items()}
CALLS |= {f"{domain}.transaction": (domain, transaction) for domain in DOMAINS}


async def test_every_public_method_is_attacked() -> None:
    """A method added later has to be added here."""
    others = {"init", "close", "supports_concurrent_updates"} | set(vars(DomainStorage))
    for domain, calls in TABLE.items():
        storage = type(getattr(Store(id="app", default=":memory:"), domain))
        methods = {name for name, _ in inspect.getmembers(storage, inspect.isfunction) if not name.startswith("_")}
        assert methods - others - {"over"} <= {name.partition(" ")[0] for name in calls}


@pytest.fixture(scope="module")
def one_database(postgres: Any) -> str:
    """A database for all tests of this module: each begins by clearing it."""
    url: str = postgres.create_database()
    return url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """As everywhere, but without a new database on the server each time."""
    url: str = request.getfixturevalue("one_database") if request.param == "postgres" else f"sqlite:///{tmp_path}/a.db"
    return url


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    options = "?pool_size=2" if database_url.startswith("postgres") else "?busy_timeout=5"
    async with Store(id="app", default=database_url + options) as opened:
        yield opened
        await assert_clean(opened, database_url)
    assert not sqlite_threads()


async def assert_clean(store: Store, url: str) -> None:
    """Nothing is held: the whole capacity is there, no lock, no open transaction, and the next calls work."""
    async with asyncio.timeout(PATIENCE):
        calls: list[Awaitable[Any]] = []
        for n in range(3):
            calls += [
                store.workflows.update_workflow_results(workflow_name="w", run_id="r1", step_id=str(n), result={"n": n})
                if n  # the context may have been replaced away by then
                else store.workflows.persist_workflow_snapshot(workflow_name="w", run_id="r9", snapshot=SNAPSHOT),
                store.scores.save_score(score=score("a")),
                store.observability.batch_create_spans(records=spans("t1", range(9))),
            ]
        await seed_domains(store)
        await asyncio.gather(*calls)
    if url.startswith("postgres"):
        async with asyncio.timeout(PATIENCE):  # sessions of the test before may take a moment to end
            while len(states := await sessions(url)) > 2 or set(states) - {"idle"}:
                await asyncio.sleep(0.01)


async def settled(store: Store) -> list[str]:
    """What is stored once the server has noticed the cancellation: a caller cancelled twice does not wait for that."""
    found, again = await stored(store), await stored(store)
    while found != again:
        found, again = again, await stored(store)
    return found


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_cancelled_at_any_await(name: str, store: Store) -> None:
    """BEGIN, COMMIT and every statement between; the data is as before or as after, never between (O2, O9, O10)."""
    domain, call = CALLS[name]
    storage = getattr(store, domain)
    await seed_domains(store)
    before = await stored(store)
    await call(storage)
    after = await stored(store)
    for moment in MOMENTS:
        number, struck = 0, True
        while struck:
            if after != before:
                await seed_domains(store)
            struck = await cancel_at(call(storage), number, moment)
            async with asyncio.timeout(PATIENCE):
                found = await settled(store)
            assert found in (before, after), f"half done when cancelled at await {number} ({moment})"
            number += 1
        assert found == after
        assert number > 1


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("domain", DOMAINS)
async def test_the_first_use_cancelled_at_any_await(domain: str, moment: str, database_url: str) -> None:
    """C11: opening and creating the tables of a domain survives its caller."""
    number, struck = 0, True
    while struck:
        postgres = database_url.startswith("postgres")
        fresh = f"{database_url}?schema_name={domain}{moment}{number}" if postgres else f"{database_url}{number}"
        store = Store(id="app", domains={domain: fresh})
        try:
            struck = await cancel_at(getattr(store, domain).dangerously_clear_all(), number, moment)
            async with asyncio.timeout(PATIENCE):
                await getattr(store, domain).dangerously_clear_all()
        finally:
            await asyncio.wait_for(store.close(), PATIENCE)
        number += 1
    assert not sqlite_threads()


async def test_updates_of_one_run_under_timeouts(store: Store) -> None:
    """W21: what was acknowledged is there, what was not is there whole or not at all, and the run's lock is free."""
    await seed_domains(store)

    async def limited(number: int) -> bool:
        try:
            async with asyncio.timeout(number * 0.0004):
                await store.workflows.update_workflow_results(
                    **RUN, step_id=f"s{number}", result={"n": number}, request_context={f"s{number}": number}
                )
        except TimeoutError:
            return False
        return True

    done = [await asyncio.gather(*(limited(row * 8 + n) for n in range(8))) for row in range(6)]
    async with asyncio.timeout(PATIENCE):
        await store.workflows.update_workflow_results(**RUN, step_id="last", result={})
        snapshot = await store.workflows.load_workflow_snapshot(**RUN)
    assert snapshot is not None
    for number, acknowledged in enumerate(one for row in done for one in row):
        there = f"s{number}" in snapshot["context"]
        assert there == (f"s{number}" in snapshot["requestContext"])
        assert there or not acknowledged
