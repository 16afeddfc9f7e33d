"""Every way to write payloads and text of the workflows domain, and to read them again (G8, G9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ..domains import WorkflowsStorage
from .expect import ensure, equal
from .scenes import BASE, Names, lenient
from .workflow_scenes import Run, a_run, persisted, run_of, runs_of, snapshot_of, state_of, with_results


async def by_persist(workflows: WorkflowsStorage, value: dict[str, Any]) -> list[Any]:
    """The whole snapshot, over one that was stored before."""
    run = await persisted(workflows, snapshot=value)
    found = await _read(workflows, run)
    await persisted(workflows, run, state_of(old=1))
    await persisted(workflows, run, value)
    return [*found, *await _read(workflows, run)]


async def by_results(workflows: WorkflowsStorage, value: dict[str, Any]) -> list[Any]:
    """The result of a step and the request context, in a run that is created and in one that is stored."""
    found = []
    for run in (a_run(), await persisted(workflows)):
        context = await workflows.update_workflow_results(**run.key, step_id="s", result=value, request_context=value)
        again = await with_results(workflows, run, "other", {})
        stored = await _read(workflows, run)
        found += [one["requestContext"] for one in stored]
        found += [one["s"] for one in (context, again, *(one["context"] for one in stored))]
    return found


async def by_state(workflows: WorkflowsStorage, value: dict[str, Any]) -> list[Any]:
    """A top-level key of a snapshot."""
    run = await persisted(workflows)
    updated = await workflows.update_workflow_state(**run.key, state={"result": value})
    again = await workflows.update_workflow_state(**run.key, state={"status": "failed"}, expected_status="running")
    return [(one or {}).get("result") for one in (updated, again, *await _read(workflows, run))]


CARRIERS = {"persist": by_persist, "results": by_results, "state": by_state}


async def workflow_name(workflows: WorkflowsStorage, names: Names, text: str) -> list[Any]:
    """The name of a workflow."""
    run = await persisted(workflows, Run(names(text), names("r")))
    (listed,) = await runs_of(workflows, run.workflow_name)
    return names.short([(await run_of(workflows, run)).workflow_name, listed.workflow_name])


async def run_id(workflows: WorkflowsStorage, names: Names, text: str) -> list[Any]:
    """The id of a run."""
    run = await persisted(workflows, Run(names("w"), names(text)))
    found = await workflows.get_workflow_run_by_id(run_id=run.run_id)
    ensure(found, f"run {run.run_id!r} should be found")
    return names.short([await run_of(workflows, run), found, *await runs_of(workflows, run.workflow_name)])


async def resource_id(workflows: WorkflowsStorage, names: Names, text: str) -> list[Any]:
    """The resource of a run."""
    run = await persisted(workflows, resource_id=names(text))
    listed = (await workflows.list_workflow_runs(resource_id=names(text))).runs
    return names.short([one.resource_id for one in (await run_of(workflows, run), *listed)])


async def status(workflows: WorkflowsStorage, names: Names, text: str) -> list[Any]:
    """The status, persisted and updated, found by the filter and by an expectation."""
    run = await persisted(workflows, Run(names("w"), names("r")), state_of(text))
    found = await workflows.list_workflow_runs(workflow_name=names("w"), status=text)
    ensure(found.total == 1, f"the run of status {text!r} should be listed")
    await workflows.update_workflow_state(**run.key, state={"status": "x"}, expected_status=text)
    updated = await workflows.update_workflow_state(**run.key, state={"status": text}, expected_status="x")
    return [
        found.runs[0].snapshot["status"],
        updated and updated["status"],
        (await snapshot_of(workflows, run))["status"],
    ]


async def step_id(workflows: WorkflowsStorage, names: Names, text: str) -> list[Any]:
    """The id of a step, a key of the context."""
    run = await persisted(workflows)
    context = await with_results(workflows, run, f"step {text}", {})
    return [key[5:] for key in (*context, *(await snapshot_of(workflows, run))["context"])]


async def snapshot_text(workflows: WorkflowsStorage, names: Names, text: str) -> list[Any]:
    """Values and keys of a snapshot."""
    run = await persisted(workflows, snapshot={"text": text, f"key{text}": [text]})
    read = await snapshot_of(workflows, run)
    return [read["text"], read.get(f"key{text}", [None])[0]]


async def result_text(workflows: WorkflowsStorage, names: Names, text: str) -> list[Any]:
    """Values and keys of a step's result and of the request context."""
    run = await persisted(workflows)
    given = {"text": text, f"key{text}": [text]}
    context = await workflows.update_workflow_results(**run.key, step_id="s", result=given, request_context=given)
    read = await snapshot_of(workflows, run)
    found = [context["s"], read["context"]["s"], read["requestContext"]]
    return [value for one in found for value in (one["text"], one.get(f"key{text}", [None])[0])]


async def state_text(workflows: WorkflowsStorage, names: Names, text: str) -> list[Any]:
    """Values and keys of a state."""
    run = await persisted(workflows)
    state = {"result": {"text": text, f"key{text}": text}}
    updated = await workflows.update_workflow_state(**run.key, state=state)
    found = [(updated or {})["result"], (await snapshot_of(workflows, run))["result"]]
    return [value for one in found for value in (one["text"], one.get(f"key{text}"))]


COLUMNS = {
    "workflow_name": workflow_name,
    "run_id": run_id,
    "resource_id": resource_id,
    "status snapshot|state|status": status,
    "step_id": step_id,
    "snapshot": snapshot_text,
    "result|request_context": result_text,
    "state": state_text,
}


async def writers(workflows: WorkflowsStorage, names: Names) -> dict[tuple[str, str], Callable[[Any], Awaitable[Any]]]:
    """Every way to write a payload, by operation and field, as functions of the payload."""
    untyped, run = lenient(workflows), await persisted(workflows, _scene(names), state_of(old=1))
    results = {**run.key, "step_id": "s"}
    return {
        ("PERSIST_WORKFLOW_SNAPSHOT", "snapshot"): lambda value: untyped.persist_workflow_snapshot(
            **run.key, snapshot=value
        ),
        ("UPDATE_WORKFLOW_RESULTS", "result"): lambda value: untyped.update_workflow_results(**results, result=value),
        ("UPDATE_WORKFLOW_RESULTS", "request_context"): lambda value: untyped.update_workflow_results(
            **results, result={"new": 1}, request_context=value
        ),
        ("UPDATE_WORKFLOW_STATE", "state"): lambda value: untyped.update_workflow_state(
            **run.key, state={"status": "new", "result": value}
        ),
    }


async def nothing_written(workflows: WorkflowsStorage, names: Names) -> None:
    """The scene of ``writers`` is as it was."""
    stored = await run_of(workflows, _scene(names))
    equal((stored.snapshot, stored.updated_at), (state_of(old=1), BASE), "the run")


def _scene(names: Names) -> Run:
    return Run(names("w"), names("r"))


async def _read(workflows: WorkflowsStorage, run: Run) -> list[dict[str, Any]]:
    """The snapshot by every way of reading."""
    listed = await runs_of(workflows, run.workflow_name)
    return [
        await snapshot_of(workflows, run),
        (await run_of(workflows, run)).snapshot,
        *(one.snapshot for one in listed),
    ]
