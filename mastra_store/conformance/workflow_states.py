"""Replacing top-level keys of a stored snapshot (W12, W18 to W20, W22, W23)."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import Any

import msgspec

from ..domains import WorkflowsStorage
from ..errors import CorruptRecordError, UnsupportedOperationError, ValidationError
from ..instants import now
from ..records import WorkflowStateUpdate
from .expect import ensure, equal, raises
from .registry import check
from .scenes import BASE, Names, is_now, lenient
from .workflow_scenes import Run, a_run, persisted, run_of, runs_of, snapshot_of, state_of

W = "workflows"
KEYS: dict[str, tuple[str, Any]] = {
    "status": ("status", "failed"),
    "result": ("result", {"x": {"deep": [1]}}),
    "error": ("error", {"message": "no"}),
    "suspended_paths": ("suspendedPaths", {"s": [0, 1]}),
    "waiting_paths": ("waitingPaths", {"w": [2]}),
    "resume_labels": ("resumeLabels", {"l": {"stepId": "s"}}),
    "active_paths": ("activePaths", [0, [1]]),
    "active_steps_path": ("activeStepsPath", {"s": [3]}),
    "tracing_context": ("tracingContext", {"traceId": "t"}),
}
"""Python's names: the keys of the snapshot, and values for them."""


@check("W12", domain=W)
async def check_updates_are_promised_or_refused(workflows: WorkflowsStorage) -> None:
    """supports_concurrent_updates is a plain method; where it says no, both updates are refused as unsupported."""
    ensure(not iscoroutinefunction(workflows.supports_concurrent_updates), "it is not a coroutine function")
    promised = workflows.supports_concurrent_updates()
    equal(type(promised), bool, "what it returns")
    run = await persisted(workflows)
    if not promised:
        results = workflows.update_workflow_results(**run.key, step_id="s", result={})
        await raises(UnsupportedOperationError, "UPDATE_WORKFLOW_RESULTS_UNSUPPORTED", results)
        state = workflows.update_workflow_state(**run.key, state={"status": "failed"})
        await raises(UnsupportedOperationError, "UPDATE_WORKFLOW_STATE_UNSUPPORTED", state)
        equal(await snapshot_of(workflows, run), state_of())


@check("W18", domain=W)
async def check_keys_are_replaced_whole(workflows: WorkflowsStorage) -> None:
    """Each key can be replaced alone, whole, under either of its names; every other key stays."""
    stored = {key: {"old": {"x": 1}} for key, _ in KEYS.values()} | {"status": "running", "activePaths": [9, 9, 9]}
    before = {**stored, "context": {"s": {"output": 1}}, "of my own": None}
    run = a_run()
    for name, (key, value) in KEYS.items():
        for state in ({name: value}, {key: value}, WorkflowStateUpdate(**{name: value})):
            await workflows.persist_workflow_snapshot(**run.key, snapshot=before)
            found = await workflows.update_workflow_state(**run.key, state=state)
            equal(found, {**before, key: value}, f"returned for {state}")
            equal(await snapshot_of(workflows, run), {**before, key: value}, f"stored for {state}")


@check("W18", domain=W)
async def check_keys_that_were_absent_are_added(workflows: WorkflowsStorage) -> None:
    """Keys that the snapshot does not have yet are written; all can be given at once."""
    run = await persisted(workflows, snapshot={"context": {}})
    state = {name: value for name, (_, value) in KEYS.items()}
    expected = {"context": {}} | {key: value for key, value in KEYS.values()}  # noqa: C416 - of pairs, not of keys
    equal(await workflows.update_workflow_state(**run.key, state=state), expected)
    equal(await snapshot_of(workflows, run), expected)


