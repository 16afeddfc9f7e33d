"""Workflow runs with snapshots of about 20 KB, results of single steps, and scores."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from .words import sentence, uuid

WORKFLOW = "weather-report"
READ_RUNS, WRITTEN_RUNS = 64, 256
_START = datetime(2026, 1, 1, tzinfo=UTC)
_MATERIAL = 8
_STEPS = 12
_EPOCH = 1_767_225_600_000


class RunRow(NamedTuple):
    """A stored run; ``snapshot`` is a number that ``snapshots()`` resolves."""

    run_id: str
    resource_id: str
    snapshot: int
    created_at: datetime


class NewSnapshot(NamedTuple):
    """The state of a run, to be persisted."""

    run_id: str
    snapshot: dict[str, Any]


class StepResult(NamedTuple):
    """What a step of a run has found, to be merged into the run's snapshot."""

    run_id: str
    step_id: str
    result: dict[str, Any]
    request_context: dict[str, Any]


class ScoreRow(NamedTuple):
    """All that the caller decides about a score."""

    id: str
    scorer_id: str
    entity_id: str
    run_id: str
    scorer: dict[str, Any]
    entity: dict[str, Any]
    source: str
    score: float
    output: Any
    input: Any
    entity_type: str | None
    trace_id: str | None
    span_id: str | None
    reason: str | None
    metadata: dict[str, Any] | None
    additional_context: dict[str, Any] | None
    request_context: dict[str, Any] | None
    preprocess_step_result: dict[str, Any] | None
    extract_step_result: dict[str, Any] | None
    analyze_step_result: dict[str, Any] | None
    preprocess_prompt: str | None
    extract_prompt: str | None
    analyze_prompt: str | None
    generate_score_prompt: str | None
    generate_reason_prompt: str | None
    reason_prompt: str | None
    resource_id: str | None
    thread_id: str | None
    organization_id: str | None
    project_id: str | None
    batch_id: str | None
    dataset_id: str | None
    dataset_item_id: str | None


SCORE_JSON = (
    "scorer",
    "preprocess_step_result",
    "extract_step_result",
    "analyze_step_result",
    "metadata",
    "input",
    "output",
    "additional_context",
    "request_context",
    "entity",
)
PLAIN_JSON = "extract_step_result"
"""In PostgreSQL all others hold a JSON string that holds JSON (storage format 3)."""


def read_run(number: int) -> str:
    """A run to load."""
    return uuid(f"run-{number}")


def written_run(number: int) -> str:
    """A run to write to."""
    return uuid(f"written-{number}")


def stored_runs() -> Iterator[RunRow]:
    """All runs, those that are written to last."""
    ids = [read_run(number) for number in range(READ_RUNS)] + [written_run(number) for number in range(WRITTEN_RUNS)]
    for number, id in enumerate(ids):
        yield RunRow(id, f"user-{number % 9}", number % _MATERIAL, _START + timedelta(minutes=number))


def snapshot_of(run_id: str) -> dict[str, Any]:
    """What is stored before anything is written."""
    return snapshots()[next(row.snapshot for row in stored_runs() if row.run_id == run_id)]


def new_snapshot(run_id: str, number: int) -> NewSnapshot:
    """Another state of a run."""
    return NewSnapshot(run_id, snapshots()[number % _MATERIAL])


def new_result(run_id: str, number: int) -> StepResult:
    """Another result of one of its steps."""
    step = number % _STEPS
    return StepResult(run_id, f"step-{step}", results()[number % len(results())], {"locale": "en", "turn": number % 9})


def new_score(number: int) -> ScoreRow:
    """A score never saved before, as long as ``number`` moves on."""
    return score_rows()[number % _MATERIAL]._replace(id=f"saved-{number:012d}")


@cache
def snapshots() -> list[dict[str, Any]]:
    """States of a run with twelve steps, about 20 KB as JSON."""
    return [_snapshot(random.Random(f"snapshot-{number}")) for number in range(_MATERIAL)]


@cache
def results() -> list[dict[str, Any]]:
    """Results of steps, about as large as those in a snapshot."""
    return [_result(random.Random(f"result-{number}"), number) for number in range(2 * _MATERIAL)]


