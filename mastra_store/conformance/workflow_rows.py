"""Snapshots as other programs left them (W5, W22)."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from ..domains import WorkflowsStorage
from ..errors import CorruptRecordError
from .expect import ensure, equal, raises
from .harness import Harness
from .registry import check
from .scenes import Names
from .workflow_scenes import TABLE, Run, a_run, raw_run, run_of, runs_of, snapshot_of, state_of, with_results
from .workflow_threads import in_input, in_step

W = "workflows"
SNAPSHOT = state_of("suspended", value={"text": 'q"é😀', "empty": {}, "list": [None, []]}, timestamp=1704067200000)
TEXTS = {
    "object": json.dumps(SNAPSHOT),
    "spaced object": json.dumps(SNAPSHOT, indent=2),
    "text that holds an object": json.dumps(json.dumps(SNAPSHOT)),
    "text that holds an object unescaped": json.dumps(json.dumps(SNAPSHOT, ensure_ascii=False)),
}
UNREADABLE = {
    "text that holds broken JSON": '"{\\"status\\": "',
    "plain text": '"running"',
    "empty text": '""',
    "text that holds a list": '"[1]"',
    "text that holds null": '"null"',
    "list": "[1, 2]",
    "number": "5",
    "null": "null",
    "true": "true",
}
"""JSON that is no snapshot."""
BROKEN = {
    "broken object": '{"status": ',
    "no JSON": "running",
    "empty": "",
    "two objects": "{} {}",
    "not a number": "NaN",
}


@check("W5", needs="raw_rows", domain=W)
async def check_snapshots_held_as_text_are_read(workflows: WorkflowsStorage, harness: Harness) -> None:
    """A snapshot that is stored as JSON text, as other adapters do, is decoded by every way of reading."""
    names = Names()
    runs = {label: Run(names("w"), names(label)) for label in TEXTS}
    await harness.write_raw(TABLE, *(raw_run(runs[label], text) for label, text in TEXTS.items()))
    for label, run in runs.items():
        equal(await snapshot_of(workflows, run), SNAPSHOT, label)
        equal((await run_of(workflows, run)).snapshot, SNAPSHOT, label)
    listed = await runs_of(workflows, names("w"))
    equal([run.snapshot for run in listed], [SNAPSHOT] * len(runs), "listed")


@check("W5", "W13", "W18", needs="raw_rows", domain=W)
async def check_snapshots_held_as_text_are_updated(workflows: WorkflowsStorage, harness: Harness) -> None:
    """Such a snapshot can be updated and replaced like any other."""
    for label, text in TEXTS.items():
        run = a_run()
        await harness.write_raw(TABLE, raw_run(run, text, resourceId="owner"))
        await with_results(workflows, run, "s", {"output": 1}, user="ada")
        state = {"status": "running"}
        found = await workflows.update_workflow_state(**run.key, state=state, expected_status="suspended")
        expected = {**SNAPSHOT, **state, "context": {"s": {"output": 1}}, "requestContext": {"user": "ada"}}
        equal(found, expected, label)
        stored = await run_of(workflows, run)
        equal((stored.snapshot, stored.resource_id), (expected, "owner"), label)


@check("W5", "W22", needs="raw_rows", domain=W)
async def check_unreadable_snapshots_are_named(workflows: WorkflowsStorage, harness: Harness) -> None:
    """A stored value that is no snapshot is a ``CorruptRecordError`` naming table and key, wherever it is met."""
    for label, text in UNREADABLE.items():
        await _is_corrupt(workflows, harness, label, text)


@check("W5", "W22", needs=("raw_rows", "broken_json"), domain=W)
async def check_broken_snapshots_are_named(workflows: WorkflowsStorage, harness: Harness) -> None:
    """So is a stored text that is no JSON."""
    for label, text in BROKEN.items():
        await _is_corrupt(workflows, harness, label, text)


@check("W5", "W2", needs="raw_rows", domain=W)
async def check_unreadable_snapshots_can_be_replaced(workflows: WorkflowsStorage, harness: Harness) -> None:
    """A run whose snapshot cannot be read can be persisted again, or deleted."""
    replaced, deleted = a_run(), a_run()
    await harness.write_raw(TABLE, *(raw_run(run, UNREADABLE["plain text"]) for run in (replaced, deleted)))
    await workflows.persist_workflow_snapshot(**replaced.key, snapshot=state_of())
    equal(await snapshot_of(workflows, replaced), state_of())
    await workflows.delete_workflow_run_by_id(**deleted.key)
    equal(await workflows.load_workflow_snapshot(**deleted.key), None)


@check("W5", "W10", "W11", needs=("raw_rows", "looks_into_text"), domain=W)
async def check_snapshots_held_as_text_are_found(workflows: WorkflowsStorage, harness: Harness) -> None:
    """Lists by status and by thread find a snapshot that is held as text like any other."""
    names = Names()
    snapshot = {**SNAPSHOT, "context": {"input": in_input("T"), "s": in_step("U")}}
    texts = {"object": json.dumps(snapshot), "text": json.dumps(json.dumps(snapshot))}
    await harness.write_raw(TABLE, *(raw_run(Run(names("w"), names(id)), text) for id, text in texts.items()))
    for asked in ({"status": "suspended"}, {"thread_id": "T"}, {"thread_id": "U"}):
        page = await workflows.list_workflow_runs(workflow_name=names("w"), **asked)  # type: ignore[arg-type]
        equal((names.short(page.runs), page.total), (["text", "object"], 2), str(asked))
    for asked in ({"status": "running"}, {"thread_id": "V"}):
        page = await workflows.list_workflow_runs(workflow_name=names("w"), **asked)  # type: ignore[arg-type]
        equal((page.runs, page.total), ([], 0), str(asked))


@check("W5", "W10", "W11", needs="raw_rows", domain=W)
async def check_unreadable_snapshots_do_not_disturb_others(workflows: WorkflowsStorage, harness: Harness) -> None:
    """Lists that ask for a status or a thread, which an unreadable snapshot does not have, are not broken by it."""
    await _found_among(workflows, harness, UNREADABLE)


@check("W5", "W10", "W11", needs=("raw_rows", "broken_json"), domain=W)
async def check_broken_snapshots_do_not_disturb_others(workflows: WorkflowsStorage, harness: Harness) -> None:
    """Nor are they by a text that is no JSON."""
    await _found_among(workflows, harness, BROKEN)


async def _found_among(workflows: WorkflowsStorage, harness: Harness, texts: dict[str, str]) -> None:
    names = Names()
    await harness.write_raw(TABLE, *(raw_run(Run(names("w"), names(id)), text) for id, text in texts.items()))
    fine = Run(names("w"), names("fine"))
    await workflows.persist_workflow_snapshot(**fine.key, snapshot=state_of(context={"input": in_input("T")}))
    for asked in ({"status": "running"}, {"thread_id": "T"}):
        page = await workflows.list_workflow_runs(workflow_name=names("w"), **asked)  # type: ignore[arg-type]
        equal((names.short(page.runs), page.total), (["fine"], 1), str(asked))


async def _is_corrupt(workflows: WorkflowsStorage, harness: Harness, label: str, text: str) -> None:
    run = a_run()
    await harness.write_raw(TABLE, raw_run(run, text))
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "LOAD_WORKFLOW_SNAPSHOT": lambda: workflows.load_workflow_snapshot(**run.key),
        "GET_WORKFLOW_RUN_BY_ID": lambda: workflows.get_workflow_run_by_id(**run.key),
        "LIST_WORKFLOW_RUNS": lambda: workflows.list_workflow_runs(workflow_name=run.workflow_name),
        "UPDATE_WORKFLOW_RESULTS": lambda: workflows.update_workflow_results(**run.key, step_id="s", result={}),
        "UPDATE_WORKFLOW_STATE": lambda: workflows.update_workflow_state(**run.key, state={"status": "failed"}),
    }
    for prefix, call in calls.items():
        error = await raises(CorruptRecordError, f"{prefix}_CORRUPT_RECORD", call(), says=TABLE)
        ensure(run.run_id in str(error), f"{label}: {error} should name the run")
    await workflows.delete_workflow_run_by_id(**run.key)
