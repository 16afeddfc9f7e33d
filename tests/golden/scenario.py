"""The golden scenario: what the packages were asked, what they answered, and where our contract answers otherwise."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.golden.changes import Change, changed
from tests.interop.python_side import Answer, Call
from tests.interop.values import expand

FIXTURES = Path(__file__).parents[1] / "fixtures"
DEPARTURES = Path(__file__).with_name("departures.json")

# The domains that are read so far; a later one is a row here and a table of methods in python_side.
DOMAINS = ("memory", "workflows", "scores", "observability")


class Departure(NamedTuple):
    """Steps whose answer differs on purpose: ``changes`` at paths make ours of Mastra's.

    ``runs`` says when. ``read``: our side reads the golden files. After our side has played the scenario, ``write`` is
    what it answered to the writes, ``reread`` what it reads then, ``typescript`` what the packages read then.
    """

    rule: str
    why: str
    runs: list[str]
    backends: list[str]
    steps: list[int]
    changes: list[Change]


RUNS = ("read", "write", "reread", "typescript")


def steps(kind: str) -> list[Call]:
    """The steps of one kind, ``read`` or ``write``, in order."""
    return [step for step in _inputs() if step["kind"] == kind and step["domain"] in DOMAINS]


def resolved(calls: Iterable[Call], written: Sequence[Answer]) -> list[Call]:
    """The calls with the ids that they refer to: ``$score:0`` is that of the first score saved.

    ``written`` are the answers to all writes, by Mastra or by us.
    """
    saved = [
        answer["result"]["score"]["id"]
        for step, answer in zip(steps("write"), written, strict=True)
        if step["method"] == "saveScore"
    ]
    ids = {f"$score:{number}": id for number, id in enumerate(saved)}
    return [{**call, "args": _replaced(call["args"], ids)} for call in calls]


def mastras_answer(step: int, adapter: str) -> Any:
    """What the adapter answered when the golden data was made."""
    answers = _expected()[step]["answers"]
    answer = next(answer for answer in answers if adapter in answer["backends"])
    if "error" in answer:
        return {"error": {"id": answer["error"]["id"].split("_", 3)[-1]}}
    return {"result": expand(answer["result"])}


def expected_answer(run: str, step: int, adapter: str) -> Any:
    """The same with the departures of this step. A change that changes nothing is no longer needed, and fails."""
    answer = mastras_answer(step, adapter)
    for departure in departures():
        if run in departure.runs and adapter in departure.backends and step in departure.steps:
            for change in departure.changes:
                answer = changed(answer, change)
    return answer


@cache
def departures() -> list[Departure]:
    """The reviewed file."""
    return [Departure(**entry) for entry in json.loads(DEPARTURES.read_text())]


def _replaced(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, str):
        return ids.get(value, value)
    if isinstance(value, list):
        return [_replaced(item, ids) for item in value]
    if isinstance(value, dict):
        return {key: _replaced(item, ids) for key, item in value.items()}
    return value


@cache
def _inputs() -> list[dict[str, Any]]:
    inputs: list[dict[str, Any]] = json.loads((FIXTURES / "inputs.json").read_text())
    return inputs


@cache
def _expected() -> list[dict[str, Any]]:
    expected: list[dict[str, Any]] = json.loads((FIXTURES / "expected.json").read_text())["steps"]
    return expected
