"""The scenes of the observability domain."""

from __future__ import annotations

from typing import Any

from .payloads import AWKWARD, Awkward, as_read
from .python_side import call
from .scenes import ONE, OTHER, PYTHON, TYPESCRIPT, Read, Scene, Script, Stage, at
from .span_calls import (
    OBJECTS,
    TEXTS,
    VALUES,
    as_seen,
    as_stored,
    create,
    create_all,
    delete,
    key,
    no_trace,
    read_span,
    read_trace,
    span,
    update,
    update_all,
)
from .span_lists import branches, filters, lists


def _payload(awkward: Awkward) -> Scene:
    """One payload in every place that takes one."""

    def write(stage: Stage) -> Script:
        value = awkward.value if awkward.fits_metadata(stage) else {}
        other = stage._replace(writer=TYPESCRIPT if stage.writer == PYTHON else PYTHON)
        changed = awkward.value if awkward.fits_metadata(other) else {}
        fields = {**dict.fromkeys((*OBJECTS, *VALUES), value), "links": [value]}
        first = span(f"{stage.prefix}t", "created", **fields)
        second = span(f"{stage.prefix}t", "updated", startedAt=at(2))
        updates = {
            "attributes": changed,
            "metadata": changed,
            "output": changed,
            "error": [changed],
            "links": [changed],
        }
        turns = [(ONE, create(first)), (ONE, create(second)), (OTHER, update(second, **updates))]
        read = [as_read(first), as_read({**second, **updates})]
        # Dates are times in what a span names itself, text in its payloads.
        read = [{**one, **_times(given)} for one, given in zip(read, (first, second), strict=True)]
        return Script(turns, [*read_trace(stage, *read), *read_span(read[0], stage)])

    return Scene(f"O3-payload-{awkward.name.replace(' ', '-')}", write)


# -- one writes, both read -------------------------------------------------------------------------------------------


def _everything_and_nothing(stage: Stage) -> Script:
    trace = f"{stage.prefix}t"
    full = span(
        trace,
        "full",
        **{name: f"its {name}" for name in TEXTS},
        **{name: {name: [None]} for name in OBJECTS},
        parentSpanId="no such span",
        spanType="a type of tomorrow",
        isEvent=True,
        tags=["a", "", "ünï", "a"],
        links=[{"traceId": "t", "spanId": "s"}],
        input={"messages": [{"role": "user", "content": "hi"}]},
        output="text",
        error={"message": 'boom "x"', "id": "E1", "details": {"a": [None]}},
        endedAt=at(0),
    )
    empty = span(trace, "empty", **dict.fromkeys(TEXTS, ""), tags=[], links=[], startedAt=at(2))
    empty |= {name: {} for name in (*OBJECTS, *VALUES)}
    bare = span(trace, "bare", startedAt=at(3), endedAt=None)
    required = ("traceId", "spanId", "name", "spanType", "isEvent", "startedAt")
    turns = [(ONE, create(full)), (ONE, create_all(empty, {name: bare[name] for name in required}))]
    reads = [*read_trace(stage, full, empty, bare)]
    for one in (full, empty, bare):
        reads += read_span(one, stage)
    return Script(turns, reads)


def _any_json(stage: Stage) -> Script:
    """Input, output and error may be anything; a string stays a string, whatever it looks like."""
    plain: list[Any] = [
        0,
        -1.5,
        1e21,
        True,
        False,
        "",
        " ",
        "text",
        [],
        {},
        [[], None],
        {"a": None},
        "{broken",
        "ünï-🔑",
    ]
    like_json: list[Any] = ['{"a": 1}', "[1]", '"quoted"', "7", "-1e3", "null", "true", ' {"a": 1} ']
    reads, turns = [], []
    for n, value in enumerate(plain + like_json):
        given = span(f"{stage.prefix}{n}", "s", **dict.fromkeys(VALUES, value))
        turns.append((ONE, create(given)))
        ours, theirs = read_span(given, stage)
        # @mastra/pg parses a string that is JSON when it reads a span.
        lossy = stage.backend == "postgres" and n >= len(plain)
        reads += [ours] if lossy else [ours, theirs]
    return Script(turns, reads)


def _hostile_ids(stage: Stage) -> Script:
    ids = [f"{stage.prefix}{id}" for id in ("a", "A", " a", "a/b#c?d:e|f", "%_*\\", "'\"`;--", "ünï-🔑", "x" * 500)]
    spans = [span(trace, id, name=f"{n}") for n, (trace, id) in enumerate(zip(ids, ids[1:] + ids[:1], strict=True))]
    # One span id in several traces, and pairs that would be one if they were joined.
    spans += [span(f"{stage.prefix}{trace}", id) for trace, id in (("1", "s"), ("2", "s"), ("1|", "s"), ("1", "|s"))]
    reads: list[Read] = []
    for one in spans:
        reads += read_span(one, stage)
    return Script([(ONE, create(one)) for one in spans], reads)


