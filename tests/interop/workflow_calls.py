"""Records and calls of the workflows domain, as both sides take them."""

from __future__ import annotations

from typing import Any

from .python_side import Call, call
from .scenes import Read, at


def run(workflow_name: str, run_id: str, snapshot: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A run as both sides read it."""
    plain = {"resourceId": None, "createdAt": at(1), "updatedAt": at(2)}
    return {"workflowName": workflow_name, "runId": run_id, "snapshot": snapshot, **plain, **fields}


def persist(given: dict[str, Any]) -> Call:
    """Its persisting; what is null is not given."""
    asked = {key: value for key, value in given.items() if value is not None}
    return call("workflows", "persistWorkflowSnapshot", asked)


def key(given: dict[str, Any]) -> dict[str, Any]:
    """What names a run."""
    return {"workflowName": given["workflowName"], "runId": given["runId"]}


def update_results(given: dict[str, Any], step_id: str, result: dict[str, Any], context: dict[str, Any]) -> Call:
    """The result of a step, and keys of the request context."""
    asked = {**key(given), "stepId": step_id, "result": result, "requestContext": context}
    return call("workflows", "updateWorkflowResults", asked)


def update_state(given: dict[str, Any], **state: Any) -> Call:
    """Keys of the snapshot, and perhaps the expected status, which Mastra takes among them."""
    return call("workflows", "updateWorkflowState", {**key(given), "opts": state})


def delete(given: dict[str, Any]) -> Call:
    """Its deletion."""
    return call("workflows", "deleteWorkflowRunById", key(given))


def load(given: dict[str, Any]) -> Call:
    """The call for its snapshot."""
    return call("workflows", "loadWorkflowSnapshot", key(given))


def read_snapshot(given: dict[str, Any], snapshot: dict[str, Any] | None) -> Read:
    """The read of its snapshot, and what it gives."""
    return Read(load(given), snapshot)


def read_run(expected: dict[str, Any]) -> Read:
    """The read of one run, and what it gives."""
    return Read(call("workflows", "getWorkflowRunById", key(expected)), expected)


def list_runs(workflow_name: str, **options: Any) -> Call:
    """The call for runs of one workflow."""
    return call("workflows", "listWorkflowRuns", {"workflowName": workflow_name, **options})
