"""Records of the scores domain: what a scorer found about one run, and pages of that."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import msgspec

from ..instants import now
from .base import Record, new_id
from .paging import NestedPage

_FOLLOWS_CREATED_AT = cast(datetime, None)


class Score(Record, kw_only=True):
    """The result of one scorer for one run (table ``mastra_scorers``).

    ``input`` and ``output`` may be any JSON value. ``source`` is ``LIVE`` or ``TEST``; ``entity_type`` is one of S4.
    ``save_score`` sets both times.
    """

    id: str = msgspec.field(default_factory=new_id)
    scorer_id: str
    entity_id: str
    run_id: str
    scorer: dict[str, Any]
    entity: dict[str, Any]
    source: str
    score: float
    output: Any
    input: Any = None
    entity_type: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    reason: str | None = None
    metadata: dict[str, Any] | None = None
    additional_context: dict[str, Any] | None = None
    request_context: dict[str, Any] | None = None
    preprocess_step_result: dict[str, Any] | None = None
    extract_step_result: dict[str, Any] | None = None
    analyze_step_result: dict[str, Any] | None = None
    preprocess_prompt: str | None = None
    extract_prompt: str | None = None
    analyze_prompt: str | None = None
    generate_score_prompt: str | None = None
    generate_reason_prompt: str | None = None
    reason_prompt: str | None = None
    resource_id: str | None = None
    thread_id: str | None = None
    organization_id: str | None = None
    project_id: str | None = None
    batch_id: str | None = None
    dataset_id: str | None = None
    dataset_item_id: str | None = None
    created_at: datetime = msgspec.field(default_factory=now)
    updated_at: datetime = _FOLLOWS_CREATED_AT

    def __post_init__(self) -> None:
        if self.updated_at is _FOLLOWS_CREATED_AT:
            self.updated_at = self.created_at

    @classmethod
    def _from_mastra(cls, data: dict[str, Any]) -> dict[str, Any]:
        data.setdefault("output", None)  # an output that was null is left out of Mastra's JSON
        return data


class ScorePage(NestedPage, kw_only=True):
    """A page of scores."""

    scores: list[Score]