def _instants(stage: Stage) -> Script:
    moments = [
        "1970-01-01T00:00:00.000Z",
        "1969-12-31T23:59:59.999Z",
        "2000-02-29T12:34:56.001Z",
        "2038-01-19T03:14:08.000Z",
        "2026-03-29T01:30:00.500Z",
        "2026-03-08T07:30:00.000Z",
        "2026-11-01T06:30:00.000Z",
        "0100-01-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999Z",
    ]
    spans = [
        span(f"{stage.prefix}t", f"{n}", startedAt={"$date": moment}, endedAt={"$date": moments[n - 1]})
        for n, moment in enumerate(moments)
    ]
    in_order = sorted(spans, key=lambda one: str(one["startedAt"]))
    return Script([(ONE, create(one)) for one in spans], read_trace(stage, *in_order))


def _strategy_of_a_run(stage: Stage) -> Script:
    """A span is created when it begins and updated when it ends; its status follows."""
    started = span(f"{stage.prefix}t", "run", spanType="agent_run", endedAt=None, input={"q": 1})
    step = span(f"{stage.prefix}t", "step", parentSpanId="run", endedAt=None, startedAt=at(2))
    event = span(f"{stage.prefix}t", "event", parentSpanId="step", isEvent=True, startedAt=at(3), endedAt=at(3))
    turns = [
        (ONE, create_all(started, step)),
        (OTHER, create(event)),
        (OTHER, update(step, endedAt=at(4), output={"usage": {"tokens": 0}})),
        (ONE, update_all((started, {"attributes": {"x": 1}}), (started, {"endedAt": at(5), "output": "done"}))),
        (ONE, update(span(f"{stage.prefix}t", "unknown"), name="nobody's")),
        (OTHER, update_all((span(f"{stage.prefix}unknown", "run"), {"name": "nobody's"}))),
    ]
    ended = {**started, "attributes": {"x": 1}, "endedAt": at(5), "output": "done"}
    done = {**step, "endedAt": at(4), "output": {"usage": {"tokens": 0}}}
    return Script(turns, [*read_trace(stage, ended, done, event), no_trace(f"{stage.prefix}unknown")])


# -- one writes, the other changes, both read ------------------------------------------------------------------------


def _created_again(stage: Stage) -> Script:
    trace = f"{stage.prefix}t"
    full = span(trace, "s", **dict.fromkeys(TEXTS, "x"), **{name: {"a": 1} for name in OBJECTS}, tags=["a"])
    full |= {name: [1] for name in VALUES}
    bare = span(trace, "s", name="again", startedAt=at(7), endedAt=None)
    second = span(trace, "s2", parentSpanId="s", startedAt=at(8))
    turns = [(ONE, create(full)), (OTHER, create(bare)), (ONE, create(second))]
    turns.append((OTHER, create_all({**second, "name": "first"}, {**second, "name": "last", "input": 0})))
    return Script(turns, read_trace(stage, bare, {**second, "name": "last", "input": 0}))


def _cleared(stage: Stage) -> Script:
    """A null clears. @mastra/pg cannot clear an end, as it leaves the twin, which both sides read (O7)."""
    fields = {name: {"a": 1} for name in (*OBJECTS, *VALUES)}
    given = span(f"{stage.prefix}t", "s", **fields, userId="u", tags=["a"], parentSpanId="p")
    nulls = dict.fromkeys((*OBJECTS, *VALUES, "userId", "tags", "parentSpanId"))
    ours = OTHER if stage.writer == TYPESCRIPT else ONE
    turns = [(ONE, create(given)), (OTHER, update(given, **nulls)), (ours, update(given, endedAt=None))]
    reads = read_span({**given, **nulls, "endedAt": None}, stage)
    by_theirs = span(f"{stage.prefix}ended", "s")
    theirs = ONE if ours == OTHER else OTHER
    turns += [(ONE, create(by_theirs)), (theirs, update(by_theirs, endedAt=None))]
    end = by_theirs["endedAt"] if stage.backend == "postgres" else None
    return Script(turns, [*reads, *read_span({**by_theirs, "endedAt": end}, stage)])


def _deleted(stage: Stage) -> Script:
    traces = [f"{stage.prefix}{n}" for n in range(4)]
    # Starts differ, as @mastra/pg gives spans of one start in any order.
    spans = [span(trace, id, startedAt=at(start)) for trace in traces for start, id in enumerate("ab")]
    turns = [(ONE, create_all(*spans)), (OTHER, delete(traces[1], traces[2], f"{stage.prefix}unknown"))]
    reads = [no_trace(traces[1]), no_trace(traces[2])]
    return Script(turns, [*reads, *read_trace(stage, *spans[:2]), *read_trace(stage, *spans[-2:])])


