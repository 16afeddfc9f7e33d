"""Mistakes in the rules of workflows and scores: a function of the domain layer replaced by a careless one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import UNSET

from mastra_store.domains import checks, score_rules, scores, workflow_rules, workflows
from mastra_store.instants import now
from mastra_store.payload import freeze
from mastra_store.records import WorkflowStateUpdate

from .mutations import Mutation, anything, careless_freeze, float_freeze, guessed_range, nameless, shared_freeze


def no_check(page: Any, per_page: Any) -> int:
    return int(page or 0) * int(per_page or 0)


def no_filter(value: Any, field: str) -> Any:
    return value or None


def always_more(offset: int, per_page: int | None, total: int) -> bool:
    return per_page is not None and offset + per_page <= total


def deep_state(state: Any) -> dict[str, Any]:
    """Forgets which keys were given as None."""
    return {key: value for key, value in check_state(state).items() if value is not None}


def any_state(state: Any) -> dict[str, Any]:
    """Writes whatever it is given."""
    if isinstance(state, WorkflowStateUpdate):
        return check_state(state)
    value: dict[str, Any] = freeze({key: item for key, item in dict(state).items() if item is not UNSET}, "state").value
    return value


def merged_state(name: str, run: str, state: Mapping[str, Any], expected: Any) -> Any:
    """Merges mappings instead of replacing them."""

    def merge(old: Any, new: Any) -> Any:
        return {**old, **new} if isinstance(old, dict) and isinstance(new, dict) else new

    def change(stored: dict[str, Any] | None) -> Any:
        merged = {key: merge((stored or {}).get(key), value) for key, value in state.items()}
        return state_changer(name, run, merged, expected)(stored)

    return change


def creating_state(name: str, run: str, state: Mapping[str, Any], expected: Any) -> Any:
    """Creates a run that is missing."""
    change = state_changer(name, run, state, expected)
    return lambda stored: change(workflow_rules.empty_snapshot(run) if stored is None else stored)


def expecting_anything(expected: Any) -> Any:
    """Takes an empty expectation for none."""
    return check_expected(expected) or None


def expecting_one(expected: Any) -> Any:
    """Knows one expected status at most."""
    found = check_expected(expected)
    return found[:1] if found else found


def replaced(stored: Any, given: Any) -> Any:
    """Always replaces a result."""
    return given


def with_keys_of_both(stored: Any, given: Any) -> Any:
    """Always merges the keys of a result."""
    return {**(stored if isinstance(stored, dict) else {}), **merged_result(stored, given)}


def updated_keys(stored: Any, given: Any) -> Any:
    """Updates the other keys also where only markers act."""
    found = merged_result(stored, given)
    output = {"output": found["output"]} if "output" in found else {}
    both = isinstance(stored, dict) and isinstance(stored.get("output"), list) and isinstance(given.get("output"), list)
    return {**stored, **given, **output} if both else found


def any_marker(value: Any) -> bool:
    return isinstance(value, dict) and value.get("__mastra_pending__") is True


def truthy_marker(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and bool(value.get("__mastra_pending__"))


def deep_overlay(before: list[Any], after: list[Any]) -> list[Any]:
    kept = before + [None] * (len(after) - len(before))
    return [new or old for old, new in zip(kept, after, strict=False)] + kept[len(after) :]


def cutting_overlay(before: list[Any], after: list[Any]) -> list[Any]:
    return overlaid(before, after)[: len(after)]


def short_reset(before: list[Any], after: list[Any]) -> list[Any]:
    return reset(before, after)[: max(len(before), 1)]


def forgetful_results(name: str, run: str, step: str, result: Any, shared: Any) -> Any:
    """Replaces the request context."""
    change = results_changer(name, run, step, result, shared)
    return lambda stored: change(stored if stored is None else {**stored, "requestContext": {}})


def lenient_results(name: str, run: str, step: str, result: Any, shared: Any) -> Any:
    """Makes a context where there is none."""
    change = results_changer(name, run, step, result, shared)

    def filled(stored: Any) -> Any:
        return change({**stored, "context": {}} if stored and not isinstance(stored.get("context"), dict) else stored)

    return filled


def without_timestamp(run_id: str) -> dict[str, Any]:
    return {**empty_snapshot(run_id), "timestamp": str(now())}


def running_snapshot(run_id: str) -> dict[str, Any]:
    return {**empty_snapshot(run_id), "status": "running"}


def blank_id(value: Any, field: str) -> str:
    return str(value or "x")


def trimmed_id(value: Any, field: str) -> str:
    return value.strip() or "x" if isinstance(value, str) else checks.check_id(value, field)


def any_number(value: Any) -> Any:
    return value


def any_finite(value: Any) -> float:
    """Takes True for 1."""
    return finite(float(value) if isinstance(value, bool) else value)


def rounded_number(value: Any) -> float:
    return round(finite(value), 6)


def any_choice(value: Any, field: str, known: Any) -> None:
    pass


def folded_choice(value: Any, field: str, known: Any) -> None:
    check_choice(str(value).upper() if field == "source" else value, field, known)


def closed_choice(value: Any, field: str, known: Any) -> None:
    check_choice(value, field, [one for one in known if one != "graph_action"])


check_state, check_expected = workflow_rules.check_state, workflow_rules.check_expected
state_changer, results_changer = workflow_rules.state_changer, workflow_rules.results_changer
merged_result, overlaid, reset = workflow_rules.merged_result, workflow_rules._overlaid, workflow_rules._reset
empty_snapshot = workflow_rules.empty_snapshot
finite, check_choice = score_rules._finite, score_rules._check_choice

_SHARED: list[tuple[str, str, Callable[..., Any], str]] = [
    ("G1", "check_page", no_check, "no check"),
    ("G1", "check_page", nameless(checks.check_page), "errors say nothing"),
    ("G3", "more_follow", always_more, "a full last page"),
    ("G12", "check_id", blank_id, "no check"),
    ("G12", "check_id", trimmed_id, "trimmed"),
    ("G13", "check_owner_filter", no_filter, "no filter"),
    ("G15", "check_id", blank_id, "no check"),
]
MORE_MUTATIONS: list[tuple[str, Mutation]] = [
    *(("workflows", Mutation(rule, workflows, *what)) for rule, *what in _SHARED),
    *(("scores", Mutation(rule, scores, *what)) for rule, *what in _SHARED if rule != "G15"),
    *(
        ("workflows", Mutation(rule, module, name, replacement, note))
        for rule, module, name, replacement, note in [
            ("G7", workflows, "check_date_range", guessed_range, "naive times"),
            ("G7", workflow_rules, "check_instant", anything, "no check of times"),
            ("G8", workflow_rules, "freeze", careless_freeze, "no check of snapshots"),
            ("G8", workflows, "freeze", careless_freeze, "no check of results"),
            ("G8", workflow_rules, "freeze", float_freeze, "floats"),
            ("G10", workflows, "freeze", careless_freeze, "no check of results"),
            ("G11", workflows, "freeze", shared_freeze, "kept references"),
            ("W1", workflow_rules, "check_id", blank_id, "no check"),
            ("W3", workflow_rules, "freeze", careless_freeze, "no check"),
            ("W13", workflow_rules, "empty_snapshot", without_timestamp, "timestamp as text"),
            ("W13", workflow_rules, "empty_snapshot", running_snapshot, "already running"),
            ("W14", workflow_rules, "merged_result", with_keys_of_both, "keys merged"),
            ("W14", workflow_rules, "merged_result", lambda stored, given: {**given, "output": None}, "no output"),
            ("W15", workflow_rules, "merged_result", replaced, "replaced"),
            ("W15", workflow_rules, "merged_result", updated_keys, "keys updated by markers"),
            ("W15", workflow_rules, "is_pending", any_marker, "markers with more keys"),
            ("W15", workflow_rules, "is_pending", truthy_marker, "markers that are not true"),
            ("W15", workflow_rules, "is_pending", lambda value: False, "no markers"),
            ("W15", workflow_rules, "_overlaid", deep_overlay, "falsy values lost"),
            ("W15", workflow_rules, "_overlaid", cutting_overlay, "cut to the new length"),
            ("W15", workflow_rules, "_reset", short_reset, "not filled up"),
            ("W15", workflow_rules, "_may_reset", lambda value: value is not None, "finished ones are reset"),
            ("W15", workflow_rules, "_may_reset", lambda value: value is None, "suspended ones stay"),
            ("W15a", workflow_rules, "_reset", lambda before, after: before, "nothing is reset"),
            ("W15a", workflow_rules, "_overlaid", lambda before, after: after, "replaced"),
            ("W15a", workflow_rules, "_may_reset", lambda value: value is None, "suspended ones stay"),
            ("W15a", workflow_rules, "merged_result", updated_keys, "keys updated by markers"),
            ("W16", workflow_rules, "results_changer", forgetful_results, "replaced"),
            ("W18", workflow_rules, "state_changer", merged_state, "merged"),
            ("W18", workflow_rules, "check_state", deep_state, "None ignored"),
            ("W19", workflow_rules, "state_changer", creating_state, "created"),
            ("W20", workflow_rules, "check_expected", expecting_anything, "nothing is anything"),
            ("W20", workflow_rules, "check_expected", expecting_one, "one of several"),
            ("W22", workflow_rules, "results_changer", lenient_results, "a context is made"),
            ("W23", workflow_rules, "check_state", any_state, "no check"),
            ("W23", workflows, "check_id", blank_id, "no check"),
        ]
    ),
    *(
        ("scores", Mutation(rule, module, name, replacement, note))
        for rule, module, name, replacement, note in [
            ("G8", score_rules, "freeze", careless_freeze, "no check"),
            ("G8", score_rules, "freeze", float_freeze, "floats"),
            ("G10", score_rules, "freeze", careless_freeze, "no check"),
            ("G11", score_rules, "freeze", shared_freeze, "kept references"),
            ("G15", score_rules, "check_id", blank_id, "no check"),
            ("S3", score_rules, "check_id", blank_id, "no check of ids"),
            ("S3", score_rules, "check_str", anything, "no check of text"),
            ("S3", score_rules, "_finite", any_number, "no check of the number"),
            ("S3", score_rules, "_finite", any_finite, "bool is a number"),
            ("S4", score_rules, "_check_choice", any_choice, "no check"),
            ("S4", score_rules, "_check_choice", folded_choice, "case folded"),
            ("S4", score_rules, "_check_choice", closed_choice, "a type is missing"),
            ("S5", score_rules, "_finite", rounded_number, "rounded"),
            ("S10", scores, "check_id", blank_id, "no check"),
        ]
    ),
]
