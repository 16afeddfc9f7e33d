"""The parts of the workflow rules that are plain functions: checking input, merging step results, finding threads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET

from ..errors import CorruptRecordError
from ..instants import now
from ..payload import freeze, joined
from ..records import WorkflowStateUpdate
from .checks import check_id, check_instant, check_sequence, check_str, invalid
from .workflow_plans import NewRun, SnapshotChange, SnapshotChanger

PENDING = "__mastra_pending__"
TABLE = "mastra_workflow_snapshot"
_SNAPSHOT_KEYS = dict(
    zip(WorkflowStateUpdate.__struct_fields__, WorkflowStateUpdate.__struct_encode_fields__, strict=True)
)
_STATE_NAMES = {wire: name for name, wire in _SNAPSHOT_KEYS.items()} | {name: name for name in _SNAPSHOT_KEYS}
_STATE_TYPES: dict[str, type] = {"status": str, "active_paths": Sequence}


def new_run(
    workflow_name: Any, run_id: Any, snapshot: Any, resource_id: Any, created_at: Any, updated_at: Any
) -> NewRun:
    """A checked, detached run to persist; times that are not given are now (W1 to W3)."""
    if not isinstance(snapshot, Mapping):
        raise invalid("snapshot must be a mapping", "snapshot")
    moment = now()
    return NewRun(
        check_id(workflow_name, "workflow_name"),
        check_id(run_id, "run_id"),
        None if resource_id is None else check_str(resource_id, "resource_id"),
        freeze(snapshot if type(snapshot) is dict else dict(snapshot), "snapshot"),
        _given_or(moment, created_at, "created_at"),
        _given_or(moment, updated_at, "updated_at"),
    )


def empty_snapshot(run_id: str) -> dict[str, Any]:
    """What a run begins with that an update creates (W13)."""
    return {
        "context": {},
        "activePaths": [],
        "activeStepsPath": {},
        "timestamp": int(now().timestamp() * 1000),
        "suspendedPaths": {},
        "resumeLabels": {},
        "serializedStepGraph": [],
        "value": {},
        "waitingPaths": {},
        "status": "pending",
        "runId": run_id,
        "requestContext": {},
    }


def results_changer(
    workflow_name: str, run_id: str, step_id: str, result: Mapping[str, Any], request_context: Mapping[str, Any]
) -> SnapshotChanger:
    """Merges one step result and the request context into the snapshot (W13 to W17, W22)."""

    def change(stored: dict[str, Any] | None) -> SnapshotChange:
        snapshot = empty_snapshot(run_id) if stored is None else stored
        context = snapshot.get("context")
        if not isinstance(context, dict):
            raise _corrupt(workflow_name, run_id, "it has no context to put results into")
        known = snapshot.get("requestContext")
        merged = {
            **snapshot,
            "context": {**context, step_id: merged_result(context.get(step_id), result)},
            "requestContext": {**(known if isinstance(known, dict) else {}), **request_context},
        }
        return SnapshotChange(joined(merged, "snapshot"), now())

    return change


def state_changer(
    workflow_name: str, run_id: str, state: Mapping[str, Any], expected: Sequence[str] | None
) -> SnapshotChanger:
    """Replaces top-level keys, if the status is one of those expected (W18 to W20, W22)."""

    def change(stored: dict[str, Any] | None) -> SnapshotChange | None:
        if stored is None or (expected is not None and stored.get("status") not in expected):
            return None
        if not isinstance(stored.get("context"), dict):
            raise _corrupt(workflow_name, run_id, "it has no context")
        return SnapshotChange(joined({**stored, **state}, "snapshot"), now())

    return change


def merged_result(stored: Any, given: Mapping[str, Any]) -> Any:
    """The result of a step after an update: replaced, or merged where both hold the iterations of a loop (W14, W15)."""
    if not isinstance(stored, dict):
        return given
    before, after = stored.get("output"), given.get("output")
    if not isinstance(before, list) or not isinstance(after, list):
        return given
    if any(map(is_pending, after)):
        return {**stored, "output": _reset(before, after)}
    return {**stored, **given, "output": _overlaid(before, after)}


def is_pending(value: Any) -> bool:
    """Whether a value is exactly the marker of an iteration that is to run again (W15)."""
    return isinstance(value, dict) and len(value) == 1 and value.get(PENDING) is True


def check_state(state: Any) -> dict[str, Any]:
    """The snapshot keys to replace and their new values (W18, W23)."""
    if isinstance(state, WorkflowStateUpdate):
        given = {name: getattr(state, name) for name in _SNAPSHOT_KEYS}
    elif isinstance(state, Mapping):
        given = _by_attribute(state)
    else:
        raise invalid("state must be a WorkflowStateUpdate or a mapping with its names", "state")
    for name, value in given.items():
        _check_state_value(name, value)
    return {_SNAPSHOT_KEYS[name]: value for name, value in given.items() if value is not UNSET}


def check_expected(expected: Any) -> tuple[str, ...] | None:
    """The statuses in which the write is to happen; ``None`` is any (W20)."""
    if expected is None:
        return None
    statuses = (expected,) if isinstance(expected, str) else _sequence_or_set(expected)
    return tuple(check_str(status, "expected_status entries") for status in statuses)


def has_thread(snapshot: Any, thread_id: str) -> bool:
    """Whether a snapshot records a thread, for a suspended step or in its input (W11)."""
    context = _at(snapshot, "context")
    if not isinstance(context, dict):
        return False
    if _at(context, "input", "messageListState", "memoryInfo", "threadId") == thread_id:
        return True
    path = ("suspendPayload", "__streamState", "messageList", "memoryInfo", "threadId")
    return any(_at(step, "status") == "suspended" and _at(step, *path) == thread_id for step in context.values())


def _overlaid(before: list[Any], after: list[Any]) -> list[Any]:
    """New values over the stored ones; a null leaves what is stored."""
    kept = before + [None] * (len(after) - len(before))
    return [old if new is None else new for old, new in zip(kept, after, strict=False)] + kept[len(after) :]


def _reset(before: list[Any], after: list[Any]) -> list[Any]:
    """Only markers act: they clear what has not finished; everything beyond the stored length is null."""
    kept = [
        None if index < len(after) and is_pending(after[index]) and _may_reset(value) else value
        for index, value in enumerate(before)
    ]
    return kept + [None] * (len(after) - len(before))


def _may_reset(value: Any) -> bool:
    if value is None or is_pending(value):
        return True
    suspended = isinstance(value, dict) and value.get("status") == "suspended"
    return suspended and ("suspendPayload" in value or "suspendedAt" in value)


def _by_attribute(state: Mapping[Any, Any]) -> dict[str, Any]:
    unknown = [key for key in state if key not in _STATE_NAMES]
    if unknown:
        raise invalid(f"state has unknown keys {unknown!r}; known are {', '.join(_SNAPSHOT_KEYS)}", "state")
    given = {_STATE_NAMES[key]: value for key, value in state.items()}
    if len(given) < len(state):
        raise invalid("state names a key twice, in Python's and in Mastra's style", "state")
    return given


def _check_state_value(name: str, value: Any) -> None:
    kind = _STATE_TYPES.get(name, Mapping)
    wrong = not isinstance(value, kind) or (kind is Sequence and isinstance(value, (str, bytes)))
    if value is not UNSET and value is not None and wrong:
        raise invalid(f"state.{name} must be a {kind.__name__.lower()} or None", f"state.{name}")


def _sequence_or_set(value: Any) -> Iterable[Any]:
    return value if isinstance(value, (set, frozenset)) else check_sequence(value, "expected_status")


def _given_or(moment: datetime, value: Any, field: str) -> datetime:
    return moment if value is None else check_instant(value, field)


def _at(value: Any, *path: str) -> Any:
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def _corrupt(workflow_name: str, run_id: str, why: str) -> CorruptRecordError:
    text = f"the snapshot of run {run_id!r} of workflow {workflow_name!r} in {TABLE} cannot be updated: {why}"
    return CorruptRecordError(text, details={"table": TABLE, "key": (workflow_name, run_id)})