@check("W18", domain=W)
async def check_none_is_stored_and_unset_is_not(workflows: WorkflowsStorage) -> None:
    """A key given as None becomes null; one that is UNSET or left out stays."""
    run = await persisted(workflows, snapshot=state_of(result={"old": 1}, error={"old": 1}, activePaths=[1]))
    for state in ({"result": None, "error": msgspec.UNSET}, WorkflowStateUpdate(result=None)):
        found = await lenient(workflows).update_workflow_state(**run.key, state=state)
        equal(found, state_of(result=None, error={"old": 1}, activePaths=[1]), str(state))
    for name, (key, _) in KEYS.items():
        found = await lenient(workflows).update_workflow_state(**run.key, state={name: None})
        equal((found or {}).get(key, "absent"), None, name)
    equal((await snapshot_of(workflows, run))["context"], {}, "the context")


@check("W18", domain=W)
async def check_states_bump(workflows: WorkflowsStorage) -> None:
    """updated_at becomes now, also when no key is given; created_at and the resource stay."""
    for state in ({"status": "failed"}, {}, WorkflowStateUpdate()):
        run = await persisted(workflows, resource_id="owner")
        before = now()
        found = await lenient(workflows).update_workflow_state(**run.key, state=state)
        stored = await run_of(workflows, run)
        equal((stored.created_at, stored.resource_id, stored.snapshot), (BASE, "owner", found))
        ensure(is_now(stored.updated_at, before), f"updated_at should be now, not {stored.updated_at}, for {state}")


@check("W18", "W1", domain=W)
async def check_states_reach_one_run(workflows: WorkflowsStorage) -> None:
    """Runs of the same id or the same name are left alone."""
    names = Names()
    run, *others = (Run(names(name), names(id)) for name, id in (("w", "r"), ("w", "r2"), ("w2", "r")))
    for one in (run, *others):
        await persisted(workflows, one)
    await workflows.update_workflow_state(**run.key, state={"status": "failed"})
    equal([await snapshot_of(workflows, other) for other in others], [state_of(), state_of()])


@check("W19", "G17", domain=W)
async def check_states_create_no_run(workflows: WorkflowsStorage) -> None:
    """For an unknown run None is returned and nothing is written, whatever status is expected."""
    run = a_run()
    for expected in (None, "running", ["pending", "running"], []):
        state = {"status": "failed"}
        found = await workflows.update_workflow_state(**run.key, state=state, expected_status=expected)
        equal(found, None, f"expected_status={expected!r}")
    equal(await workflows.get_workflow_run_by_id(run_id=run.run_id), None)
    equal(await runs_of(workflows, run.workflow_name), [])


@check("W20", domain=W)
async def check_an_unexpected_status_writes_nothing(workflows: WorkflowsStorage) -> None:
    """Unless the stored status is among those expected, None is returned and the run stays as it was."""
    run = await persisted(workflows, snapshot=state_of("running"))
    unmet: list[Any] = ["failed", "Running", "running ", "", ["failed", "pending"], ("pending",), [], (), set()]
    for expected in unmet:
        state: dict[str, Any] = {"status": "success", "result": {"x": 1}}
        found = await lenient(workflows).update_workflow_state(**run.key, state=state, expected_status=expected)
        equal(found, None, repr(expected))
    stored = await run_of(workflows, run)
    equal((stored.snapshot, stored.updated_at), (state_of("running"), BASE))


@check("W20", domain=W)
async def check_an_expected_status_writes(workflows: WorkflowsStorage) -> None:
    """One status or one of several lets the update pass; what was expected is stored nowhere."""
    for expected in ("running", ["running"], ("pending", "running"), ["running", "running"], {"running", "x"}, None):
        run = await persisted(workflows, snapshot=state_of("running"))
        state = {"status": "success"}
        found = await lenient(workflows).update_workflow_state(**run.key, state=state, expected_status=expected)
        equal(found, state_of("success"), repr(expected))
        equal(await snapshot_of(workflows, run), state_of("success"), repr(expected))