@cache
def score_rows() -> list[ScoreRow]:
    """Scores of answers, about 3 KB each."""
    return [_score(random.Random(f"score-{number}"), number) for number in range(_MATERIAL)]


def _snapshot(chance: random.Random) -> dict[str, Any]:
    steps = [f"step-{number}" for number in range(_STEPS)]
    context: dict[str, Any] = {"input": {"city": sentence(chance, 2), "days": 5, "question": sentence(chance, 40)}}
    context |= {step: _result(chance, number) for number, step in enumerate(steps)}
    graph = [{"type": "step", "step": {"id": step, "description": sentence(chance, 15)}} for step in steps]
    waiting = {"status": "suspended", "payload": {"day": 1}, "suspendPayload": {"reason": sentence(chance, 12)}}
    return {
        "runId": uuid(str(chance.random())),
        "status": "suspended",
        "value": dict.fromkeys(steps, "success"),
        "context": {**context, "approval": {**waiting, "startedAt": _EPOCH, "suspendedAt": _EPOCH + 40}},
        "serializedStepGraph": graph,
        "activePaths": [_STEPS],
        "activeStepsPath": {"approval": [_STEPS]},
        "suspendedPaths": {"approval": [_STEPS]},
        "resumeLabels": {"approve": {"stepId": "approval"}},
        "waitingPaths": {},
        "requestContext": {"locale": "en", "tenant": "tenant-1"},
        "timestamp": _EPOCH + chance.randrange(10**6),
    }


def _result(chance: random.Random, number: int) -> dict[str, Any]:
    """About 1.5 KB: what went in, and what came out as nested objects."""
    days = [
        {"day": day, "text": sentence(chance, 14), "high": round(chance.uniform(1.1, 30), 2), "ok": day % 2 == 0}
        for day in range(6)
    ]
    return {
        "status": "success",
        "payload": {"city": sentence(chance, 2), "note": sentence(chance, 20), "previous": None},
        "output": {"forecast": days, "summary": sentence(chance, 40), "sources": [], "meta": {"model": "example-1"}},
        "startedAt": _EPOCH + number,
        "endedAt": _EPOCH + number + 25,
    }


def _score(chance: random.Random, number: int) -> ScoreRow:
    answer = {"format": 2, "parts": [{"type": "text", "text": sentence(chance, 70)}]}
    return ScoreRow(
        id="",
        scorer_id="relevance",
        entity_id=f"agent-{number}",
        run_id=uuid(f"scored-{number}"),
        scorer={"id": "relevance", "name": "Relevance", "description": sentence(chance, 12)},
        entity={"id": f"agent-{number}", "name": f"Agent {number}", "instructions": sentence(chance, 30)},
        source="LIVE",
        score=round(chance.uniform(0.01, 0.99), 3),
        output=[{"role": "assistant", "content": answer}],
        input={"inputMessages": [{"role": "user", "content": sentence(chance, 40)}], "systemMessages": []},
        entity_type="AGENT",
        trace_id=uuid(f"scored-trace-{number}"),
        span_id=uuid(f"scored-span-{number}"),
        reason=sentence(chance, 30),
        metadata={"tenant": "tenant-1", "attempt": number},
        additional_context={"locale": "en"},
        request_context={"plan": "free"},
        preprocess_step_result={"statements": [sentence(chance, 8) for _ in range(4)]},
        extract_step_result={"facts": [sentence(chance, 6) for _ in range(4)]},
        analyze_step_result={"verdicts": [{"verdict": "yes", "reason": sentence(chance, 10)} for _ in range(4)]},
        preprocess_prompt=sentence(chance, 30),
        extract_prompt=None,
        analyze_prompt=sentence(chance, 30),
        generate_score_prompt=None,
        generate_reason_prompt=sentence(chance, 20),
        reason_prompt=None,
        resource_id="user-1",
        thread_id=uuid(f"scored-thread-{number}"),
        organization_id="org-1",
        project_id="project-1",
        batch_id=None,
        dataset_id=None,
        dataset_item_id=None,
    )
