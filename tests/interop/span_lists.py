"""Lists of the observability domain, of traces that both sides wrote."""

from __future__ import annotations

from typing import Any

from .python_side import call
from .scenes import ALIKE, BOTH, ONE, OTHER, PYTHON, Read, Script, Stage, Turn, at
from .span_calls import TEXTS, create, span

# @mastra/pg and @mastra/libsql ignore these filters (O22).
IGNORED = (
    *("entityVersionId", "parentEntityType", "parentEntityId", "parentEntityName", "parentEntityVersionId"),
    *("rootEntityType", "rootEntityId", "rootEntityName", "rootEntityVersionId", "experimentId"),
)


def lists(stage: Stage) -> Script:
    """Orders, pages and previews."""
    inputs: list[Any] = [
        None,
        "plain words",
        {"messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]},
        [
            {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image"}]},
            {"role": "user", "content": "b"},
        ],
        {"q": 1, "nested": [None, "ünï"]},
        "x" * 101,
        {"messages": []},
    ]
    spans = [
        span(
            f"{stage.prefix}{n}",
            "root",
            startedAt=at(10 + n),
            endedAt=None if n in (2, 5) else at(90 - n),
            serviceName=stage.prefix,
            input=given,
            metadata={"n": n},
        )
        for n, given in enumerate(inputs)
    ]
    children = [span(one["traceId"], "child", parentSpanId="root", serviceName=stage.prefix) for one in spans]
    # A trace without a root is not listed.
    children.append(span(f"{stage.prefix}none", "s", parentSpanId="elsewhere", serviceName=stage.prefix))
    mine = {"filters": {"serviceName": stage.prefix}}
    asked: list[dict[str, Any]] = [{**mine, "pagination": {"page": page, "perPage": 3}} for page in range(4)]
    asked += [
        {**mine, "orderBy": {"field": field, "direction": direction}, "pagination": {"page": page, "perPage": 4}}
        for field, direction in (("startedAt", "ASC"), ("startedAt", "DESC"))
        for page in (0, 1)
    ]
    ended = [0, 1, 3, 4, 6]  # from the last to the first
    reads = [Read(call("observability", "listTraces", options), ALIKE, view=_page) for options in asked]
    reads.append(_found(stage, {}, [6, 5, 4, 3, 2, 1, 0]))
    # The order of those that run is not fixed by the packages (O18).
    by_end: dict[str, Any] = {"field": "endedAt", "direction": "ASC"}
    reads.append(_found(stage, {}, [*ended[::-1], 2, 5], (PYTHON,), order_by=by_end))
    reads.append(_found(stage, {"status": "success"}, ended[::-1], order_by=by_end))
    by_end = {"field": "endedAt", "direction": "DESC"}
    reads.append(_found(stage, {}, [5, 2, *ended], (PYTHON,), order_by=by_end))
    reads.append(_found(stage, {"status": "success"}, ended, order_by=by_end))
    light = {**mine, "pagination": {"page": 0, "perPage": 10}}
    reads.append(Read(call("observability", "listTracesLight", light), ALIKE))
    return Script(_by_turns(spans + children), reads)


def filters(stage: Stage) -> Script:
    """Each filter alone, and some together."""
    fields: list[dict[str, Any]] = [{name: "agent" if name.endswith("Type") else f"its {name}"} for name in TEXTS]
    fields += [
        {
            "spanType": "agent_run",
            "metadata": {"k": "v", "n": 1, "yes": True, "deep": {"a": 1}},
            "tags": ["a", "b", ""],
        },
        {"spanType": "tool_call", "metadata": {"k": "V", "n": "1", "none": None}, "tags": ["b"]},
        {"scope": {"name": "x", "version": 2}, "error": {"message": "failed"}},
        {"endedAt": None, "metadata": {"k": "v"}},
        {"endedAt": None, "error": "failed while it runs"},
        {},  # its child fails
        {"tags": [], "metadata": {}, "scope": {"name": "X"}},
    ]
    spans = [
        span(
            f"{stage.prefix}{n}",
            "root",
            **{"serviceName": stage.prefix, "startedAt": at(n), "endedAt": at(100 + n), **one},
        )
        for n, one in enumerate(fields)
    ]
    first = len(TEXTS)
    child = span(
        spans[first + 5]["traceId"], "child", parentSpanId="root", error={"message": "x"}, tags=["b"], userId="u"
    )
    rest = [n for n in range(len(spans)) if fields[n].get("serviceName") is None]
    reads = []
    for n, name in enumerate(TEXTS):
        value = spans[n][name]
        if name != "serviceName":
            reads.append(_found(stage, {name: value}, [n], (PYTHON,) if name in IGNORED else BOTH))
            reads.append(_found(stage, {name: f"{value} "}, [], (PYTHON,)))
    cases: tuple[tuple[dict[str, Any], list[int]], ...] = (
        ({"spanType": "agent_run"}, [0]),
        ({"metadata": {"k": "v"}}, [3, 0]),
        ({"metadata": {"k": "v"}, "spanType": "agent_run"}, [0]),
        ({"metadata": {"k": "v", "n": 77}}, []),
        ({"scope": {"name": "x"}}, [2]),
        ({"tags": ["b"]}, [1, 0]),
        ({"tags": ["b", "a"]}, [0]),
        ({"tags": [""]}, [0]),
        ({"tags": ["b"], "metadata": {"k": "V"}}, [1]),
        ({"status": "error"}, [4, 2]),
        ({"status": "running"}, [3]),
        ({"status": "running", "metadata": {"k": "V"}}, []),
        ({"hasChildError": True}, [5, 4, 2]),
        ({"hasChildError": True, "status": "success"}, [5]),
    )
    reads += [_found(stage, wanted, [first + n for n in found]) for wanted, found in cases]
    fine = [n for n in rest if n - first not in (2, 4, 5)]
    reads.append(_found(stage, {"hasChildError": False}, fine[::-1]))
    reads.append(_found(stage, {"status": "success"}, [n for n in rest if n - first not in (2, 3, 4)][::-1]))
    # @mastra/libsql compares what is no string as its JSON text, and finds nothing (O23).
    typed = (PYTHON,) if stage.backend == "sqlite" else BOTH
    cases = (
        ({"metadata": {"n": 1}}, [0]),
        ({"metadata": {"n": "1"}}, [1]),
        ({"metadata": {"yes": True}}, [0]),
        ({"scope": {"version": 2}}, [2]),
        ({"metadata": {"none": None}}, [1]),
    )
    reads += [_found(stage, wanted, [first + n for n in found], typed) for wanted, found in cases]
    span_of_time = {"start": at(first), "end": at(first + 2)}
    reads.append(_found(stage, {"startedAt": span_of_time}, [first + 2, first + 1, first]))
    reads.append(
        _found(stage, {"endedAt": {"start": at(100 + first), "end": at(103 + first)}}, [first + 2, first + 1, first])
    )
    # The packages take a bound for inclusive, whatever it says (O21).
    exclusive = {**span_of_time, "startExclusive": True, "endExclusive": True}
    reads.append(_found(stage, {"startedAt": exclusive}, [first + 1], (PYTHON,)))
    reads.append(_found(stage, {"traceId": spans[first]["traceId"]}, [first], (PYTHON,)))
    return Script(_by_turns([*spans, child]), reads)


def branches(stage: Stage) -> Script:
    """Spans that begin a branch, at any depth; the packages list them with newer backends only."""
    kinds = ["agent_run", "model_generation", "tool_call", "workflow_run", "workflow_step", "mcp_tool_call", "generic"]
    spans = [
        span(
            f"{stage.prefix}t",
            f"{n}",
            parentSpanId="0" if n else None,
            spanType=kind,
            startedAt=at(n),
            serviceName=stage.prefix,
        )
        for n, kind in enumerate(kinds)
    ]
    reads = []
    for wanted, found in (({}, "5 3 2 0"), ({"spanType": "tool_call"}, "2"), ({"spanType": "generic"}, "")):
        asked = {"filters": {"serviceName": stage.prefix, **wanted}, "pagination": {"page": 0, "perPage": 10}}
        reads.append(
            Read(call("observability", "listBranches", asked), found.split(), (PYTHON,), view=_branch_ids),
        )
    return Script(_by_turns(spans), reads)


def _by_turns(spans: list[dict[str, Any]]) -> list[Turn]:
    return [(OTHER if n % 2 else ONE, create(one)) for n, one in enumerate(spans)]


def _found(
    stage: Stage,
    wanted: dict[str, Any],
    numbers: list[int],
    sides: tuple[str, ...] = BOTH,
    order_by: dict[str, str] | None = None,
) -> Read:
    """The read of traces that a filter lets through, by number."""
    asked = {"filters": {"serviceName": stage.prefix, **wanted}, "pagination": {"page": 0, "perPage": 100}}
    if order_by:
        asked["orderBy"] = order_by
    ids = [[f"{stage.prefix}{n}", "root"] for n in numbers]
    return Read(call("observability", "listTraces", asked), [len(ids), ids], sides, _total_and_ids)


def _ids(page: dict[str, Any]) -> list[list[str]]:
    return [[one["traceId"], one["spanId"]] for one in page["spans"]]


def _total_and_ids(page: dict[str, Any]) -> list[Any]:
    return [page["pagination"]["total"], _ids(page)]


def _branch_ids(page: dict[str, Any]) -> list[str]:
    return [one["spanId"] for one in page["branches"]]


def _page(page: dict[str, Any]) -> list[Any]:
    return [page["pagination"], [[*id, one["status"]] for id, one in zip(_ids(page), page["spans"], strict=True)]]
