"""What checks of workflows build before they look: runs of the past, snapshots, step results."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from ..domains import WorkflowsStorage
from ..records import WorkflowRun
from .expect import ensure
from .harness import RawRow
from .scenes import BASE, Names

TABLE = "mastra_workflow_snapshot"
PENDING: dict[str, Any] = {"__mastra_pending__": True}
"""The marker of an iteration that is to run again (W15)."""


class Run(NamedTuple):
    """The identity of a run; ``**run.key`` names it to every method."""

    workflow_name: str
    run_id: str

    @property
    def key(self) -> dict[str, Any]:
        """Both names as arguments."""
        return self._asdict()


def a_run(name: str = "w", run_id: str = "r") -> Run:
    """A run that no other check uses."""
    names = Names()
    return Run(names(name), names(run_id))


def state_of(status: str = "running", **more: Any) -> dict[str, Any]:
    """A small snapshot in Mastra's form."""
    return {"status": status, "context": {}, "requestContext": {}, "value": {}, **more}


async def persisted(
    workflows: WorkflowsStorage,
    run: Run | None = None,
    snapshot: Mapping[str, Any] | None = None,
    *,
    resource_id: str | None = None,
    at: datetime = BASE,
) -> Run:
    """A stored run of the past."""
    run = run or a_run()
    snapshot = state_of() if snapshot is None else snapshot
    times: dict[str, Any] = {"created_at": at, "updated_at": at}
    await workflows.persist_workflow_snapshot(**run.key, snapshot=snapshot, resource_id=resource_id, **times)
    return run


async def snapshot_of(workflows: WorkflowsStorage, run: Run) -> dict[str, Any]:
    """The stored snapshot, which must be there."""
    snapshot = await workflows.load_workflow_snapshot(**run.key)
    ensure(snapshot is not None, f"{run} should be there")
    return snapshot  # type: ignore[return-value]


async def run_of(workflows: WorkflowsStorage, run: Run) -> WorkflowRun:
    """The stored run, which must be there."""
    found = await workflows.get_workflow_run_by_id(**run.key)
    ensure(found, f"{run} should be there")
    return found  # type: ignore[return-value]


async def runs_of(workflows: WorkflowsStorage, workflow_name: str) -> list[WorkflowRun]:
    """All runs of a workflow."""
    return (await workflows.list_workflow_runs(workflow_name=workflow_name)).runs


async def with_results(
    workflows: WorkflowsStorage, run: Run, step_id: str, result: Mapping[str, Any], **request_context: Any
) -> dict[str, Any]:
    """The context after a step's result was merged in."""
    given = request_context or None
    return await workflows.update_workflow_results(**run.key, step_id=step_id, result=result, request_context=given)


def raw_run(run: Run, text: str, **more: Any) -> RawRow:
    """A row whose snapshot is this stored text."""
    names = {"workflow_name": run.workflow_name, "run_id": run.run_id}
    return {**names, "snapshot": text, "createdAt": BASE, "updatedAt": BASE, **more}
