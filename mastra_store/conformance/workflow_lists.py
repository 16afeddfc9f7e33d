"""Listing runs (W9, W10)."""

from __future__ import annotations

from typing import Any

from ..domains import WorkflowsStorage
from ..errors import ValidationError
from .expect import ensure, equal, raises
from .registry import check
from .scenes import Names, at, lenient
from .workflow_scenes import Run, persisted, snapshot_of, state_of, with_results

W = "workflows"


@check("W9", domain=W)
async def check_newest_runs_come_first(workflows: WorkflowsStorage) -> None:
    """Runs of all workflows are ordered by created_at, newest first, whatever was updated last."""
    names = Names()
    for name, id, second in (("a", "r1", 2), ("b", "r9", 1), ("a", "r0", 3), ("c", "r5", 2.5)):
        await persisted(workflows, Run(names(name), names(id)), resource_id=names("owner"), at=at(second))
    await with_results(workflows, Run(names("b"), names("r9")), "s", {})
    page = await workflows.list_workflow_runs(resource_id=names("owner"))
    equal(names.short(page.runs), ["r0", "r5", "r1", "r9"])
    equal((page.total, page.page, page.per_page, page.has_more), (4, 0, None, False))


@check("W9", empty=True, domain=W)
async def check_every_run_is_listed(workflows: WorkflowsStorage) -> None:
    """Without any argument every run of every workflow is listed, in one page."""
    names = Names()
    for number in range(120):
        await persisted(workflows, Run(names(f"w{number % 3}"), names(f"{number:03}")), at=at(number))
    page = await workflows.list_workflow_runs()
    equal(names.short(page.runs), [f"{number:03}" for number in reversed(range(120))])
    equal((page.total, page.has_more), (120, False))


@check("W9", "G2", domain=W)
async def check_per_page_alone_pages(workflows: WorkflowsStorage) -> None:
    """per_page without page gives the first page of that size."""
    names = Names()
    for second in range(5):
        await persisted(workflows, Run(names("w"), names(str(second))), at=at(second))
    page = await workflows.list_workflow_runs(workflow_name=names("w"), per_page=2)
    equal((names.short(page.runs), page.total, page.has_more), (["4", "3"], 5, True))


@check("W10", "G13", domain=W)
async def check_filters_narrow(workflows: WorkflowsStorage) -> None:
    """Each filter is exact, filters combine by AND, and one left at None does not filter."""
    names = Names()
    rows = {"1": ("w", "running", "a", 1), "2": ("w", "failed", "a", 2), "3": ("w", "running", "b", 3)}
    rows |= {"4": ("v", "running", "a", 4), "5": ("w", "running", None, 5)}  # type: ignore[dict-item]
    for id, (name, status, owner, second) in rows.items():
        run = Run(names(name), names(id))
        await persisted(workflows, run, state_of(status), resource_id=owner and names(owner), at=at(second))
    w, a, late = {"workflow_name": names("w")}, {"resource_id": names("a")}, {"date_range": {"start": at(2)}}
    asked: list[tuple[dict[str, Any], list[str]]] = [
        (w, ["5", "3", "2", "1"]),
        (a, ["4", "2", "1"]),
        ({**w, "status": "running"}, ["5", "3", "1"]),
        ({**w, **a}, ["2", "1"]),
        ({**w, **late}, ["5", "3", "2"]),
        ({**a, **late, "status": "running"}, ["4"]),
        ({**w, **a, **late, "status": "failed"}, ["2"]),
        ({**w, **a, **late, "status": "running"}, []),
        ({**w, "resource_id": None, "status": None, "date_range": None, "thread_id": None}, ["5", "3", "2", "1"]),
        ({**w, "status": "absent"}, []),
    ]
    for arguments, expected in asked:
        page = await workflows.list_workflow_runs(**arguments)
        equal((names.short(page.runs), page.total), (expected, len(expected)), str(arguments))
        paged = await workflows.list_workflow_runs(**arguments, per_page=1)
        equal((names.short(paged.runs), paged.total), (expected[:1], len(expected)), f"one of {arguments}")


