"""Finding runs by the thread that their snapshots record (W11)."""

from __future__ import annotations

from typing import Any

from ..domains import WorkflowsStorage
from .expect import equal
from .payloads import ID_SHAPES
from .registry import check
from .scenes import Names, at
from .workflow_scenes import Run, persisted, state_of, with_results

W = "workflows"


def in_step(thread_id: Any, status: Any = "suspended") -> dict[str, Any]:
    """A step that records a thread as the engine does when it suspends."""
    memory = {"memoryInfo": {"threadId": thread_id}}
    return {"status": status, "suspendPayload": {"__streamState": {"messageList": memory}}}


def in_input(thread_id: Any) -> dict[str, Any]:
    """The input of a run that records a thread."""
    return {"messageListState": {"memoryInfo": {"threadId": thread_id}}, "prompt": "x"}


RECORDED: dict[str, dict[str, Any]] = {
    "suspended step": {"context": {"a": in_step("T")}},
    "second of several steps": {"context": {"a": {"status": "success"}, "b": in_step("U"), "c": in_step("T")}},
    "input": {"context": {"input": in_input("T")}},
    "input beside other steps": {"context": {"input": in_input("T"), "a": in_step("U")}},
    "step beside another input": {"context": {"input": in_input("U"), "a": in_step("T")}},
    "both": {"context": {"input": in_input("T"), "a": in_step("T")}},
    "awkward step name": {"context": {'a.b"c$': in_step("T")}},
    "step beside odd ones": {"context": {"a": None, "b": 1, "c": [], "d": "T", "e": in_step("T")}},
}
"""Snapshots that record the thread T."""

NOT_RECORDED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "empty context": {"context": {}},
    "other thread": {"context": {"a": in_step("U"), "input": in_input("U")}},
    "longer id": {"context": {"a": in_step("T2"), "input": in_input("xT")}},
    "other case": {"context": {"a": in_step("t"), "input": in_input("t")}},
    "step not suspended": {"context": {"a": in_step("T", "success")}},
    "step without status": {"context": {"a": {"suspendPayload": in_step("T")["suspendPayload"]}}},
    "status is a list": {"context": {"a": in_step("T", ["suspended"])}},
    "step at the top": {"a": in_step("T")},
    "snapshot suspended": {"status": "suspended", "suspendPayload": in_step("T")["suspendPayload"]},
    "step within a step": {"context": {"a": {"b": in_step("T")}}},
    "input at the top": {"input": in_input("T")},
    "input of a step": {"context": {"a": in_input("T")}},
    "context is null": {"context": None},
    "context is text": {"context": "T"},
    "context is a list": {"context": [in_step("T")]},
    "context is a list of contexts": {"context": [{"a": in_step("T"), "input": in_input("T")}]},
    "step is a list": {"context": {"a": [in_step("T")]}},
    "payload is null": {"context": {"a": {"status": "suspended", "suspendPayload": None}}},
    "payload is text": {"context": {"a": {"status": "suspended", "suspendPayload": "T"}}},
    "payload is a list": {"context": {"a": {**in_step("T"), "suspendPayload": [in_step("T")["suspendPayload"]]}}},
    "stream state is a number": {"context": {"a": {"status": "suspended", "suspendPayload": {"__streamState": 1}}}},
    "input is a list": {"context": {"input": [in_input("T")]}},
    "input is text": {"context": {"input": "T"}},
    "memory is a list": {"context": {"input": {"messageListState": {"memoryInfo": [{"threadId": "T"}]}}}},
    "id is a list": {"context": {"a": in_step(["T"]), "input": in_input(["T"])}},
    "id is null": {"context": {"a": in_step(None), "input": in_input(None)}},
    "id is an object": {"context": {"a": in_step({"T": "T"}), "input": in_input({"threadId": "T"})}},
}
"""Snapshots that do not, however odd their shape."""


@check("W11", domain=W)
async def check_runs_are_found_by_thread(workflows: WorkflowsStorage) -> None:
    """Runs are found by the thread of a suspended step or of their input, and by no other mention of it."""
    names = Names()
    for label, snapshot in {**RECORDED, **NOT_RECORDED}.items():
        await persisted(workflows, Run(names("w"), names(label)), snapshot)
    page = await workflows.list_workflow_runs(workflow_name=names("w"), thread_id="T")
    equal(sorted(names.short(page.runs)), sorted(RECORDED))
    equal(page.total, len(RECORDED), "total")
    everywhere = await workflows.list_workflow_runs(thread_id="T")
    found = {run.run_id for run in everywhere.runs}
    equal(found >= {names(label) for label in RECORDED}, True, "without a workflow name")


@check("W11", domain=W)
async def check_thread_ids_that_look_alike(workflows: WorkflowsStorage) -> None:
    """A thread id is matched as the text it is: numbers, patterns and paths do not stand for it."""
    names = Names()
    texts = {"number": "5", "true": "true", "null": "null", "object": "{}", "percent": "%", "path": "$.x", "blank": " "}
    texts |= {label: shape("id") for label, shape in ID_SHAPES.items()}
    values: dict[str, Any] = {f"{label} text": text for label, text in texts.items()}
    values |= {"a number": 5, "a bool": True, "a null": None, "an object": {}}
    for label, value in values.items():
        snapshot = state_of(context={"s": in_step(value)} if len(label) % 2 else {"input": in_input(value)})
        await persisted(workflows, Run(names("w"), names(label)), snapshot)
    for label, text in texts.items():
        page = await workflows.list_workflow_runs(workflow_name=names("w"), thread_id=text)
        equal(names.short(page.runs), [f"{label} text"], repr(text))


@check("W11", "W10", "G13", domain=W)
async def check_threads_combine_with_other_filters(workflows: WorkflowsStorage) -> None:
    """The thread combines with the other filters by AND, and is paged and counted like them."""
    names = Names()
    for second, (status, thread) in enumerate((("a", "T"), ("b", "T"), ("a", "U"), ("a", "T"))):
        snapshot = state_of(status, context={"input": in_input(thread)})
        await persisted(workflows, Run(names("w"), names(str(second))), snapshot, at=at(second))
    w = names("w")
    page = await workflows.list_workflow_runs(workflow_name=w, thread_id="T", status="a")
    equal((names.short(page.runs), page.total), (["3", "0"], 2))
    page = await workflows.list_workflow_runs(workflow_name=w, thread_id="T", page=1, per_page=2)
    equal((names.short(page.runs), page.total, page.has_more), (["0"], 3, False))
    page = await workflows.list_workflow_runs(workflow_name=w, thread_id="T", date_range={"start": at(1), "end": at(2)})
    equal(names.short(page.runs), ["1"])


@check("W11", "W14", domain=W)
async def check_threads_follow_updates(workflows: WorkflowsStorage) -> None:
    """A run is found by a thread from the update on that records it, until the step goes on."""
    run = await persisted(workflows)

    async def total() -> int:
        return (await workflows.list_workflow_runs(workflow_name=run.workflow_name, thread_id="T")).total

    seen = [await total()]
    await with_results(workflows, run, "s", in_step("T"))
    seen.append(await total())
    await with_results(workflows, run, "s", {"status": "success"})
    equal([*seen, await total()], [0, 1, 0])