@check("W20", domain=W)
async def check_an_absent_status_is_never_expected(workflows: WorkflowsStorage) -> None:
    """A snapshot without a status, or with one that is no text, matches no expectation."""
    odd: list[dict[str, Any]] = [{}, *({"status": value} for value in (None, 1, True, ["running"]))]
    for stored in odd:
        snapshot = {"context": {"x": {"status": "running"}}, **stored}
        run = await persisted(workflows, snapshot=snapshot)
        for expected in ("running", "None", "null", "1", "true", "", ["running", "1"]):
            found = await workflows.update_workflow_state(
                **run.key, state={"status": "failed"}, expected_status=expected
            )
            equal(found, None, f"{stored} with {expected!r}")
        equal(await snapshot_of(workflows, run), snapshot)


@check("W20", "W13", domain=W)
async def check_the_status_of_a_created_run(workflows: WorkflowsStorage) -> None:
    """A run that an update of results created is pending, and can be expected to be."""
    run = a_run()
    await workflows.update_workflow_results(**run.key, step_id="s", result={})
    for expected, found in (("running", None), ("pending", "running")):
        state = {"status": "running"}
        snapshot = await workflows.update_workflow_state(**run.key, state=state, expected_status=expected)
        equal(snapshot and snapshot["status"], found, expected)


@check("W22", "G10", domain=W)
async def check_snapshots_without_context_cannot_be_updated(workflows: WorkflowsStorage) -> None:
    """A stored snapshot whose context is no mapping is a ``CorruptRecordError`` naming table and run."""
    no_mappings: list[Any] = [None, [], "text", 1]
    bad: list[dict[str, Any]] = [{}, *({"context": value} for value in no_mappings)]
    for stored in bad:
        snapshot = {"status": "running", **stored}
        run = await persisted(workflows, snapshot=snapshot)
        results = workflows.update_workflow_results(**run.key, step_id="s", result={}, request_context={"a": 1})
        error = await raises(CorruptRecordError, "UPDATE_WORKFLOW_RESULTS_CORRUPT_RECORD", results, says=run.run_id)
        ensure("mastra_workflow_snapshot" in str(error), f"{error} should name the table")
        state = workflows.update_workflow_state(**run.key, state={"status": "failed"}, expected_status="running")
        await raises(CorruptRecordError, "UPDATE_WORKFLOW_STATE_CORRUPT_RECORD", state, says=run.run_id)
        found = await run_of(workflows, run)
        equal((found.snapshot, found.updated_at), (snapshot, BASE), "nothing is written")


@check("W23", "G10", "G15", domain=W)
async def check_unknown_state_is_refused(workflows: WorkflowsStorage) -> None:
    """Unknown keys, values of wrong types and what is no state are refused, nothing being written."""
    run, untyped = await persisted(workflows), lenient(workflows)
    bad: list[Any] = [
        {"unknown": 1},
        {"status": "failed", "context": {}},
        {"requestContext": {}},
        {"Status": "failed"},
        {"": 1},
        {1: 2},
        {"expected_status": "running"},
        {"status": 1},
        {"status": ["failed"]},
        {"result": []},
        {"error": "text"},
        {"active_paths": {}},
        {"active_paths": "text"},
        {"suspendedPaths": []},
        {"result": {"x": float("nan")}},
        None,
        "failed",
        ["status"],
        [("status", "failed")],
    ]
    for state in bad:
        call = untyped.update_workflow_state(**run.key, state=state)
        await raises(ValidationError, "UPDATE_WORKFLOW_STATE_INVALID_ARGUMENT", call, says="state")
    stored = await run_of(workflows, run)
    equal((stored.snapshot, stored.updated_at), (state_of(), BASE))


@check("W20", "G10", "G15", domain=W)
async def check_expectations_are_text(workflows: WorkflowsStorage) -> None:
    """An expected status that is no text, nor a sequence of texts, is refused."""
    run, untyped = await persisted(workflows), lenient(workflows)
    for expected in (1, True, b"running", [1], ["running", None], {"running": 1}):
        call = untyped.update_workflow_state(**run.key, state={"status": "failed"}, expected_status=expected)
        await raises(ValidationError, "UPDATE_WORKFLOW_STATE_INVALID_ARGUMENT", call, says="expected_status")
    equal(await snapshot_of(workflows, run), state_of())
