"""Merging step results into a stored snapshot (W13 to W17)."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..domains import WorkflowsStorage
from ..errors import ValidationError
from ..instants import now
from .expect import ensure, equal, raises
from .registry import check
from .scenes import BASE, SKEW, Names, is_now, lenient
from .workflow_scenes import PENDING, Run, a_run, persisted, run_of, snapshot_of, state_of, with_results

W = "workflows"
P = PENDING
S: dict[str, Any] = {"status": "suspended", "suspendPayload": {"question": 1}}
S_AT: dict[str, Any] = {"status": "suspended", "suspendedAt": 1704067200000}


class Merge(NamedTuple):
    """Iterations of a loop before and after; ``keeps`` says that the stored result's other keys stay as they are."""

    stored: Any
    new: Any
    expected: Any
    keeps: bool = False


EXAMPLES: dict[str, Merge] = {
    "values": Merge([1, None, 3], [None, 2], [1, 2, 3]),
    "markers among values": Merge([1, 2, 3], [P, 9, S, None, P, 7], [1, 2, 3, None, None, None], keeps=True),
    "a suspended value": Merge([1, 2, 3], [S], [S, 2, 3]),
    "a marker": Merge([S, 2], [P], [None, 2], keeps=True),
}
"""The examples of W15a, but for the last, in which the result is replaced whole."""

MERGES: dict[str, Merge] = {
    "longer": Merge([1], [None, None, 3], [1, None, 3]),
    "shorter": Merge([1, 2, 3], [9], [9, 2, 3]),
    "nothing new": Merge([1, 2], [], [1, 2]),
    "nothing stored": Merge([], [1, None], [1, None]),
    "nothing at all": Merge([], [], []),
    "falsy values": Merge([1, 2, 3, 4, 5], [0, False, "", [], {}], [0, False, "", [], {}]),
    "nulls": Merge([None, 0, False], [None, None, None], [None, 0, False]),
    "lists in lists": Merge([[1, 2], [3]], [[4], None], [[4], [3]]),
    "objects are not merged": Merge([{"a": 1}], [{"b": 2}], [{"b": 2}]),
    "value over a marker": Merge([P, P], [1, None], [1, P]),
    "value over a suspended one": Merge([S], [{"status": "success"}], [{"status": "success"}]),
    "no marker: more keys": Merge([1], [{**P, "more": 1}], [{**P, "more": 1}]),
    "no marker: not true": Merge([1, 2, 3], [{"__mastra_pending__": 1}, {"__mastra_pending__": False}],
                                 [{"__mastra_pending__": 1}, {"__mastra_pending__": False}, 3]),
    "no marker: deeper": Merge([1, 2], [[P], {"x": P}], [[P], {"x": P}]),
    "marker over a value": Merge([1, 2], [P, P], [1, 2], keeps=True),
    "marker over falsy values": Merge([0, False, "", [], {}], [P, P, P, P, P], [0, False, "", [], {}], keeps=True),
    "marker over null": Merge([None, 1], [P], [None, 1], keeps=True),
    "marker over a marker": Merge([P, P], [P], [None, P], keeps=True),
    "marker over a suspended one": Merge([S_AT, S, S], [P, None, P], [None, S, None], keeps=True),
    "marker over one that only says so": Merge([{"status": "suspended"}], [P], [{"status": "suspended"}], keeps=True),
    "marker over another status": Merge([{**S, "status": "paused"}], [P], [{**S, "status": "paused"}], keeps=True),
    "marker beyond": Merge([], [P], [None], keeps=True),
    "markers and values beyond": Merge([1], [5, 6, P, S, 7], [1, None, None, None, None], keeps=True),
    "null among markers": Merge([S, S, 3], [P, None], [None, S, 3], keeps=True),
}  # fmt: skip


