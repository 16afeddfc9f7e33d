"""Concurrent calls for one run (G16, W2, W20, W21): nothing is lost, one caller wins, nobody gets a lock error."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, cast

from ..domains import WorkflowsStorage
from .elsewhere import started
from .expect import ensure, equal
from .harness import Harness, storage_of
from .registry import check
from .scenes import Names
from .workflow_scenes import Run, a_run, persisted, run_of, runs_of, snapshot_of, state_of, with_results
from .workflow_states import KEYS

W = "workflows"
CALLERS = 20
RACERS = 30


async def add_results(workflows: WorkflowsStorage, run: Run, caller: str) -> None:
    """Many steps of one run end at once, each with a key for the request context."""

    async def add(number: int) -> None:
        name = f"{caller}.{number}"
        context = await with_results(workflows, run, f"step {name}", {"output": name}, **{f"key {name}": name})
        ensure(f"step {name}" in context, "a caller gets a context without its own result")

    await asyncio.gather(*map(add, range(CALLERS)))


async def take(workflows: WorkflowsStorage, run: Run, caller: str) -> list[str]:
    """Many try to lead the run from waiting to running; the names of those who did."""

    async def attempt(number: int) -> bool:
        state = {"status": "running", "result": {"by": f"{caller}.{number}"}}
        found = await workflows.update_workflow_state(**run.key, state=state, expected_status=["waiting", "paused"])
        return found is not None

    won = await asyncio.gather(*map(attempt, range(RACERS)))
    return [f"{caller}.{number}" for number in range(RACERS) if won[number]]


async def has_all_results(workflows: WorkflowsStorage, run: Run, callers: Sequence[str]) -> None:
    """All results and all keys are there."""
    names = [f"{caller}.{number}" for caller in callers for number in range(CALLERS)]
    snapshot = await snapshot_of(workflows, run)
    equal(snapshot["context"], {f"step {name}": {"output": name} for name in names}, "context")
    equal(snapshot["requestContext"], {f"key {name}": name for name in names}, "requestContext")
    equal(len(await runs_of(workflows, run.workflow_name)), 1, "rows")


async def merge_results(stores: Sequence[WorkflowsStorage]) -> None:
    """Results for a stored run, and for one that is not stored yet, come from all sides."""
    callers = [str(number) for number in range(len(stores))]
    for run in (await persisted(stores[0]), a_run()):
        await asyncio.gather(*(add_results(one, run, caller) for one, caller in zip(stores, callers, strict=True)))
        await has_all_results(stores[-1], run, callers)


async def change_keys(stores: Sequence[WorkflowsStorage]) -> None:
    """Every top-level key is set by another caller, while results come in."""
    run = await persisted(stores[0], snapshot=state_of(mine="kept"))
    calls = [
        _of(stores, number).update_workflow_state(**run.key, state={name: value})
        for number, (name, (_, value)) in enumerate(KEYS.items())
    ]
    await asyncio.gather(*calls, *(with_results(_of(stores, n), run, f"s{n}", {"n": n}) for n in range(CALLERS)))
    expected = state_of(mine="kept", context={f"s{n}": {"n": n} for n in range(CALLERS)})
    equal(await snapshot_of(stores[-1], run), expected | {key: value for key, value in KEYS.values()})  # noqa: C416


async def race(stores: Sequence[WorkflowsStorage]) -> None:
    """Of all who lead a run on from one status, one succeeds, and what is stored is what it wrote."""
    for _ in range(5):
        run = await persisted(stores[0], snapshot=state_of("waiting"))
        won = await asyncio.gather(*(take(one, run, str(number)) for number, one in enumerate(stores)))
        winners = [name for names in won for name in names]
        equal(len(winners), 1, f"number of winners among {RACERS * len(stores)}")
        equal(await snapshot_of(stores[-1], run), state_of("running", result={"by": winners[0]}))


async def first_persists(stores: Sequence[WorkflowsStorage]) -> None:
    """Many persist a new run at once: one row is left, whole, as one of them made it."""
    for _ in range(5):
        run = a_run()
        calls = (
            _of(stores, n).persist_workflow_snapshot(
                **run.key, snapshot=state_of(f"by {n}", by=n), resource_id=f"owner {n}"
            )
            for n in range(CALLERS)
        )
        await asyncio.gather(*calls)
        (stored,) = await runs_of(stores[-1], run.workflow_name)
        number = stored.snapshot["by"]
        equal((stored.snapshot, stored.resource_id), (state_of(f"by {number}", by=number), f"owner {number}"))


async def merge_iterations(stores: Sequence[WorkflowsStorage]) -> None:
    """Iterations of a loop end at once; each puts its value at its own index."""
    run = await persisted(stores[0], snapshot=state_of(context={"loop": {"output": [None] * CALLERS}}))
    outputs = [[number if index == number else None for index in range(CALLERS)] for number in range(CALLERS)]
    calls = (with_results(_of(stores, n), run, "loop", {"output": output}) for n, output in enumerate(outputs))
    await asyncio.gather(*calls)
    equal((await snapshot_of(stores[-1], run))["context"]["loop"], {"output": list(range(CALLERS))})


STORIES = (merge_results, change_keys, race, first_persists, merge_iterations)


@check("G16", "W13", "W21", domain=W)
async def check_concurrent_results(workflows: WorkflowsStorage) -> None:
    """Concurrent results for different steps are all kept, with all keys of the request context; nobody fails."""
    await merge_results([workflows])


@check("G16", "W15", "W21", domain=W)
async def check_concurrent_iterations(workflows: WorkflowsStorage) -> None:
    """Concurrent iterations of one step are all kept."""
    await merge_iterations([workflows])


@check("G16", "W18", "W21", domain=W)
async def check_concurrent_states(workflows: WorkflowsStorage) -> None:
    """Concurrent updates of different keys, and results beside them, are all kept."""
    await change_keys([workflows])


@check("G16", "W20", domain=W)
async def check_one_caller_wins(workflows: WorkflowsStorage) -> None:
    """Of many callers racing from the same expected status exactly one gets a snapshot."""
    await race([workflows])


@check("G16", "W2", domain=W)
async def check_concurrent_first_persists(workflows: WorkflowsStorage) -> None:
    """Concurrent first persists of one run leave one row and raise nothing."""
    await first_persists([workflows])


@check("G16", "W2", "W20", "W21", needs="second_connection", domain=W)
async def check_updates_over_three_connections(workflows: WorkflowsStorage, harness: Harness) -> None:
    """The same holds when the callers use several stores over one database."""
    opener = harness.open_second
    ensure(opener, "the harness should open the database again")
    async with AsyncExitStack() as stack:
        others = [await stack.enter_async_context(opener()) for _ in range(2)]  # type: ignore[misc]
        stores = [workflows, *[cast(WorkflowsStorage, await storage_of(other, W)) for other in others]]
        for story in STORIES:
            await story(stores)


@check("G16", "W13", "W21", needs="cross_process", domain=W)
async def check_results_of_processes(workflows: WorkflowsStorage, harness: Harness) -> None:
    """Results that several processes and this one merge into a run that none of them has persisted are all kept."""
    run, others = a_run(), ["p1", "p2", "p3"]
    async with started(harness, "add_results", [{"run": run, "caller": caller} for caller in others]):
        await add_results(workflows, run, "here")
    await has_all_results(workflows, run, ["here", *others])
    equal((await run_of(workflows, run)).resource_id, None)


@check("G16", "W20", needs="cross_process", domain=W)
async def check_one_process_wins(workflows: WorkflowsStorage, harness: Harness) -> None:
    """Of callers in several processes racing from one status to another exactly one gets a snapshot."""
    run, others = await persisted(workflows, snapshot=state_of("paused")), ["p1", "p2"]
    async with started(harness, "take", [{"run": run, "caller": caller} for caller in others]) as elsewhere:
        won = await take(workflows, run, "here")
    winners = [*won, *(name for names in elsewhere for name in names)]
    equal(len(winners), 1, "number of winners")
    equal((await snapshot_of(workflows, run))["result"], {"by": winners[0]})


@check("G16", "W21", domain=W)
async def check_different_runs_all_finish(workflows: WorkflowsStorage) -> None:
    """Many calls of many kinds at once, for different runs, all finish with the right results."""
    names = Names()

    async def story(number: int) -> tuple[Any, ...]:
        run = await persisted(workflows, Run(names("w"), names(str(number))), state_of("running", number=number))
        context = await with_results(workflows, run, "s", {"n": number})
        state = {"status": "success"}
        done = await workflows.update_workflow_state(**run.key, state=state, expected_status="running")
        listed = await workflows.list_workflow_runs(workflow_name=names("w"), per_page=1)
        gone = Run(names("w"), names(f"gone {number}"))
        await persisted(workflows, gone)
        await workflows.delete_workflow_run_by_id(**gone.key)
        return context["s"]["n"], (done or {})["number"], listed.total > 0

    found = await asyncio.gather(*map(story, range(30)))
    equal(found, [(number, number, True) for number in range(30)])
    equal(len(await runs_of(workflows, names("w"))), 30, "runs")


def _of(stores: Sequence[WorkflowsStorage], number: int) -> WorkflowsStorage:
    return stores[number % len(stores)]
