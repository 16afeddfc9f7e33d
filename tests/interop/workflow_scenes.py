"""The scenes of the workflows domain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from .payloads import AWKWARD, Awkward, as_read
from .python_side import call
from .scenes import BOTH, NOW, ONE, OTHER, PYTHON, Read, Scene, Script, Stage, at
from .workflow_calls import delete, list_runs, load, persist, read_run, read_snapshot, run, update_results, update_state

MARKER = {"__mastra_pending__": True}
SUSPENDED = {"status": "suspended", "suspendPayload": {"ask": None}}
# What a run begins with that an update makes.
EMPTY: dict[str, Any] = {
    **{key: {} for key in ("context", "activeStepsPath", "suspendedPaths", "resumeLabels", "value", "waitingPaths")},
    **{key: [] for key in ("activePaths", "serializedStepGraph")},
    "status": "pending",
}


def _payload(awkward: Awkward) -> Scene:
    """One payload in every place that takes one."""

    def write(stage: Stage) -> Script:
        value = awkward.value if awkward.fits_metadata(stage) else {}
        # What is merged both sides write, each with all that the snapshot holds.
        merged = awkward.value if all(awkward.fits_metadata(stage._replace(writer=side)) for side in BOTH) else {}
        name = f"{stage.prefix}w"
        plain = run(name, "plain", {"status": "running", "context": {"input": value}, "value": value})
        updated = run(name, "updated", {"status": "running", "context": {}})
        step = {"status": "success", "output": [merged, merged]}
        turns = [
            (ONE, persist(plain)),
            (ONE, persist(updated)),
            (OTHER, update_results(updated, "step", step, {"key": merged})),
            (ONE, update_state(updated, result=value)),
        ]
        plain["snapshot"] = as_read(plain["snapshot"])
        results = {"context": {"step": as_read(step)}, "requestContext": {"key": as_read(merged)}}
        reads = [
            read_run(plain),
            read_snapshot(plain, plain["snapshot"]),
            read_snapshot(updated, {"status": "running", "result": as_read(value), **results}),
            Read(list_runs(name, resourceId="nobody"), {"runs": [], "total": 0}),
        ]
        return Script(turns, reads)

    return Scene(f"W4-payload-{awkward.name.replace(' ', '-')}", write)


# -- one writes, both read -------------------------------------------------------------------------------------------


def _hostile_names(stage: Stage) -> Script:
    """Pairs of names that would be one if they were joined, and names that mean something elsewhere."""
    joined = [("a-b", "c"), ("a", "b-c"), ("a:b", "c"), ("a", "b:c"), ("a/b", "c"), ("A", "b:c")]
    odd = [(name, name) for name in (" ", "%_*\\", "'\"`;--", "ünï-🔑", "x" * 500)]
    runs = [
        run(f"{stage.prefix}{name}", id, {"status": "running", "context": {}, "n": n})
        for n, (name, id) in enumerate(joined + odd)
    ]
    return Script([(ONE, persist(given)) for given in runs], [*map(read_run, runs)])


def _little_and_much(stage: Stage) -> Script:
    """Nothing in a snapshot is required, and whatever is in it stays."""
    name = f"{stage.prefix}w"
    full = {
        "runId": "full",
        "status": "suspended",
        "value": {"x": None},
        "context": {"input": {}, "step": {**SUSPENDED, "payload": None, "startedAt": 1767225600000}},
        "serializedStepGraph": [{"type": "step", "step": {"id": "step"}}],
        "activePaths": [[0, 1]],
        "activeStepsPath": {"step": [0]},
        "suspendedPaths": {"step": [0, 1]},
        "resumeLabels": {"label": {"stepId": "step"}},
        "waitingPaths": {},
        "timestamp": 1767225600000,
        "requestContext": {"tier": "gold"},
        "tracingContext": {"traceId": "t"},
        "error": {"name": "Error", "message": "boom", "stack": "at x\n at y"},
        "unknown to this version": [[], {}, None],
    }
    snapshots: dict[str, dict[str, Any]] = {
        "status": {"status": "running"},
        "none": {},
        "odd": {"status": None, "context": []},
        "full": full,
    }
    runs = [run(name, id, snapshot) for id, snapshot in snapshots.items()]
    runs[-1]["resourceId"] = ""
    turns = [(ONE, persist(given)) for given in runs]
    return Script(turns, [*map(read_run, runs), *(read_snapshot(given, given["snapshot"]) for given in runs)])


def _instants(stage: Stage) -> Script:
    moments = [
        "1970-01-01T00:00:00.000Z",
        "1969-12-31T23:59:59.999Z",
        "2000-02-29T12:34:56.001Z",
        "2038-01-19T03:14:08.000Z",
        "2026-03-29T01:30:00.500Z",
        "2026-03-08T07:30:00.000Z",
        "2026-11-01T05:30:00.000Z",
        "2026-11-01T06:30:00.000Z",
        "9999-12-31T23:59:59.999Z",
    ]
    runs = [
        run(f"{stage.prefix}w", f"{n}", {"status": "success"}, createdAt={"$date": one}, updatedAt={"$date": one})
        for n, one in enumerate(moments)
    ]
    newest = [moment["createdAt"] for moment in sorted(runs, key=lambda one: str(one["createdAt"]), reverse=True)]
    # The packages order by the local time that they write, which is not always the order of the instants.
    listed = Read(list_runs(f"{stage.prefix}w"), newest, (PYTHON,) if stage.backend == "postgres" else BOTH, _created)
    return Script([(ONE, persist(given)) for given in runs], [*map(read_run, runs), listed])


def _of_one_id(stage: Stage) -> Script:
    runs = [
        run(f"{stage.prefix}{n}", f"{stage.prefix}run", {"status": "success"}, createdAt=at(moment))
        for n, moment in enumerate((5, 9, 7))
    ]
    newest = Read(call("workflows", "getWorkflowRunById", {"runId": f"{stage.prefix}run"}), runs[1])
    nobody = run(f"{stage.prefix}3", f"{stage.prefix}run", {})
    missing = Read(read_run(nobody).call, None)
    turns = [(ONE, persist(given)) for given in runs]
    return Script(turns, [newest, missing, read_snapshot(nobody, None), *map(read_run, runs)])


def _lists(stage: Stage) -> Script:
    name = f"{stage.prefix}w"
    statuses = ["running", "suspended", "success", "suspended", "waiting", "suspended", "failed", "no such status"]
    runs = [
        run(
            name,
            f"{n}",
            {"status": status, "context": {"input": {"status": "success"}}},
            createdAt=at(10 + n),
            resourceId=f"{stage.prefix}{'even' if n % 2 == 0 else 'odd'}",
        )
        for n, status in enumerate(statuses)
    ]
    runs.append(run(name, "without", {"context": {}}, createdAt=at(30)))
    newest = runs[::-1]

    def read(options: dict[str, Any], of: list[dict[str, Any]], sides: tuple[str, ...] = BOTH) -> Read:
        return Read(list_runs(name, **options), {"runs": of, "total": len(of)}, sides)

    suspended = [given for given in newest if given["snapshot"].get("status") == "suspended"]
    odd = {"resourceId": f"{stage.prefix}odd"}
    reads = [
        read({}, newest),
        read({"status": "suspended"}, suspended),
        read({"status": "no such status"}, newest[1:2]),
        read({"status": "Running"}, []),
        read({"status": "suspended", **odd}, [given for given in suspended if given["resourceId"].endswith("odd")]),
        read({**odd, "status": "success"}, []),
        *(
            Read(
                list_runs(name, page=page, perPage=4),
                {"runs": newest[4 * page : 4 * page + 4], "total": len(newest)},
            )
            for page in range(4)
        ),
    ]
    # @mastra/pg compares local times, as it writes them; those that we write are of UTC.
    apart = stage.backend == "postgres" and stage.writer == PYTHON
    for bounds, of in (
        ({"fromDate": at(15)}, newest[:4]),
        ({"toDate": at(12)}, newest[-3:]),
        ({"fromDate": at(12), "toDate": at(13), "status": "suspended"}, newest[-4:-3]),
    ):
        reads.append(read(bounds, of, (PYTHON,) if apart else BOTH))
    return Script([(ONE, persist(given)) for given in runs], reads)


def _threads(stage: Stage) -> Script:
    """Runs of a thread: it is named by a suspended step, or by the input."""
    name, thread = f"{stage.prefix}w", f'{stage.prefix}th"read'

    def step(status: str, id: str) -> dict[str, Any]:
        state = {"messageList": {"memoryInfo": {"threadId": id, "resourceId": "r"}}}
        return {"status": status, "suspendPayload": {"__streamState": state, "x": [None]}}

    def given_input(id: str) -> dict[str, Any]:
        return {"messageListState": {"memoryInfo": {"threadId": id}}}

    contexts = [
        {"input": {}, "step": step("suspended", thread)},
        {"input": given_input(thread)},
        {"input": {}, "step": step("success", thread)},
        {"input": given_input("another"), "step": step("suspended", "another")},
        {"input": {}, "first": step("success", "another"), "second": step("suspended", thread)},
        {"input": {"messageListState": None}, "step": {"status": "suspended", "suspendPayload": None}},
        {"input": {"memoryInfo": {"threadId": thread}}},
        {"a.b c": step("suspended", thread)},
    ]
    runs = [
        run(name, f"{n}", {"status": "suspended" if n else "running", "context": context}, createdAt=at(n))
        for n, context in enumerate(contexts)
    ]
    of_thread = [runs[n] for n in (7, 4, 1, 0)]

    def read(options: dict[str, Any], of: list[dict[str, Any]]) -> Read:
        return Read(list_runs(name, **options), {"runs": of, "total": len(of)})

    reads = [
        read({"threadId": thread}, of_thread),
        read({"threadId": thread, "status": "suspended"}, of_thread[:3]),
        read({"threadId": "another"}, [runs[3]]),
        read({"threadId": f"{thread} "}, []),
        Read(list_runs(name, threadId=thread, page=1, perPage=3), {"runs": of_thread[3:], "total": 4}),
    ]
    return Script([(ONE, persist(given)) for given in runs], reads)


# -- one writes, the other changes, both read ------------------------------------------------------------------------


def _persisted_again(stage: Stage) -> Script:
    first = run(f"{stage.prefix}w", "r", {"status": "running", "context": {"a": 1}}, resourceId="owner")
    second = run(f"{stage.prefix}w", "r", {"status": "success"}, createdAt=at(50), updatedAt=at(60))
    third = {**second, "resourceId": "new owner", "snapshot": {"status": "failed"}, "updatedAt": at(70)}
    other = run(f"{stage.prefix}w", "other", {"status": "running"}, resourceId="owner")
    turns = [
        (ONE, persist(first)),
        (ONE, persist(other)),
        (OTHER, persist(second)),
        (ONE, persist(third)),
        (OTHER, persist({**other, "resourceId": None, "updatedAt": None, "createdAt": None})),
    ]
    return Script(turns, [read_run({**third, "createdAt": at(1)}), read_run({**other, "updatedAt": NOW})])


def _in_both_hands(stage: Stage) -> Script:
    """Runs of both sides in one list, in the order of their instants."""
    runs = [run(f"{stage.prefix}w", f"{n}", {"status": "running"}, createdAt=at(n)) for n in range(6)]
    turns = [(OTHER if n % 2 else ONE, persist(given)) for n, given in enumerate(runs)]
    expected = {"runs": runs[::-1], "total": len(runs)}
    # @mastra/pg orders by its local time and ours of UTC.
    sides = (PYTHON,) if stage.backend == "postgres" else BOTH
    return Script(turns, [Read(list_runs(f"{stage.prefix}w"), expected, sides), *map(read_run, runs)])


def _results_by_turns(stage: Stage) -> Script:
    snapshot = {
        "status": "running",
        "context": {"input": {"a": None}, "old": {"status": "running"}},
        "value": {"x": []},
    }
    given = run(f"{stage.prefix}w", "r", snapshot, resourceId="owner")
    results: list[dict[str, Any]] = [
        {"status": "success", "output": {"n": n, "none": None}, "payload": {}, "startedAt": n} for n in range(4)
    ]
    turns = [
        (ONE, persist(given)),
        (OTHER, update_results(given, "a", results[0], {"locale": "pl", "tier": "gold"})),
        (ONE, update_results(given, "b.c d", results[1], {"tier": {"nested": [None]}})),
        (OTHER, update_results(given, "old", results[2], {})),
        (ONE, update_results(given, "ünï", results[3], {"": "empty", "locale": None})),
    ]
    context = {"input": {"a": None}, "old": results[2], "a": results[0], "b.c d": results[1], "ünï": results[3]}
    shared = {"locale": None, "tier": {"nested": [None]}, "": "empty"}
    after = {**snapshot, "context": context, "requestContext": shared}
    return Script(turns, [read_run({**given, "snapshot": after, "updatedAt": NOW}), read_snapshot(given, after)])


def _loops(stage: Stage) -> Script:
    """The examples of W15a, and a step whose result is no list any more."""
    cases = [
        ([1, None, 3], [None, 2], [1, 2, 3], True),
        ([1, 2, 3], [MARKER, 9, SUSPENDED, None, MARKER, 7], [1, 2, 3, None, None, None], False),
        ([1, 2, 3], [SUSPENDED], [SUSPENDED, 2, 3], True),
        ([SUSPENDED, 2], [MARKER], [None, 2], False),
        (
            [MARKER, None, {"status": "suspended"}],
            [MARKER, MARKER, MARKER],
            [None, None, {"status": "suspended"}],
            False,
        ),
        ([1], [None, None, 0, False, ""], [1, None, 0, False, ""], True),
        ([{**MARKER, "more": 1}], [MARKER], [{**MARKER, "more": 1}], False),
        ([], [], [], True),
    ]
    context = {f"{n}": {"status": "running", "kept": n, "output": before} for n, (before, *_) in enumerate(cases)}
    context["gone"] = {"status": "running", "kept": True, "output": [1]}
    given = run(f"{stage.prefix}w", "r", {"status": "running", "context": context})
    turns = [(ONE, persist(given))]
    after: dict[str, Any] = {"gone": {"status": "success", "output": {"a": 1}}}
    for n, (_, new, output, updated) in enumerate(cases):
        turns.append((OTHER, update_results(given, f"{n}", {"status": "success", "output": new}, {})))
        after[f"{n}"] = {"status": "success" if updated else "running", "kept": n, "output": output}
    turns.append((OTHER, update_results(given, "gone", after["gone"], {})))
    return Script(turns, [read_snapshot(given, {"status": "running", "context": after, "requestContext": {}})])


def _made_by_an_update(stage: Stage) -> Script:
    given = run(f"{stage.prefix}w", "r", {}, createdAt=NOW, updatedAt=NOW)
    first, second = {"status": "success", "output": 1}, {"status": "failed", "error": None}
    turns = [
        (ONE, update_results(given, "a", first, {"x": 1})),
        (OTHER, update_results(given, "b", second, {"y": None})),
    ]
    made = {
        **EMPTY,
        "runId": "r",
        "context": {"a": first, "b": second},
        "requestContext": {"x": 1, "y": None},
        "timestamp": NOW,
    }
    whole = Read(read_run(given).call, {**given, "snapshot": made}, view=_with_recent_run)
    return Script(turns, [Read(load(given), made, view=_with_recent_timestamp), whole])


def _state_by_turns(stage: Stage) -> Script:
    snapshot = {"status": "running", "context": {"input": 1}, "result": {"old": True}, "resumeLabels": {"a": 1}}
    given = run(f"{stage.prefix}w", "r", snapshot, resourceId="owner")
    suspension: dict[str, Any] = {
        "suspendedPaths": {"step": [0, 1]},
        "waitingPaths": {},
        "resumeLabels": {"b": {"stepId": "s"}},
    }
    ending: dict[str, Any] = {"activePaths": [[0]], "activeStepsPath": {"a": [1]}, "tracingContext": {"traceId": "t"}}
    turns = [
        (ONE, persist(given)),
        (OTHER, update_state(given, status="suspended", **suspension)),
        (ONE, update_state(given, status="lost", expectedStatus="running")),
        (OTHER, update_state(given, status="lost", expectedStatus=["running", "waiting"])),
        (ONE, update_state(given, status="waiting", expectedStatus=["running", "suspended"])),
        (OTHER, update_state(given, status="success", expectedStatus="waiting", result={"new": [None]})),
        (ONE, update_state(given, error={"message": "late"}, **ending)),
        (OTHER, update_state(given, status="lost", expectedStatus=["running", "suspended", "waiting"])),
        (ONE, update_state(given, status="lost", expectedStatus=[])),
        (OTHER, update_state({**given, "runId": "unknown"}, status="success")),
    ]
    after = {"status": "success", "context": {"input": 1}, "result": {"new": [None]}, "error": {"message": "late"}}
    after = {**after, **suspension, **ending}
    unknown = run(f"{stage.prefix}w", "unknown", {})
    # @mastra/libsql does not bump a run whose state it updates.
    return Script(turns, [read_snapshot(given, after), read_snapshot(unknown, None), _unbumped(given, after)])


def _deleted(stage: Stage) -> Script:
    kept, gone = (run(f"{stage.prefix}{name}", "r", {"status": "success"}) for name in ("kept", "gone"))
    again = {**gone, "createdAt": at(40), "snapshot": {"status": "running"}}
    back = run(f"{stage.prefix}back", "r", {"status": "success"})
    turns = [
        *((ONE, persist(given)) for given in (kept, gone, back)),
        *((OTHER, delete(given)) for given in (gone, back, run(f"{stage.prefix}kept", "unknown", {}))),
        (ONE, persist({**back, **{key: again[key] for key in ("createdAt", "snapshot")}})),
    ]
    restored = {**back, "createdAt": at(40), "snapshot": {"status": "running"}}
    reads = [read_run(kept), Read(read_run(gone).call, None), read_snapshot(gone, None), read_run(restored)]
    return Script(turns, reads)


# -- what is looked at -----------------------------------------------------------------------------------------------


def _created(page: dict[str, Any]) -> list[Any]:
    return [one["createdAt"] for one in page["runs"]]


def _with_recent_timestamp(snapshot: dict[str, Any]) -> dict[str, Any]:
    age = datetime.now(UTC) - datetime.fromtimestamp(snapshot["timestamp"] / 1000, UTC)
    return {**snapshot, "timestamp": NOW if abs(age) < timedelta(minutes=5) else snapshot["timestamp"]}


def _with_recent_run(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "snapshot": _with_recent_timestamp(found["snapshot"])}


def _unbumped(given: dict[str, Any], snapshot: dict[str, Any]) -> Read:
    expected = {key: item for key, item in {**given, "snapshot": snapshot}.items() if key != "updatedAt"}
    return Read(read_run(given).call, expected, view=lambda found: {key: found[key] for key in expected})


SCENES = (
    *map(_payload, AWKWARD),
    Scene("W1-hostile-names", _hostile_names),
    Scene("W3-W4-little-and-much", _little_and_much),
    Scene("format-3-instants-of-runs", _instants),
    Scene("W7-newest-of-one-id", _of_one_id),
    Scene("W9-W10-lists-of-runs", _lists),
    Scene("W11-runs-of-a-thread", _threads),
    Scene("W2-persisted-again", _persisted_again),
    Scene("W9-runs-of-both", _in_both_hands),
    Scene("W13-W16-results-by-turns", _results_by_turns),
    Scene("W15-loops", _loops),
    Scene("W13-made-by-an-update", _made_by_an_update),
    Scene("W18-W20-state-by-turns", _state_by_turns),
    Scene("W8-deleted-runs", _deleted),
)
