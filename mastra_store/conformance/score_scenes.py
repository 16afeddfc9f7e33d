"""What checks of scores build before they look."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ..domains import ScoresStorage
from ..records import Score
from .expect import ensure
from .harness import RawRow
from .scenes import BASE, Names, a_moment_later

TABLE = "mastra_scorers"


def a_score(**fields: Any) -> Score:
    """A score of which only the required fields are filled, about things that no other check uses."""
    names = Names()
    required: dict[str, Any] = {
        "scorer_id": names("scorer"),
        "entity_id": names("entity"),
        "run_id": names("run"),
        "scorer": {"id": "relevance"},
        "entity": {"id": "agent"},
        "source": "LIVE",
        "score": 0.5,
        "output": "said",
    }
    return Score(**{**required, **fields})


async def saved_score(scores: ScoresStorage, **fields: Any) -> Score:
    """A stored score."""
    return await scores.save_score(score=a_score(**fields))


async def saved_in_turn(scores: ScoresStorage, names: Names, *ids: str, **fields: Any) -> list[Score]:
    """Stored scores with these ids, each a moment later than the one before."""
    saved = []
    for id in ids:
        saved.append(await saved_score(scores, id=names(id), **fields))
        await a_moment_later()
    return saved


async def score_of(scores: ScoresStorage, id: str) -> Score:
    """The stored score, which must be there."""
    score = await scores.get_score_by_id(id=id)
    ensure(score, f"score {id!r} should be there")
    return score  # type: ignore[return-value]


def found_by(names: Names) -> dict[str, str]:
    """The fields that the four lists look at, the same for all scores that are made with them."""
    return {
        "scorer_id": names("scorer"),
        "run_id": names("run"),
        "entity_id": names("entity"),
        "entity_type": "AGENT",
        "trace_id": names("trace"),
        "span_id": names("span"),
    }


LISTS: dict[str, tuple[str, ...]] = {
    "list_scores_by_scorer_id": ("scorer_id",),
    "list_scores_by_run_id": ("run_id",),
    "list_scores_by_entity_id": ("entity_id", "entity_type"),
    "list_scores_by_span": ("trace_id", "span_id"),
}
"""The list methods, and the fields that each of them requires."""


def lists_over(scores: Any, fields: Mapping[str, Any]) -> dict[str, partial[Any]]:
    """The list methods by name, each asked for the scores that have these fields."""
    return {
        method: partial(getattr(scores, method), **{name: fields[name] for name in required})
        for method, required in LISTS.items()
    }


def raw_score(names: Names, id: str, **columns: Any) -> RawRow:
    """A row of ``found_by(names)`` as another program may have written it."""
    return {
        "id": names(id),
        "scorerId": names("scorer"),
        "runId": names("run"),
        "entityId": names("entity"),
        "entityType": "AGENT",
        "traceId": names("trace"),
        "spanId": names("span"),
        "scorer": '{"id":"relevance"}',
        "entity": '{"id":"agent"}',
        "source": "LIVE",
        "score": 0.5,
        "input": "null",
        "output": '{"said":true}',
        "createdAt": BASE,
        "updatedAt": BASE,
        **columns,
    }
