"""Mastra's methods of the scores domain."""

from __future__ import annotations

from mastra_store import Score, from_mastra

from .methods import Method, paging_apart, record, under

SCORES = {
    "saveScore": Method(
        "save_score",
        {"score": record(lambda value: from_mastra(Score, value))},
        positional=("score",),
        shape=under("score"),
    ),
    "getScoreById": Method("get_score_by_id"),
    "listScoresByScorerId": Method("list_scores_by_scorer_id", shape=paging_apart),
    "listScoresByRunId": Method("list_scores_by_run_id", shape=paging_apart),
    "listScoresByEntityId": Method("list_scores_by_entity_id", shape=paging_apart),
    "listScoresBySpan": Method("list_scores_by_span", shape=paging_apart),
    "dangerouslyClearAll": Method("dangerously_clear_all", void=True),
}
