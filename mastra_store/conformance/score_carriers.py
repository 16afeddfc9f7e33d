"""Every way to write payloads and text of the scores domain, and to read them again (G8, G9)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from ..domains import ScoresStorage
from ..records import Score
from .expect import equal
from .scenes import Names
from .score_scenes import a_score, found_by, lists_over, saved_score, score_of

MAPPINGS = (
    "scorer",
    "entity",
    "metadata",
    "additional_context",
    "request_context",
    "preprocess_step_result",
    "extract_step_result",
    "analyze_step_result",
)
ANY = ("input", "output")
PAYLOADS = (*MAPPINGS, *ANY)
TEXTS = (
    "reason",
    "preprocess_prompt",
    "extract_prompt",
    "analyze_prompt",
    "generate_score_prompt",
    "generate_reason_prompt",
    "reason_prompt",
    "resource_id",
    "thread_id",
    "batch_id",
    "dataset_id",
    "dataset_item_id",
)
"""Text that no list asks for."""
ASKED = ("scorer_id", "run_id", "entity_id", "trace_id", "span_id", "organization_id", "project_id")
"""Text that lists ask for."""


async def by_save_score(scores: ScoresStorage, value: dict[str, Any]) -> list[Any]:
    """Every payload of a score."""
    saved = await saved_score(scores, **dict.fromkeys(PAYLOADS, value))
    listed = await scores.list_scores_by_run_id(run_id=saved.run_id)
    found = [saved, await score_of(scores, saved.id), *listed.scores]
    return [getattr(score, name) for score in found for name in PAYLOADS]


async def by_save_score_again(scores: ScoresStorage, value: dict[str, Any]) -> list[Any]:
    """Every payload of a score that replaces another."""
    old = await saved_score(scores, **{name: {"old": 1} for name in MAPPINGS})
    saved = await saved_score(scores, id=old.id, **dict.fromkeys(PAYLOADS, value))
    return [getattr(score, name) for score in (saved, await score_of(scores, saved.id)) for name in PAYLOADS]


CARRIERS = {"save": by_save_score, "save again": by_save_score_again}


async def _text(field: str, scores: ScoresStorage, names: Names, text: str) -> list[Any]:
    saved = await saved_score(scores, run_id=names("r"), **{field: text})
    listed = await scores.list_scores_by_run_id(run_id=names("r"))
    return [getattr(score, field) for score in (saved, await score_of(scores, saved.id), *listed.scores)]


async def _asked(field: str, scores: ScoresStorage, names: Names, text: str) -> list[Any]:
    """Text that lists are asked for; it is found by it."""
    fields = {**found_by(names), field: names(text)}
    saved = await saved_score(scores, **fields)
    tenant = {name: names(text) for name in ("organization_id", "project_id") if name == field}
    found = [saved, await score_of(scores, saved.id)]
    for lister in lists_over(scores, fields).values():
        (listed,) = (await lister(**tenant)).scores
        found.append(listed)
    return names.short([getattr(score, field) for score in found])


async def _id(scores: ScoresStorage, names: Names, text: str) -> list[Any]:
    saved = await saved_score(scores, id=names(text))
    listed = await scores.list_scores_by_run_id(run_id=saved.run_id)
    return names.short([saved, await score_of(scores, saved.id), *listed.scores])


async def _payload(field: str, scores: ScoresStorage, names: Names, text: str) -> list[Any]:
    saved = await saved_score(scores, **{field: {"text": text, f"key{text}": [text]}})
    read = getattr(await score_of(scores, saved.id), field)
    return [getattr(saved, field)["text"], read["text"], read.get(f"key{text}", [None])[0]]


async def _any(field: str, scores: ScoresStorage, names: Names, text: str) -> list[Any]:
    saved = await saved_score(scores, **{field: text})
    return [getattr(saved, field), getattr(await score_of(scores, saved.id), field)]


COLUMNS = {
    "id": _id,
    **{name: partial(_text, name) for name in TEXTS},
    **{name: partial(_asked, name) for name in ASKED},
    **{f"payload {name}": partial(_payload, name) for name in PAYLOADS},
    **{f"text {name}": partial(_any, name) for name in ANY},
}


async def writers(scores: ScoresStorage, names: Names) -> dict[tuple[str, str], Callable[[Any], Awaitable[Any]]]:
    """Every payload of a score, by operation and field, as functions of the payload."""
    await scores.save_score(score=_scene(names))

    def save(field: str, value: Any) -> Awaitable[Score]:
        changed: dict[str, Any] = {"reason": "new", field: value}
        return saved_score(scores, id=names("s"), **changed)

    return {("SAVE_SCORE", name): partial(save, name) for name in PAYLOADS}


async def nothing_written(scores: ScoresStorage, names: Names) -> None:
    """The scene of ``writers`` is as it was."""
    stored = await score_of(scores, names("s"))
    equal((stored.reason, stored.metadata, stored.output), ("old", {"old": 1}, "said"), "the score")


def _scene(names: Names) -> Score:
    return a_score(id=names("s"), reason="old", metadata={"old": 1})
