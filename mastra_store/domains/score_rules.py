"""The parts of the score rules that are plain functions."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from msgspec.structs import replace

from ..instants import now
from ..payload import Payload, freeze
from ..records import Score
from .checks import check_id, check_str, invalid
from .score_plans import NewScore
from .span_types import SPAN_TYPES

SOURCES = ("LIVE", "TEST")
ENTITY_TYPES = frozenset({"AGENT", "WORKFLOW", "TRAJECTORY", "STEP", "EXTERNAL"}) | SPAN_TYPES
"""What a score may be about (S4)."""

_IDS = ("id", "scorer_id", "entity_id", "run_id")
_MAPPINGS = ("scorer", "entity")
_OPTIONAL_MAPPINGS = (
    "metadata",
    "additional_context",
    "request_context",
    "preprocess_step_result",
    "extract_step_result",
    "analyze_step_result",
)
_ANY = ("input", "output")
_TEXTS = (
    "trace_id",
    "span_id",
    "reason",
    "preprocess_prompt",
    "extract_prompt",
    "analyze_prompt",
    "generate_score_prompt",
    "generate_reason_prompt",
    "reason_prompt",
    "resource_id",
    "thread_id",
    "organization_id",
    "project_id",
    "batch_id",
    "dataset_id",
    "dataset_item_id",
)


def new_score(score: Any) -> NewScore:
    """A checked, detached copy of the score to save, with fresh times (S1, S3, S4)."""
    if not isinstance(score, Score):
        raise invalid("score must be a Score", "score")
    for name in _IDS:
        check_id(getattr(score, name), name)
    for name in _TEXTS:
        if getattr(score, name) is not None:
            check_str(getattr(score, name), name)
    _check_choice(score.source, "source", SOURCES)
    if score.entity_type is not None:
        _check_choice(score.entity_type, "entity_type", ENTITY_TYPES)
    payloads = {name: _payload(getattr(score, name), name) for name in (*_MAPPINGS, *_OPTIONAL_MAPPINGS, *_ANY)}
    values: dict[str, Any] = {name: payload.value if payload else None for name, payload in payloads.items()}
    moment = now()
    copy = replace(score, **values, score=_finite(score.score), created_at=moment, updated_at=moment)
    return NewScore(copy, payloads)


def _payload(value: Any, name: str) -> Payload | None:
    if value is None and name not in _MAPPINGS:
        return None
    if name in _ANY:
        return freeze(value, name)
    if not isinstance(value, Mapping):
        raise invalid(f"{name} must be a mapping{'' if name in _MAPPINGS else ' or None'}", name)
    return freeze(dict(value), name)


def _finite(value: Any) -> float:
    """A score is a finite number; ``bool`` is none (S3)."""
    try:
        number = None if isinstance(value, bool) or not isinstance(value, (int, float)) else float(value)
    except OverflowError:
        number = None
    if number is None or not isfinite(number):
        raise invalid("score must be a finite number", "score")
    return number


def _check_choice(value: Any, field: str, known: Any) -> None:
    if not isinstance(value, str) or value not in known:
        raise invalid(f"{field} must be one of {', '.join(sorted(known))}", field)
