"""Mastra's methods of the workflows domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .methods import Converter, Method, only, undefined_for_none


def _bound(name: str) -> Converter:
    return lambda key, value: {"date_range": {name: value}}


def _state(key: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """Mastra's condition stands among the keys to write."""
    state = {name: item for name, item in value.items() if name != "expectedStatus"}
    return {"state": state, "expected_status": value.get("expectedStatus")}


WORKFLOWS = {
    "persistWorkflowSnapshot": Method("persist_workflow_snapshot", void=True),
    "loadWorkflowSnapshot": Method("load_workflow_snapshot"),
    "updateWorkflowResults": Method("update_workflow_results"),
    "updateWorkflowState": Method("update_workflow_state", {"opts": _state}, shape=undefined_for_none),
    "listWorkflowRuns": Method(
        "list_workflow_runs", {"fromDate": _bound("start"), "toDate": _bound("end")}, shape=only("runs", "total")
    ),
    "getWorkflowRunById": Method("get_workflow_run_by_id"),
    "deleteWorkflowRunById": Method("delete_workflow_run_by_id", void=True),
    "dangerouslyClearAll": Method("dangerously_clear_all", void=True),
}
