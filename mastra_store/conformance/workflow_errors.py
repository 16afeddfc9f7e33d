"""Calls that fail, records that are detached, names that are awkward, and clearing (G9 to G12, G14), for workflows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..domains import WorkflowsStorage
from ..errors import ValidationError
from .common_detachment import KEPT, kept, spoil
from .common_ids import awkward_ids, saved_under
from .expect import ensure, equal, outcome
from .payloads import HARD_TEXT
from .registry import check
from .scenes import BASE, Names, lenient
from .workflow_scenes import Run, a_run, persisted, run_of, runs_of, snapshot_of, state_of, with_results

W = "workflows"


@check("G10", "W2", "W13", "W18", domain=W)
async def check_failed_calls_leave_runs(workflows: WorkflowsStorage) -> None:
    """A call with one bad part changes nothing, and creates nothing."""
    run, new = await persisted(workflows, snapshot=state_of(old=1), resource_id="owner"), a_run()
    untyped, bad = lenient(workflows), {"x": object()}
    results = {"step_id": "s", "result": {"x": 1}}
    calls: list[tuple[Callable[..., Awaitable[Any]], dict[str, Any]]] = [
        (untyped.persist_workflow_snapshot, {"snapshot": {"status": "new", "x": bad}}),
        (untyped.persist_workflow_snapshot, {"snapshot": state_of("new"), "resource_id": 1}),
        (untyped.persist_workflow_snapshot, {"snapshot": state_of("new"), "created_at": "now"}),
        (untyped.update_workflow_results, {**results, "result": bad}),
        (untyped.update_workflow_results, {**results, "request_context": bad}),
        (untyped.update_workflow_results, {**results, "step_id": ""}),
        (untyped.update_workflow_state, {"state": {"status": "new", "result": bad}}),
        (untyped.update_workflow_state, {"state": {"status": "new", "unknown": 1}}),
    ]
    for one in (run, new):
        for number, (method, arguments) in enumerate(calls):
            found = await outcome(method(**one.key, **arguments))
            ensure(found.startswith("ValidationError"), f"call {number} should be a ValidationError, not {found}")
    stored = await run_of(workflows, run)
    equal((stored.snapshot, stored.resource_id, stored.updated_at), (state_of(old=1), "owner", BASE))
    equal(await workflows.load_workflow_snapshot(**new.key), None, "no run is created")


@check("G11", domain=W)
async def check_given_snapshots_are_not_kept(workflows: WorkflowsStorage) -> None:
    """Whatever was passed in may be changed afterwards."""
    given = state_of(value=kept())
    run = await persisted(workflows, snapshot=given)
    spoil(given["value"])
    equal(await snapshot_of(workflows, run), state_of(value=KEPT), "snapshot")
    result, shared = kept(), kept()
    context = await workflows.update_workflow_results(**run.key, step_id="s", result=result, request_context=shared)
    spoil(result)
    spoil(shared)
    equal(context, {"s": KEPT}, "what was returned")
    snapshot = await snapshot_of(workflows, run)
    equal((snapshot["context"], snapshot["requestContext"]), ({"s": KEPT}, KEPT), "results")
    state = {"result": kept()}
    found = await workflows.update_workflow_state(**run.key, state=state)
    spoil(state["result"])
    equal([(found or {})["result"], (await snapshot_of(workflows, run))["result"]], [KEPT, KEPT], "state")


@check("G11", domain=W)
async def check_returned_snapshots_are_not_kept(workflows: WorkflowsStorage) -> None:
    """Whatever was returned may be changed, and no two calls return the same object."""
    run = await persisted(workflows, snapshot=state_of(value=kept()))
    first, second = [await snapshot_of(workflows, run) for _ in range(2)]
    spoil(first["value"])
    equal(second["value"], KEPT, "another call")
    found = await run_of(workflows, run)
    spoil(found.snapshot["value"])
    found.resource_id = found.workflow_name = "spoilt"
    for listed in await runs_of(workflows, run.workflow_name):
        spoil(listed.snapshot["value"])
    spoil((await with_results(workflows, run, "s", kept()))["s"])
    updated = await workflows.update_workflow_state(**run.key, state={"result": kept()})
    spoil((updated or {})["result"])
    spoil((updated or {})["value"])
    stored = await run_of(workflows, run)
    equal(stored.snapshot, state_of(value=KEPT, context={"s": KEPT}, result=KEPT))
    equal((stored.workflow_name, stored.resource_id), (run.workflow_name, None))


@check("G12", "W1", domain=W)
async def check_awkward_names(workflows: WorkflowsStorage) -> None:
    """Runs with awkward names and ids are kept apart, found, updated, listed and deleted exactly."""
    plain = Names()("other")
    makers: tuple[Callable[[str], Run], ...] = (lambda id: Run(id, plain), lambda id: Run(plain, id))
    for make in makers:

        def save(id: str, make: Callable[[str], Run] = make) -> Awaitable[Run]:
            return persisted(workflows, make(id), state_of(id=id))

        ids = await saved_under(awkward_ids(), save)
        for label, id in ids.items():
            await with_results(workflows, make(id), "s", {"output": label})
        snapshots = {label: await snapshot_of(workflows, make(id)) for label, id in ids.items()}
        found = {label: (one["id"], one["context"]) for label, one in snapshots.items()}
        equal(found, {label: (id, {"s": {"output": label}}) for label, id in ids.items()})
        for label, id in ids.items():
            name = make(id).workflow_name
            expected = len(ids) if name == plain else 1
            equal((await workflows.list_workflow_runs(workflow_name=name)).total, expected, f"list of {label}")
        await _deleted_one_by_one(workflows, [make(id) for id in ids.values()])


@check("G12", "W7", "W10", domain=W)
async def check_awkward_ids_and_owners(workflows: WorkflowsStorage) -> None:
    """Runs are found by awkward ids alone, and listed by awkward owners, exactly."""
    ids = await saved_under(
        awkward_ids(), lambda id: persisted(workflows, Run(Names()("w"), id), state_of(id=id), resource_id=id)
    )
    for label, id in ids.items():
        found = await workflows.get_workflow_run_by_id(run_id=id)
        equal(found and (found.run_id, found.snapshot["id"]), (id, id), label)
        owned = await workflows.list_workflow_runs(resource_id=id)
        equal([run.run_id for run in owned.runs], [id], f"owner {label}")


@check("G9", "G12", domain=W)
async def check_names_with_nul_are_their_own(workflows: WorkflowsStorage) -> None:
    """Names with U+0000 or unpaired surrogates are refused by name or held exactly."""
    for label, text in HARD_TEXT.items():
        names = Names()
        plain = await persisted(workflows, Run(names("w"), names("r")))
        for field in ("workflow_name", "run_id"):
            run = plain._replace(**{field: f"{plain.key[field]}{text}"})
            try:
                await persisted(workflows, run, state_of("odd"))
            except ValidationError as error:
                ensure(field in str(error), f"{error} should name {field}")
            else:
                equal((await run_of(workflows, run)).snapshot, state_of("odd"), label)
                await workflows.delete_workflow_run_by_id(**run.key)
            equal(await snapshot_of(workflows, plain), state_of(), f"the run without {label}")


@check("G9", "W10", "W11", domain=W)
async def check_hard_text_in_filters(workflows: WorkflowsStorage) -> None:
    """Filtering by text that cannot be held finds nothing or is refused by name; it never breaks or finds others."""
    run = await persisted(workflows, snapshot=state_of("ab"), resource_id="ab")
    for label, text in HARD_TEXT.items():
        for field in ("status", "resource_id", "thread_id", "workflow_name"):
            asked = {"workflow_name": run.workflow_name, field: text}
            try:
                page = await lenient(workflows).list_workflow_runs(**asked)
            except ValidationError as error:
                ensure(field in str(error), f"{error} should name {field}")
            else:
                equal((page.runs, page.total), ([], 0), f"{field}: {label}")


@check("G14", empty=True, domain=W)
async def check_clearing_removes_runs(workflows: WorkflowsStorage) -> None:
    """``dangerously_clear_all`` removes every run, works on an empty domain, and leaves it usable."""
    names = Names()
    await workflows.dangerously_clear_all()
    for _ in range(2):
        runs = [await persisted(workflows, Run(names(name), names("r"))) for name in ("w1", "w2")]
        equal((await workflows.list_workflow_runs()).total, 2)
        await workflows.dangerously_clear_all()
        equal((await workflows.list_workflow_runs()).total, 0, "after clearing")
        equal([await workflows.load_workflow_snapshot(**run.key) for run in runs], [None, None])


async def _deleted_one_by_one(workflows: WorkflowsStorage, runs: list[Run]) -> None:
    left = list(runs)
    for run in runs:
        await workflows.delete_workflow_run_by_id(**run.key)
        left.remove(run)
        there = [other for other in left if await workflows.load_workflow_snapshot(**other.key) is not None]
        equal(there, left, f"after deleting {run}")
