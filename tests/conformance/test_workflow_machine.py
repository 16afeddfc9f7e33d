"""Random sequences of calls about workflow runs: SQLite and the in-memory reference must answer all of them alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from mastra_store.conformance.scenes import at
from mastra_store.conformance.workflow_scenes import PENDING
from mastra_store.conformance.workflow_threads import in_input, in_step

from .broken_workflow_lists import DeletesById, ForgetsWorkflowsInTies, LooksForThreadsAnywhere, ReadsStatusAsText
from .broken_workflows import ForgetsResources, NeverBumps, TakesOverCreatedAt
from .machine import PAGING, RANGES, SCALARS, SECONDS, SETTINGS, VALUES, TwinMachine, assert_can_fail
from .reference_workflows import InMemoryWorkflows

NAMES = st.sampled_from(["w", "W", "w:r"])
IDS = st.sampled_from(["r", "r", "R", "é", "😀", "ｅ", "gone"])
STATUSES = st.sampled_from(["running", "running", "suspended", "1", "", "pending"])
THREADS = st.sampled_from(["t", "T", "1"])
OUTPUTS = st.lists(
    SCALARS | st.sampled_from([PENDING, {"status": "suspended", "suspendedAt": 1}, {**PENDING, "k": 1}]), max_size=4
)
RESULTS = st.fixed_dictionaries(
    {}, optional={"status": STATUSES, "output": OUTPUTS | VALUES, "payload": VALUES}
) | THREADS.map(in_step)
STEPS = st.sampled_from(["a", "a", "b.c", "input"])
CONTEXTS = st.dictionaries(STEPS, RESULTS | VALUES, max_size=3) | THREADS.map(lambda id: {"input": in_input(id)})
SHARED = st.dictionaries(st.sampled_from(["k", "j"]), VALUES, max_size=2)
SNAPSHOTS = st.fixed_dictionaries(
    {"context": st.one_of(CONTEXTS, CONTEXTS, CONTEXTS, st.sampled_from([None, [], "text"]))},
    optional={"status": STATUSES | SCALARS, "requestContext": SHARED, "value": VALUES, "k": VALUES},
)
OBJECTS = st.none() | st.dictionaries(st.sampled_from(["k", "j"]), VALUES, max_size=2)
STATES = st.fixed_dictionaries(
    {},
    optional={
        "status": STATUSES,
        "result": OBJECTS,
        "suspendedPaths": OBJECTS,
        "active_paths": st.none() | st.lists(SCALARS, max_size=2),
        "context": st.just({}),
    },
).filter(lambda state: "context" not in state or len(state) == 1)
TIMES = st.none() | SECONDS.map(at)


class WorkflowMachine(TwinMachine):
    """Snapshots of a few runs."""

    reference_class = InMemoryWorkflows

    def compare_all(self) -> None:
        self.both("list_workflow_runs")
        for status in ("running", "1", ""):
            self.both("list_workflow_runs", status=status)
        for thread in ("t", "T", "1"):
            self.both("list_workflow_runs", thread_id=thread)

    def plain(self, value: Any) -> Any:
        if isinstance(value, Mapping) and isinstance(value.get("timestamp"), int):
            value = {**value, "timestamp": "now"}
        return super().plain(value)

    @initialize(snapshots=st.lists(SNAPSHOTS, min_size=3, max_size=3))
    def populate(self, snapshots: list[Any]) -> None:
        """Three runs, so that most calls have something to work on."""
        for second, (key, snapshot) in enumerate(zip((("w", "r"), ("W", "r"), ("w", "R")), snapshots, strict=True)):
            self.persist(*key, snapshot, "o", at(second), None)

    @rule(name=NAMES, id=IDS, snapshot=SNAPSHOTS, owner=st.sampled_from([None, "o", "O"]), created=TIMES, updated=TIMES)
    def persist(self, name: str, id: str, snapshot: Any, owner: Any, created: Any, updated: Any) -> None:
        if id != "gone":
            key = {"workflow_name": name, "run_id": id, "resource_id": owner}
            times = {"created_at": created, "updated_at": updated}
            self.both("persist_workflow_snapshot", **key, snapshot=snapshot, **times)

    @rule(name=NAMES, id=IDS)
    def load(self, name: str, id: str) -> None:
        self.both("load_workflow_snapshot", workflow_name=name, run_id=id)

    @rule(name=NAMES, id=IDS, step=STEPS, result=RESULTS, shared=st.none() | SHARED)
    def results(self, name: str, id: str, step: str, result: Any, shared: Any) -> None:
        key = {"workflow_name": name, "run_id": id, "step_id": step}
        self.both("update_workflow_results", **key, result=result, request_context=shared)

    @rule(
        name=NAMES,
        id=IDS,
        state=STATES,
        expected=st.none() | STATUSES | st.lists(STATUSES, max_size=3),
    )
    def state(self, name: str, id: str, state: Any, expected: Any) -> None:
        key = {"workflow_name": name, "run_id": id}
        self.both("update_workflow_state", **key, state=state, expected_status=expected)

    @rule(id=IDS, name=st.none() | NAMES)
    def get(self, id: str, name: str | None) -> None:
        self.both("get_workflow_run_by_id", run_id=id, workflow_name=name)

    @rule(name=NAMES, id=IDS)
    def delete(self, name: str, id: str) -> None:
        self.both("delete_workflow_run_by_id", workflow_name=name, run_id=id)

    @rule(
        name=st.none() | NAMES,
        status=st.none() | STATUSES,
        owner=st.sampled_from([None, None, "o", "O"]),
        thread=st.none() | THREADS,
        span=RANGES,
        paging=PAGING,
    )
    def listed(self, name: Any, status: Any, owner: Any, thread: Any, span: Any, paging: Any) -> None:
        page, per_page = paging
        asked = {"workflow_name": name, "status": status, "resource_id": owner, "thread_id": thread}
        self.both("list_workflow_runs", **asked, date_range=span, page=page, per_page=per_page)


TestWorkflowMachine = WorkflowMachine.TestCase
TestWorkflowMachine.settings = SETTINGS


@pytest.mark.parametrize(
    "broken",
    [
        DeletesById,
        ForgetsResources,
        ForgetsWorkflowsInTies,
        LooksForThreadsAnywhere,
        NeverBumps,
        ReadsStatusAsText,
        TakesOverCreatedAt,
    ],
)
def test_the_machine_can_fail(broken: type[InMemoryWorkflows]) -> None:
    assert_can_fail(WorkflowMachine, broken)