def _tree(stage: Stage) -> Script:
    """A trace as a list, as a structure, and branches of it."""
    trace = f"{stage.prefix}t"
    parents = {"root": None, "a": "root", "a1": "a", "a2": "a", "a11": "a1", "b": "root", "orphan": "no such span"}
    begins = {"root": 1, "a": 2, "a1": 4, "a2": 3, "a11": 6, "b": 5, "orphan": 0}
    spans = {
        id: span(trace, id, parentSpanId=parent, startedAt=at(begins[id]), input={"id": id}, attributes={"x": 1})
        for id, parent in parents.items()
    }
    spans["b"] |= {"error": {"message": "x"}, "endedAt": None}
    in_order = sorted(spans.values(), key=lambda one: begins[one["spanId"]])
    turns = [(OTHER if n % 2 else ONE, create(one)) for n, one in enumerate(spans.values())]
    reads = read_trace(stage, *in_order)
    for depth, ids in ((None, "a a2 a1 a11"), (0, "a"), (1, "a a2 a1"), (9, "a a2 a1 a11")):
        asked = {"traceId": trace, "spanId": "a", **({} if depth is None else {"depth": depth})}
        branch = [spans[id] for id in ids.split()]
        got = call("observability", "getBranch", asked)
        reads.append(Read(got, {"traceId": trace, "spans": [as_stored(one) for one in branch]}, (PYTHON,)))
        reads.append(Read(got, {"traceId": trace, "spans": [as_seen(one, stage) for one in branch]}, (TYPESCRIPT,)))
    nowhere = [{"traceId": trace, "spanId": "unknown"}, {"traceId": f"{trace}2", "spanId": "a"}]
    reads += [Read(call("observability", "getBranch", asked), None) for asked in nowhere]
    root = call("observability", "getRootSpan", {"traceId": trace})
    reads.append(Read(root, {"span": as_stored(spans["root"])}, (PYTHON,)))
    reads.append(Read(root, {"span": as_seen(spans["root"], stage)}, (TYPESCRIPT,)))
    for method in ("getTraceLight", "getStructure"):
        light = [{name: as_stored(one)[name] for name in _LIGHT} for one in in_order]
        reads.append(Read(call("observability", method, {"traceId": trace}), light, view=_light))
    named = {"traceId": trace, "spanIds": ["b", "a11", "unknown", "b", "root"]}
    found = [as_stored(spans[id]) for id in ("root", "b", "a11")]
    reads.append(Read(call("observability", "getSpans", named), {"spans": found}, (PYTHON,)))
    return Script(turns, reads)


def _roots(stage: Stage) -> Script:
    """A trace with two roots, which @mastra/pg cannot read the root of, and one without any."""
    two = [span(f"{stage.prefix}two", id, startedAt=at(second)) for id, second in (("b", 4), ("a", 4), ("c", 5))]
    none = span(f"{stage.prefix}none", "s", parentSpanId="elsewhere")
    first = Read(
        call("observability", "getRootSpan", {"traceId": two[0]["traceId"]}), key(two[1]), (PYTHON,), _key_of_span
    )
    no_root = Read(call("observability", "getRootSpan", {"traceId": none["traceId"]}), None)
    unknown = Read(call("observability", "getRootSpan", {"traceId": f"{stage.prefix}unknown"}), None)
    nobody = [Read(call("observability", "getSpan", {**key(none), name: "x"}), None) for name in ("traceId", "spanId")]
    return Script([(ONE, create_all(*two)), (OTHER, create(none))], [first, no_root, unknown, *nobody])


# -- what is looked at -----------------------------------------------------------------------------------------------

# @mastra/pg leaves out the status, @mastra/libsql has more than this.
_LIGHT = (
    *("traceId", "spanId", "parentSpanId", "name", "spanType", "isEvent", "startedAt", "endedAt", "error"),
    *("entityType", "entityId", "entityName", "createdAt", "updatedAt"),
)


def _light(trace: dict[str, Any]) -> list[Any]:
    return [{name: one[name] for name in _LIGHT} for one in trace["spans"]]


def _key_of_span(found: dict[str, Any]) -> dict[str, Any]:
    return key(found["span"])


def _times(given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in ("startedAt", "endedAt")}


SCENES = (
    *map(_payload, AWKWARD),
    Scene("O1-everything-and-nothing", _everything_and_nothing),
    Scene("O3-any-json", _any_json),
    Scene("G12-hostile-ids-of-spans", _hostile_ids),
    Scene("format-3-instants-of-spans", _instants),
    Scene("O7-O9-begun-and-ended", _strategy_of_a_run),
    Scene("O1-O2-created-again", _created_again),
    Scene("O7-cleared", _cleared),
    Scene("O10-deleted-traces", _deleted),
    Scene("O14-O16-tree", _tree),
    Scene("O13-roots", _roots),
    Scene("O17-O18-lists-of-traces", lists),
    Scene("O19-O24-filters-of-traces", filters),
    Scene("O27-branches", branches),
)
