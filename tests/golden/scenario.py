"""The golden scenario: what the packages were asked, what they answered, and where our contract answers otherwise."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.interop.python_side import Call
from tests.interop.values import differences, expand

FIXTURES = Path(__file__).parents[1] / "fixtures"
DEPARTURES = Path(__file__).with_name("departures.json")

# The domains that are read so far; a later one is a row here and a table of methods in python_side.
DOMAINS = ("memory",)

Change = dict[str, Any]


class Departure(NamedTuple):
    """A step whose answer differs on purpose: ``changes`` (add, remove, replace at a path) make ours of Mastra's.

    ``runs`` says when. ``read``: our side reads the golden files. After our side has played the scenario, ``write`` is
    what it answered to the writes, ``reread`` what it reads then, ``typescript`` what the packages read then.
    """

    rule: str
    why: str
    runs: list[str]
    backends: list[str]
    step: int
    changes: list[Change]


RUNS = ("read", "write", "reread", "typescript")


def steps(kind: str) -> list[Call]:
    """The steps of one kind, ``read`` or ``write``, in order."""
    return [step for step in _inputs() if step["kind"] == kind and step["domain"] in DOMAINS]


def mastras_answer(step: int, adapter: str) -> Any:
    """What the adapter answered when the golden data was made."""
    answers = _expected()[step]["answers"]
    answer = next(answer for answer in answers if adapter in answer["backends"])
    if "error" in answer:
        return {"error": {"id": answer["error"]["id"].split("_", 3)[-1]}}
    return {"result": expand(answer["result"])}


def expected_answer(run: str, step: int, adapter: str) -> Any:
    """The same with the departures of this step. Each change must change something, or it is no longer needed."""
    answer = mastras_answer(step, adapter)
    for departure in departures():
        if run in departure.runs and adapter in departure.backends and step == departure.step:
            for change in departure.changes:
                before = deepcopy(answer)
                answer = _changed(answer, change)
                assert differences(before, answer), f"step {step} ({departure.rule}): {change} changes nothing"
    return answer


@cache
def departures() -> list[Departure]:
    """The reviewed file."""
    return [Departure(**entry) for entry in json.loads(DEPARTURES.read_text())]


def _changed(answer: Any, change: Change) -> Any:
    *parents, last = change["path"].split("/")
    if not parents:
        return deepcopy(change["value"])
    place = answer
    for key in parents[1:]:
        place = place[int(key) if isinstance(place, list) else key]
    last = int(last) if isinstance(place, list) else last
    if change["op"] == "add" and isinstance(place, list):
        place.insert(last, deepcopy(change["value"]))
    elif change["op"] == "remove":
        del place[last]
    else:
        assert (last in place) == (change["op"] == "replace") or isinstance(place, list)
        place[last] = deepcopy(change["value"])
    return answer


@cache
def _inputs() -> list[dict[str, Any]]:
    inputs: list[dict[str, Any]] = json.loads((FIXTURES / "inputs.json").read_text())
    return inputs


@cache
def _expected() -> list[dict[str, Any]]:
    expected: list[dict[str, Any]] = json.loads((FIXTURES / "expected.json").read_text())["steps"]
    return expected
