"""Persisting, loading, finding and deleting runs (W1 to W8, W24)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Any

from ..domains import WorkflowsStorage
from ..errors import ValidationError
from ..instants import now
from .expect import ensure, equal, outcome, raises
from .payloads import nested
from .registry import check
from .scenes import BASE, Names, at, is_now, lenient
from .workflow_scenes import Run, a_run, persisted, run_of, runs_of, snapshot_of, state_of, with_results

W = "workflows"
SEPARATORS = ["-", ":", "/", "#", "|", "_", ".", " ", ",", "\\", "%", "\n", "\x1f", "'", '"', "é"]


@check("W1", "W4", domain=W)
async def check_a_run_is_named_by_both(workflows: WorkflowsStorage) -> None:
    """The same run id under two workflow names is two runs, and so are two ids under one name."""
    names = Names()
    runs = [Run(names(name), names(id)) for name in ("w1", "w2") for id in ("r1", "r2")]
    for number, run in enumerate(runs):
        await persisted(workflows, run, state_of(number=number))
    equal([(await snapshot_of(workflows, run))["number"] for run in runs], [0, 1, 2, 3])
    found = [await run_of(workflows, run) for run in runs]
    equal(
        [(run.workflow_name, run.run_id, run.snapshot["number"]) for run in found],
        [(*r, n) for n, r in enumerate(runs)],
    )


@check("W1", "G12", domain=W)
async def check_names_with_separators_stay_apart(workflows: WorkflowsStorage) -> None:
    """However a separator is divided between name and id, each pair is a run of its own."""
    plain = Names()("n")
    for separator in SEPARATORS:
        whole = f"{plain}{separator}b{separator}c{separator}d".split(separator)
        pairs = [Run(separator.join(whole[:cut]), separator.join(whole[cut:])) for cut in range(1, len(whole))]
        pairs += [Run(f"{plain}{separator}", f"b{separator}c"), Run(plain, f"{separator}b{separator}c")]
        for run in pairs:
            await persisted(workflows, run, state_of(run=list(run)))
        for run in pairs:
            equal((await snapshot_of(workflows, run))["run"], list(run), f"separator {separator!r}")
        await workflows.delete_workflow_run_by_id(**pairs[0].key)
        left = [run for run in pairs if await workflows.load_workflow_snapshot(**run.key) is not None]
        equal(left, pairs[1:], f"after deleting one, separator {separator!r}")


@check("W1", "W23", "G12", "G15", domain=W)
async def check_empty_names_are_refused(workflows: WorkflowsStorage) -> None:
    """Workflow name, run id and step id are non-empty strings; anything else is refused by every method."""
    untyped, run = lenient(workflows), a_run()
    for bad in ("", None, 1, b"name", ["name"]):
        for key in ({"workflow_name": bad, "run_id": run.run_id}, {"workflow_name": run.workflow_name, "run_id": bad}):
            field = "workflow_name" if key["workflow_name"] is bad else "run_id"
            calls: dict[str, Callable[[], Any]] = {
                "PERSIST_WORKFLOW_SNAPSHOT": partial(untyped.persist_workflow_snapshot, **key, snapshot=state_of()),
                "LOAD_WORKFLOW_SNAPSHOT": partial(untyped.load_workflow_snapshot, **key),
                "UPDATE_WORKFLOW_RESULTS": partial(untyped.update_workflow_results, **key, step_id="s", result={}),
                "UPDATE_WORKFLOW_STATE": partial(untyped.update_workflow_state, **key, state={"status": "failed"}),
                "DELETE_WORKFLOW_RUN_BY_ID": partial(untyped.delete_workflow_run_by_id, **key),
            }
            for prefix, call in calls.items():
                await raises(ValidationError, f"{prefix}_INVALID_ARGUMENT", call(), says=field)
        results = untyped.update_workflow_results(**run.key, step_id=bad, result={})
        await raises(ValidationError, "UPDATE_WORKFLOW_RESULTS_INVALID_ARGUMENT", results, says="step_id")
        await raises(
            ValidationError, "GET_WORKFLOW_RUN_BY_ID_INVALID_ARGUMENT", untyped.get_workflow_run_by_id(run_id=bad)
        )
    equal(await runs_of(workflows, run.workflow_name), [], "nothing is written")


@check("W2", "W24", domain=W)
async def check_persisting_replaces_whole(workflows: WorkflowsStorage) -> None:
    """A second persist replaces the snapshot, keys that are gone included: nothing is merged."""
    run = await persisted(workflows, snapshot=state_of(old=1, value={"a": 1, "b": 2}))
    await workflows.persist_workflow_snapshot(**run.key, snapshot={"status": "success", "value": {"a": 3}})
    equal(await snapshot_of(workflows, run), {"status": "success", "value": {"a": 3}})
    equal(len(await runs_of(workflows, run.workflow_name)), 1, "rows")


@check("W2", domain=W)
async def check_times_of_a_replaced_run(workflows: WorkflowsStorage) -> None:
    """created_at stays even when another is given; updated_at becomes what is given, or now."""
    run = await persisted(workflows)
    before = now()
    await workflows.persist_workflow_snapshot(**run.key, snapshot=state_of(), created_at=at(5))
    stored = await run_of(workflows, run)
    equal(stored.created_at, BASE)
    ensure(is_now(stored.updated_at, before), f"updated_at should be now, not {stored.updated_at}")
    await workflows.persist_workflow_snapshot(**run.key, snapshot=state_of(), created_at=at(5), updated_at=at(7))
    stored = await run_of(workflows, run)
    equal([stored.created_at, stored.updated_at], [BASE, at(7)])


@check("W2", domain=W)
async def check_times_of_a_new_run(workflows: WorkflowsStorage) -> None:
    """Times of a new run are those given, or now."""
    for given in ({}, {"created_at": BASE}, {"updated_at": at(9)}, {"created_at": BASE, "updated_at": at(9)}):
        run, before = a_run(), now()
        await lenient(workflows).persist_workflow_snapshot(**run.key, snapshot=state_of(), **given)
        stored = await run_of(workflows, run)
        for field in ("created_at", "updated_at"):
            found = getattr(stored, field)
            fine = found == given[field] if field in given else is_now(found, before)
            ensure(fine, f"{field} should be as given ({given}) or now, not {found}")


@check("W2", domain=W)
async def check_resource_of_a_replaced_run(workflows: WorkflowsStorage) -> None:
    """resource_id is replaced when it is given and kept when it is not, updates included."""
    run = await persisted(workflows)
    equal((await run_of(workflows, run)).resource_id, None)
    names = Names()
    for given, expected in ((names("a"), names("a")), (None, names("a")), (names("b"), names("b"))):
        await workflows.persist_workflow_snapshot(**run.key, snapshot=state_of(), resource_id=given)
        equal((await run_of(workflows, run)).resource_id, expected)
    await with_results(workflows, run, "s", {})
    await workflows.update_workflow_state(**run.key, state={"status": "failed"})
    equal((await run_of(workflows, run)).resource_id, names("b"), "after updates")


@check("W3", domain=W)
async def check_snapshots_need_no_keys(workflows: WorkflowsStorage) -> None:
    """Any mapping of JSON values is a snapshot, an empty one included."""
    snapshots: list[dict[str, Any]] = [{}, {"status": "running"}, {"status": None}, {"context": []}, {"x": [{"y": 1}]}]
    for snapshot in snapshots:
        run = await persisted(workflows, snapshot=snapshot)
        equal(await snapshot_of(workflows, run), snapshot)


@check("W3", "W13", "W18", domain=W)
async def check_any_mapping_is_taken(workflows: WorkflowsStorage) -> None:
    """A mapping need not be a ``dict``; what comes back is one."""
    run = a_run()
    await workflows.persist_workflow_snapshot(**run.key, snapshot=MappingProxyType(state_of()))
    given = MappingProxyType({"a": [1]})
    await workflows.update_workflow_results(**run.key, step_id="s", result=given, request_context=given)
    found = await workflows.update_workflow_state(**run.key, state=MappingProxyType({"result": given}))
    expected = state_of(context={"s": {"a": [1]}}, requestContext={"a": [1]}, result={"a": [1]})
    equal([found, await snapshot_of(workflows, run)], [expected, expected])


@check("W3", "G10", "G15", domain=W)
async def check_a_snapshot_is_a_mapping(workflows: WorkflowsStorage) -> None:
    """Other values are refused, and leave a stored snapshot as it was."""
    run = await persisted(workflows, snapshot=state_of(old=1))
    for bad in (None, [], "text", '{"status": "running"}', 1, True, [["status", "running"]]):
        call = lenient(workflows).persist_workflow_snapshot(**run.key, snapshot=bad)
        await raises(ValidationError, "PERSIST_WORKFLOW_SNAPSHOT_INVALID_ARGUMENT", call, says="snapshot")
    equal(await snapshot_of(workflows, run), state_of(old=1))


@check("W3", domain=W)
async def check_any_status_is_stored(workflows: WorkflowsStorage) -> None:
    """Nothing validates a status."""
    known = [
        "running",
        "success",
        "failed",
        "tripwire",
        "suspended",
        "waiting",
        "pending",
        "canceled",
        "bailed",
        "paused",
        "skipped",
    ]
    names = Names()
    for status in (*known, "", "of my own", "RUNNING"):
        run = await persisted(workflows, Run(names("w"), names(status)), state_of(status))
        equal((await snapshot_of(workflows, run))["status"], status)
        page = await workflows.list_workflow_runs(workflow_name=names("w"), status=status)
        equal(names.short(page.runs), [status])


@check("W4", domain=W)
async def check_unknown_snapshots_are_none(workflows: WorkflowsStorage) -> None:
    """A pair that was not persisted gives None, also when its id exists under another name."""
    run = await persisted(workflows)
    for other in (
        Run(Names()("w"), run.run_id),
        Run(run.workflow_name, Names()("r")),
        Run(run.run_id, run.workflow_name),
    ):
        equal(await workflows.load_workflow_snapshot(**other.key), None, str(other))
        equal(await workflows.get_workflow_run_by_id(**other.key), None, str(other))


@check("W6", domain=W)
async def check_large_snapshots_survive(workflows: WorkflowsStorage) -> None:
    """A snapshot of five megabytes is read back equal, by every way of reading, and can be updated."""
    steps = {f"step {number}": {"status": "success", "output": f"{number} " * 400} for number in range(2000)}
    large = state_of(context=steps, text="é😀x" * 200_000)
    run = await persisted(workflows, snapshot=large)
    equal(await snapshot_of(workflows, run), large)
    equal((await run_of(workflows, run)).snapshot, large, "get_workflow_run_by_id")
    equal((await runs_of(workflows, run.workflow_name))[0].snapshot, large, "list_workflow_runs")
    context = await with_results(workflows, run, "one more", {"status": "success"})
    equal(len(context), 2001, "steps")
    equal((await snapshot_of(workflows, run))["text"], large["text"], "after an update")


@check("W6", "W4", domain=W)
async def check_deep_snapshots_survive(workflows: WorkflowsStorage) -> None:
    """A snapshot nested 200 levels deep is read back equal, by every way of reading, and can be updated."""
    deep = state_of(value=nested(200))
    run = await persisted(workflows, snapshot=deep)
    found = [
        await snapshot_of(workflows, run),
        (await run_of(workflows, run)).snapshot,
        (await runs_of(workflows, run.workflow_name))[0].snapshot,
    ]
    for snapshot in found:
        equal(snapshot, deep)
    context = await with_results(workflows, run, "s", {"output": nested(200)})
    equal(context, {"s": {"output": nested(200)}})
    equal(await snapshot_of(workflows, run), {**deep, "context": context}, "after an update")


@check("W7", domain=W)
async def check_a_run_is_read_whole(workflows: WorkflowsStorage) -> None:
    """A run comes with names, resource, snapshot and both times, alike by id and in a list."""
    run = await persisted(workflows, snapshot=state_of("failed", x=[1, {}]), resource_id="owner", at=at(3))
    found = await run_of(workflows, run)
    equal((found.workflow_name, found.run_id, found.resource_id), (*run, "owner"))
    equal(found.snapshot, state_of("failed", x=[1, {}]))
    equal([found.created_at, found.updated_at], [at(3), at(3)])
    equal(await runs_of(workflows, run.workflow_name), [found], "in a list")


@check("W7", domain=W)
async def check_the_newest_run_of_an_id(workflows: WorkflowsStorage) -> None:
    """Without a workflow name the run with the newest created_at is returned, whatever was updated last."""
    names = Names()
    for name, second in (("middle", 2), ("newest", 3), ("oldest", 1)):
        await persisted(workflows, Run(names(name), names("r")), at=at(second))
    await with_results(workflows, Run(names("oldest"), names("r")), "s", {})
    found = await workflows.get_workflow_run_by_id(run_id=names("r"))
    equal(found and found.workflow_name, names("newest"))
    for name in ("newest", "middle", "oldest"):
        named = await workflows.get_workflow_run_by_id(run_id=names("r"), workflow_name=names(name))
        equal(named and named.workflow_name, names(name))
    equal(await workflows.get_workflow_run_by_id(run_id=names("absent")), None)


@check("W8", "G17", domain=W)
async def check_deleting_a_run(workflows: WorkflowsStorage) -> None:
    """Exactly that pair is deleted; a missing one is not an error."""
    names = Names()
    runs = [Run(names(name), names(id)) for name in ("w1", "w2") for id in ("r1", "r2")]
    for run in runs:
        await persisted(workflows, run)
    for _ in range(2):
        await workflows.delete_workflow_run_by_id(**runs[0].key)
        equal(await outcome(workflows.delete_workflow_run_by_id(workflow_name=names("w1"), run_id=names("x"))), "ok")
        equal(await workflows.load_workflow_snapshot(**runs[0].key), None)
        equal(await workflows.get_workflow_run_by_id(**runs[0].key), None)
        left = [await workflows.load_workflow_snapshot(**run.key) for run in runs[1:]]
        equal(left, [state_of()] * 3, "the others")


@check("W8", domain=W)
async def check_a_deleted_run_starts_afresh(workflows: WorkflowsStorage) -> None:
    """After deletion a new persist has a fresh created_at and no resource."""
    run = await persisted(workflows, resource_id="owner")
    await workflows.delete_workflow_run_by_id(**run.key)
    before = now()
    await workflows.persist_workflow_snapshot(**run.key, snapshot=state_of("new"))
    stored = await run_of(workflows, run)
    ensure(is_now(stored.created_at, before), f"created_at should be now, not {stored.created_at}")
    equal((stored.resource_id, stored.snapshot), (None, state_of("new")))


@check("W24", domain=W)
async def check_the_last_snapshot_wins(workflows: WorkflowsStorage) -> None:
    """What updates put into a snapshot is gone after a plain persist."""
    run = await persisted(workflows)
    await with_results(workflows, run, "s", {"status": "success"}, user="ada")
    await workflows.update_workflow_state(**run.key, state={"status": "failed", "result": {"x": 1}})
    await workflows.persist_workflow_snapshot(**run.key, snapshot=state_of("success"))
    equal(await snapshot_of(workflows, run), state_of("success"))
