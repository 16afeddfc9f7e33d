"""Calls that lock the same rows in any order: no error reaches a caller, and nobody waits for a deadlock (1 s each)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from mastra_store import ObservabilityStorage, Store
from tests.resilience.domains import SNAPSHOT, score, seed_domains, span, update

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]

KEYS = [(f"t{n % 5}", f"s{n}") for n in range(40)]
TRACES = [f"t{n}" for n in range(5)]
SECONDS = 8.0
Keys = list[tuple[str, str]]


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    async with Store(id="app", default=database_url) as opened:
        yield opened


def _updates(keys: Keys, number: int) -> list[Any]:
    """Two shapes of updates, so that one batch is several statements."""
    return [update(*key, name=str(number), **_tags(n)) for n, key in enumerate(keys)]


def _tags(n: int) -> dict[str, Any]:
    return {"tags": ["x"]} if n % 2 else {}


Job = Callable[[ObservabilityStorage, Keys, int], Awaitable[None]]
JOBS: dict[str, Job] = {
    "create": lambda o, keys, n: o.batch_create_spans(records=[span(*key, input=n) for key in keys]),
    "update": lambda o, keys, n: o.batch_update_spans(records=_updates(keys, n)),
    "delete": lambda o, keys, n: o.batch_delete_traces(trace_ids=sorted({key[0] for key in keys[:3]})),
    "delete scoped": lambda o, keys, n: o.batch_delete_traces(trace_ids=TRACES[n % 3 :], resource_id="r"),
    "one": lambda o, keys, n: o.create_span(span=span(*keys[0], resource_id="r")),
    "update one": lambda o, keys, n: o.update_span(trace_id=keys[0][0], span_id=keys[0][1], updates={"input": n}),
    "clear": lambda o, keys, n: o.dangerously_clear_all(),
}


@pytest.mark.parametrize(
    "jobs",
    [
        ("create",),
        ("create", "update", "one"),
        ("create", "delete"),
        ("create", "update", "delete", "one", "update one"),
        ("create", "update", "delete", "delete scoped", "one"),
        ("create", "update", "one", "clear"),
        tuple(JOBS),
    ],
    ids="+".join,
)
async def test_spans_in_any_order(jobs: tuple[str, ...], store: Store) -> None:
    """O2, O9, O10, G14, G16: overlapping batches in random order from sixty tasks at once."""
    rng = random.Random(1)
    observability = store.observability
    async with asyncio.timeout(SECONDS):
        for _ in range(3):
            calls = [JOBS[jobs[n % len(jobs)]](observability, rng.sample(KEYS, 20), n) for n in range(60)]
            await asyncio.gather(*calls)
    await observability.dangerously_clear_all()
    await observability.create_span(span=span("t", "s"))


async def test_two_stores_and_their_transactions(database_url: str) -> None:
    """The same over two Stores, as two processes would, with interactive transactions of one row among them."""
    rng = random.Random(2)

    async def interactive(storage: Any) -> None:
        async with storage.transaction() as tx:
            trace_id, span_id = rng.choice(KEYS)
            await storage.models.Span.filter(trace_id=trace_id, span_id=span_id).using_db(tx).update(name="x")

    async with Store(id="one", default=database_url) as one, Store(id="other", default=database_url) as other:
        async with asyncio.timeout(SECONDS):
            for _ in range(2):
                calls: list[Awaitable[None]] = [interactive(store.observability) for store in (one, other)]
                for n in range(40):
                    storage = (one, other)[n % 2].observability
                    calls.append(JOBS[("create", "update", "one")[n % 3]](storage, rng.sample(KEYS, 20), n))
                await asyncio.gather(*calls)


async def test_runs_and_scores_among_clearing(store: Store) -> None:
    """W2, W21, S2, S13, G14: many updates of few rows, while the tables are cleared."""
    await seed_domains(store)

    async def one(n: int) -> None:
        run: dict[str, Any] = {"workflow_name": "w", "run_id": f"r{n % 3}"}
        match n % 6:
            case 0 | 1:
                await store.workflows.update_workflow_results(**run, step_id=str(n), result={"n": n})
            case 2:
                await store.workflows.persist_workflow_snapshot(**run, snapshot=SNAPSHOT)
            case 3:
                await store.workflows.update_workflow_state(**run, state={"status": str(n)})
            case 4:
                await store.scores.save_score(score=score(f"a{n % 3}"))
            case _:
                cleared = store.workflows if n % 12 == 5 else store.scores
                await cleared.dangerously_clear_all()

    async with asyncio.timeout(SECONDS):
        await asyncio.gather(*(one(n) for n in range(120)))


async def test_an_update_of_one_run_does_not_block_others(store: Store, database_url: str) -> None:
    """W21: the lock is per run on PostgreSQL; SQLite waits for the writer and gives no error."""
    await seed_domains(store)
    workflows: Any = store.workflows
    held = asyncio.Event()
    release = asyncio.Event()

    async def hold() -> None:
        async with workflows.transaction() as tx:
            await workflows.models.WorkflowSnapshot.filter(run_id="r1").using_db(tx).update(resource_id="x")
            held.set()
            await release.wait()

    holder = asyncio.ensure_future(hold())
    await held.wait()
    other = asyncio.ensure_future(
        workflows.update_workflow_results(workflow_name="w", run_id="r2", step_id="s", result={"a": 1})
    )
    same = asyncio.ensure_future(
        workflows.update_workflow_results(workflow_name="w", run_id="r1", step_id="s", result={"a": 1})
    )
    if database_url.startswith("postgres"):
        assert (await asyncio.wait_for(other, 5))["s"] == {"a": 1}
    assert not same.done()
    release.set()
    await asyncio.wait_for(asyncio.gather(holder, other, same), 10)
    run = await workflows.get_workflow_run_by_id(run_id="r1")
    assert run.resource_id == "x"
    assert run.snapshot["context"]["s"] == {"a": 1}