async def merged(workflows: WorkflowsStorage, stored: Any, new: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the update returns for the step, and what is stored for it; beside its output each result has two keys."""
    before = {"status": "running", "output": stored, "old": 1}
    run = await persisted(workflows, snapshot=state_of(context={"loop": before}))
    context = await with_results(workflows, run, "loop", {"status": "success", "output": new, "new": 2})
    return context["loop"], (await snapshot_of(workflows, run))["context"]["loop"]


async def merges_as(workflows: WorkflowsStorage, label: str, merge: Merge) -> None:
    """The outputs are merged as the table says, and the other keys stay or are updated."""
    old = {"status": "running", "old": 1}
    keys = old if merge.keeps else {**old, "status": "success", "new": 2}
    for found in await merged(workflows, merge.stored, merge.new):
        equal(found, {**keys, "output": merge.expected}, label)


@check("W15a", "W15", domain=W)
async def check_examples_of_merged_outputs(workflows: WorkflowsStorage) -> None:
    """Each row of the table of examples gives what it says."""
    for label, merge in EXAMPLES.items():
        await merges_as(workflows, label, merge)
    for stored in ([1, None, 3], [], [P], [S, 2]):
        for found in await merged(workflows, stored, {"a": 1}):
            equal(found, {"status": "success", "output": {"a": 1}, "new": 2}, "an output that is no list")


@check("W15", domain=W)
async def check_iterations_are_merged_by_index(workflows: WorkflowsStorage) -> None:
    """Values overwrite, nulls leave, markers reset what has not finished and nothing else."""
    for label, merge in MERGES.items():
        await merges_as(workflows, label, merge)


@check("W14", domain=W)
async def check_results_replace_whole(workflows: WorkflowsStorage) -> None:
    """A result replaces the stored one whole, unless both have a list as output."""
    results: list[dict[str, Any]] = [
        {"status": "success", "output": {"a": 1}},
        {"status": "failed", "error": {"message": "x"}},
        {"status": "success", "output": [1, 2]},
        {"status": "success", "output": "text"},
        {"status": "success", "output": [P]},
        {"status": "success", "output": None},
        {"status": "success"},
        {},
    ]
    for stored in results:
        for new in results:
            if not (isinstance(stored.get("output"), list) and isinstance(new.get("output"), list)):
                run = await persisted(workflows, snapshot=state_of(context={"s": stored, "other": {"output": [1]}}))
                context = await with_results(workflows, run, "s", new)
                equal(context, {"s": new, "other": {"output": [1]}}, f"{new} after {stored}")


@check("W14", domain=W)
async def check_results_replace_what_is_no_result(workflows: WorkflowsStorage) -> None:
    """Whatever else is stored under the step's id gives way."""
    for stored in (None, 1, "text", [1, 2], []):
        run = await persisted(workflows, snapshot=state_of(context={"s": stored}))
        equal(await with_results(workflows, run, "s", {"output": [1]}), {"s": {"output": [1]}}, repr(stored))


@check("W14", "G12", domain=W)
async def check_step_ids_are_plain_keys(workflows: WorkflowsStorage) -> None:
    """Step ids that look like paths, operators or prototypes are plain keys of the context."""
    ids = [
        "a",
        "a.b",
        "a[0]",
        "$",
        "$.a",
        "0",
        "-1",
        'quo"te',
        "it's",
        "back\\slash",
        "sla/sh",
        "",
        "__proto__",
        " ",
        "é",
        "😀",
    ]
    run = await persisted(workflows)
    given = {id: {"output": number} for number, id in enumerate(ids) if id}
    context: dict[str, Any] = {}
    for id, result in given.items():
        context = await with_results(workflows, run, id, result)
    equal(context, given, "what the last update returned")
    equal((await snapshot_of(workflows, run))["context"], given)


@check("W13", domain=W)
async def check_results_come_back_as_context(workflows: WorkflowsStorage) -> None:
    """The update returns the whole resulting context, and stores it."""
    run = await persisted(workflows, snapshot=state_of(context={"input": {"x": 1}, "a": {"output": 1}}))
    context = await with_results(workflows, run, "b", {"status": "success", "output": 2})
    expected = {"input": {"x": 1}, "a": {"output": 1}, "b": {"status": "success", "output": 2}}
    equal(context, expected)
    equal((await snapshot_of(workflows, run))["context"], expected)


@check("W13", "G17", domain=W)
async def check_results_create_a_missing_run(workflows: WorkflowsStorage) -> None:
    """A run that is not stored begins with the empty snapshot, without a resource, its times being now."""
    before, run = now(), a_run()
    context = await with_results(workflows, run, "s", {"status": "success"}, user="ada")
    equal(context, {"s": {"status": "success"}})
    stored = await run_of(workflows, run)
    timestamp = stored.snapshot.pop("timestamp", None)
    expected = {
        "context": {"s": {"status": "success"}},
        "activePaths": [],
        "activeStepsPath": {},
        "suspendedPaths": {},
        "resumeLabels": {},
        "serializedStepGraph": [],
        "value": {},
        "waitingPaths": {},
        "status": "pending",
        "runId": run.run_id,
        "requestContext": {"user": "ada"},
    }
    equal(stored.snapshot, expected)
    since = (before - SKEW).timestamp() * 1000
    ensure(isinstance(timestamp, int) and timestamp > since, f"timestamp should be now in ms, not {timestamp!r}")
    equal(stored.resource_id, None)
    for moment in (stored.created_at, stored.updated_at):
        ensure(is_now(moment, before), f"times should be now, not {moment}")


@check("W13", domain=W)
async def check_results_bump(workflows: WorkflowsStorage) -> None:
    """updated_at becomes now; created_at and the resource stay."""
    run = await persisted(workflows, resource_id="owner")
    before = now()
    await with_results(workflows, run, "s", {})
    stored = await run_of(workflows, run)
    equal((stored.created_at, stored.resource_id), (BASE, "owner"))
    ensure(is_now(stored.updated_at, before), f"updated_at should be now, not {stored.updated_at}")


@check("W13", "W1", domain=W)
async def check_results_reach_one_run(workflows: WorkflowsStorage) -> None:
    """Runs of the same id or the same name are left alone."""
    names = Names()
    run, *others = (Run(names(name), names(id)) for name, id in (("w", "r"), ("w", "r2"), ("w2", "r")))
    for one in (run, *others):
        await persisted(workflows, one)
    await with_results(workflows, run, "s", {"x": 1}, user="ada")
    equal([await snapshot_of(workflows, other) for other in others], [state_of(), state_of()])


@check("W16", domain=W)
async def check_request_context_is_merged(workflows: WorkflowsStorage) -> None:
    """Given keys win, others stay, and nothing is merged below the first level."""
    run = await persisted(workflows, snapshot=state_of(requestContext={"a": 1, "b": {"x": 1}, "c": None}))
    await workflows.update_workflow_results(
        **run.key, step_id="s", result={}, request_context={"b": {"y": 2}, "c": 3, "d": None}
    )
    equal((await snapshot_of(workflows, run))["requestContext"], {"a": 1, "b": {"y": 2}, "c": 3, "d": None})


@check("W16", domain=W)
async def check_request_context_stays_without_one(workflows: WorkflowsStorage) -> None:
    """None and an empty mapping leave it; where it was absent it becomes an empty one."""
    nothing: tuple[dict[str, Any] | None, ...] = (None, {})
    for given in nothing:
        for stored, expected in (({"requestContext": {"a": 1}}, {"a": 1}), ({}, {})):
            run = await persisted(workflows, snapshot={"context": {}, **stored})
            await workflows.update_workflow_results(**run.key, step_id="s", result={}, request_context=given)
            equal((await snapshot_of(workflows, run)).get("requestContext"), expected, f"{stored} with {given}")
    run = await persisted(workflows, snapshot={"context": {}})
    await with_results(workflows, run, "s", {}, user="ada")
    equal((await snapshot_of(workflows, run)).get("requestContext"), {"user": "ada"}, "absent")


@check("W17", domain=W)
async def check_results_leave_other_keys(workflows: WorkflowsStorage) -> None:
    """Every key but context and requestContext stays as it is, status included."""
    others = {"status": "suspended", "value": {"x": [1, None]}, "result": None, "of my own": {}, "timestamp": 1}
    run = await persisted(workflows, snapshot={**others, "context": {}, "requestContext": {}})
    await with_results(workflows, run, "s", {"status": "failed", "value": 1}, status="x")
    snapshot = await snapshot_of(workflows, run)
    equal({key: value for key, value in snapshot.items() if key not in ("context", "requestContext")}, others)


@check("W13", "W16", "G10", "G15", domain=W)
async def check_results_are_mappings(workflows: WorkflowsStorage) -> None:
    """A result and a request context that are no mappings are refused, nothing being written."""
    run, new = await persisted(workflows), a_run()
    code, untyped = "UPDATE_WORKFLOW_RESULTS_INVALID_ARGUMENT", lenient(workflows)
    for one in (run, new):
        for bad in ([], "text", 1, True, [["a", 1]]):
            call = untyped.update_workflow_results(**one.key, step_id="s", result=bad)
            await raises(ValidationError, code, call, says="result")
            call = untyped.update_workflow_results(**one.key, step_id="s", result={}, request_context=bad)
            await raises(ValidationError, code, call, says="request_context")
        call = untyped.update_workflow_results(**one.key, step_id="s", result=None)
        await raises(ValidationError, code, call, says="result")
    equal(await snapshot_of(workflows, run), state_of())
    equal((await run_of(workflows, run)).updated_at, BASE, "updated_at")
    equal(await workflows.load_workflow_snapshot(**new.key), None, "no run is created")