STATUSES: dict[str, Any] = {
    "absent": {"context": {"status": "5"}},
    "null": {"status": None},
    "number": {"status": 5},
    "float": {"status": 5.0},
    "true": {"status": True},
    "object": {"status": {"status": "5"}},
    "list": {"status": ["5"]},
    "text": {"status": "5"},
    "nested": {"context": {"step": {"status": "5"}}, "value": {"status": "5"}},
}


@check("W10", domain=W)
async def check_status_is_the_top_level_text(workflows: WorkflowsStorage) -> None:
    """Only a status that is that very text matches: no number that looks like it, no status further down."""
    names = Names()
    for label, snapshot in STATUSES.items():
        await persisted(workflows, Run(names("w"), names(label)), snapshot)
    for asked, expected in (("5", ["text"]), ("5.0", []), ("true", []), ("null", []), ("None", []), ("", [])):
        page = await workflows.list_workflow_runs(workflow_name=names("w"), status=asked)
        equal((names.short(page.runs), page.total), (expected, len(expected)), repr(asked))
    page = await workflows.list_workflow_runs(workflow_name=names("w"), status='{"status": "5"}')
    equal(page.total, 0, "the text of an object")


@check("W10", "W18", domain=W)
async def check_status_filter_follows_updates(workflows: WorkflowsStorage) -> None:
    """Lists by status see what updates have made of it."""
    names = Names()
    run = await persisted(workflows, Run(names("w"), names("r")))
    await workflows.update_workflow_state(**run.key, state={"status": "failed"})
    found = [
        (await workflows.list_workflow_runs(workflow_name=names("w"), status=status)).total
        for status in ("running", "failed")
    ]
    equal(found, [0, 1])


@check("W10", "G12", domain=W)
async def check_filters_are_exact(workflows: WorkflowsStorage) -> None:
    """Filters know no case, no pattern and no trimming."""
    names = Names()
    run = Run(names("Name"), names("r"))
    await persisted(workflows, run, state_of("Running"), resource_id=names("Owner"))
    exact = {"workflow_name": names("Name"), "status": "Running", "resource_id": names("Owner")}
    equal((await lenient(workflows).list_workflow_runs(**exact)).total, 1, "as it is")
    for field, value in exact.items():
        for other in (
            value.upper(),
            value.lower(),
            f"{value} ",
            f" {value}",
            f"{value[:-1]}%",
            f"{value[:-1]}_",
            value[:-1],
        ):
            page = await lenient(workflows).list_workflow_runs(**{**exact, field: other})
            equal(page.total, 0, f"{field}={other!r}")


@check("G13", "G15", "W10", domain=W)
async def check_an_empty_owner_is_no_filter(workflows: WorkflowsStorage) -> None:
    """An empty resource id is refused; so are filters of wrong types."""
    code, untyped = "LIST_WORKFLOW_RUNS_INVALID_ARGUMENT", lenient(workflows)
    no_text: list[Any] = [1, True, b"text", ["text"], {}]
    await raises(ValidationError, code, workflows.list_workflow_runs(resource_id=""), says="resource_id")
    for field in ("workflow_name", "status", "resource_id", "thread_id"):
        for bad in no_text:
            await raises(ValidationError, code, untyped.list_workflow_runs(**{field: bad}), says=field)


@check("W10", "G11", domain=W)
async def check_listed_runs_hold_their_snapshots(workflows: WorkflowsStorage) -> None:
    """Every listed run holds the whole snapshot, equal to what is loaded."""
    names = Names()
    for number in range(20):
        await persisted(
            workflows, Run(names("w"), names(str(number))), state_of(number=number, value={"list": [number]})
        )
    for run in (await workflows.list_workflow_runs(workflow_name=names("w"))).runs:
        loaded = await snapshot_of(workflows, Run(run.workflow_name, run.run_id))
        equal(run.snapshot, loaded)
        ensure(run.snapshot["number"] == int(names.short([run])[0]), "the snapshot of another run")
