"""A workflow that waits for a person: one process begins it and exits, another one finds it, resumes and finishes it.

python examples/workflow_resume.py [start|resume [URL]]

Without arguments it plays both parts, each in a process of its own; nothing is handed from one to the other, so all
that the second one knows is in the store.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import time_ns
from typing import Any

from mastra_store import Store, WorkflowRun, WorkflowsStorage, WorkflowStateUpdate

WORKFLOW = "refund"
Context = dict[str, Any]


class Suspended(Exception):  # noqa: N818 - this is no error
    """A step cannot go on by itself; ``payload`` says what it waits for."""

    def __init__(self, payload: dict[str, Any]) -> None:
        super().__init__()
        self.payload = payload


def look_up(context: Context, resumed: dict[str, Any] | None) -> dict[str, Any]:
    """Finds the order."""
    return {"order": context["input"]["order"], "amount": 240}


def approval(context: Context, resumed: dict[str, Any] | None) -> dict[str, Any]:
    """Asks a person about large amounts."""
    amount = context["look_up"]["output"]["amount"]
    if resumed is None and amount > 100:
        raise Suspended({"question": f"refund {amount} EUR?"})
    return {"approved_by": resumed["by"] if resumed else "nobody, it is small"}


def pay(context: Context, resumed: dict[str, Any] | None) -> dict[str, Any]:
    """Pays what was approved."""
    return {"paid": context["look_up"]["output"]["amount"]}


STEPS: dict[str, Callable[[Context, dict[str, Any] | None], dict[str, Any]]] = {
    "look_up": look_up,
    "approval": approval,
    "pay": pay,
}


async def start(url: str) -> None:
    """The first process: begins a run, and comes to the step that has to wait."""
    async with Store(id="first", default=url) as store:
        snapshot = new_snapshot("run-1", {"order": "A-17"})
        await store.workflows.persist_workflow_snapshot(workflow_name=WORKFLOW, run_id="run-1", snapshot=snapshot)
        await advance(store.workflows, "run-1", snapshot["context"])


async def resume(url: str) -> None:
    """The second process: two workers look for suspended runs at once, and each run is taken by one of them."""
    async with Store(id="second", default=url) as store:
        takings = [take_suspended(store.workflows) for _ in range(2)]
        taken = [run for runs in await asyncio.gather(*takings) for run in runs]
        print(f"  2 workers asked, {len(taken)} of them got the run")
        for run in taken:
            await advance(store.workflows, run.run_id, run.snapshot["context"], answer={"by": "grace"})
        for run in (await store.workflows.list_workflow_runs(workflow_name=WORKFLOW)).runs:
            print(f"  {run.run_id} of {run.workflow_name}: {run.snapshot['status']}, {run.snapshot.get('result')}")


async def take_suspended(workflows: WorkflowsStorage) -> list[WorkflowRun]:
    """The suspended runs that this worker may go on with: those whose status it changed before others did."""
    page = await workflows.list_workflow_runs(workflow_name=WORKFLOW, status="suspended")
    taken = []
    for run in page.runs:
        state = WorkflowStateUpdate(status="running", suspended_paths={})
        snapshot = await workflows.update_workflow_state(
            workflow_name=WORKFLOW, run_id=run.run_id, state=state, expected_status="suspended"
        )
        if snapshot is not None:  # None: it is not suspended any more, another worker has it
            run.snapshot = snapshot
            taken.append(run)
    return taken


async def advance(
    workflows: WorkflowsStorage, run_id: str, context: Context, answer: dict[str, Any] | None = None
) -> None:
    """Run the steps that have no result yet, storing each result as it comes; stop where one has to wait."""
    for number, (name, step) in enumerate(STEPS.items()):
        stored = context.get(name, {"payload": {}, "startedAt": milliseconds()})
        if stored.get("status") == "success":
            print(f"  {name}: done before")
            continue
        waited = stored.get("status") == "suspended"
        if waited:
            stored |= {"resumePayload": answer, "resumedAt": milliseconds()}
        try:
            output = step(context, answer if waited else None)
        except Suspended as suspended:
            stored |= {"status": "suspended", "suspendPayload": suspended.payload, "suspendedAt": milliseconds()}
        else:
            stored |= {"status": "success", "output": output, "endedAt": milliseconds()}
        print(f"  {name}: {stored.get('output') or stored['suspendPayload']}")
        context = await workflows.update_workflow_results(
            workflow_name=WORKFLOW, run_id=run_id, step_id=name, result=stored
        )
        if stored["status"] == "suspended":
            await finish(workflows, run_id, WorkflowStateUpdate(status="suspended", suspended_paths={name: [number]}))
            return
    await finish(workflows, run_id, WorkflowStateUpdate(status="success", result=context["pay"]["output"]))


async def finish(workflows: WorkflowsStorage, run_id: str, state: WorkflowStateUpdate) -> None:
    """Leave the run in a state that says what is to become of it."""
    await workflows.update_workflow_state(workflow_name=WORKFLOW, run_id=run_id, state=state)
    print(f"  the run is {state.status}")


def new_snapshot(run_id: str, given: dict[str, Any]) -> dict[str, Any]:
    """What a run begins with, in Mastra's form."""
    return {
        "runId": run_id,
        "status": "running",
        "value": {},
        "context": {"input": given},
        "serializedStepGraph": [{"type": "step", "step": {"id": name}} for name in STEPS],
        "activePaths": [],
        "activeStepsPath": {},
        "suspendedPaths": {},
        "resumeLabels": {},
        "waitingPaths": {},
        "timestamp": milliseconds(),
    }


def milliseconds() -> int:
    """Now, as snapshots hold it."""
    return time_ns() // 1_000_000


def play(database: Path) -> None:
    """Both parts, one process after the other, over a fresh file."""
    for leftover in Path().glob(f"{database}*"):
        leftover.unlink()
    for number, part in enumerate(PARTS, start=1):
        print(f"process {number}, {part}:", flush=True)
        subprocess.run([sys.executable, __file__, part, f"sqlite:///{database}"], check=True)


PARTS = {"start": start, "resume": resume}

if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(PARTS[sys.argv[1]](*sys.argv[2:] or ["sqlite:///./workflow.db"]))
    else:
        play(Path("workflow.db"))
