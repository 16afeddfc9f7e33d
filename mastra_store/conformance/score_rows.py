"""Scores as other programs left them (S4, S5)."""

from __future__ import annotations

from ..domains import ScoresStorage
from .expect import equal
from .harness import Harness
from .registry import check
from .scenes import BASE, Names, at
from .score_scenes import TABLE, found_by, lists_over, raw_score, score_of

S = "scores"


@check("S4", needs="raw_rows", domain=S)
async def check_foreign_values_are_read(scores: ScoresStorage, harness: Harness) -> None:
    """Rows whose source or entity type is none of those known are read, listed, and found by these values."""
    names = Names()
    rows = {"1": ("OTHER", "ROBOT"), "2": ("live", "agent"), "3": ("", "")}
    await harness.write_raw(
        TABLE, *(raw_score(names, id, source=source, entityType=type) for id, (source, type) in rows.items())
    )
    for id, (source, type) in rows.items():
        score = await score_of(scores, names(id))
        equal((score.source, score.entity_type), (source, type))
    page = await scores.list_scores_by_run_id(run_id=names("run"))
    equal(names.short(page.scores), list("321"))
    page = await scores.list_scores_by_entity_id(entity_id=names("entity"), entity_type="ROBOT")
    equal(names.short(page.scores), ["1"], "by entity")
    page = await scores.list_scores_by_scorer_id(scorer_id=names("scorer"), source="OTHER")
    equal(names.short(page.scores), ["1"], "by source")


@check("S5", needs="raw_rows", domain=S)
async def check_columns_left_out_are_none(scores: ScoresStorage, harness: Harness) -> None:
    """Rows without the columns that older programs did not know read with None for them."""
    names = Names()
    row = {**raw_score(names, "1"), "input": '{"a":[1,{}]}', "output": "[]"}
    left_out = ("traceId", "spanId", "entityType")
    await harness.write_raw(TABLE, {name: value for name, value in row.items() if name not in left_out})
    score = await score_of(scores, names("1"))
    equal((score.input, score.output, score.scorer), ({"a": [1, {}]}, [], {"id": "relevance"}))
    missing = ("trace_id", "span_id", "entity_type", "reason", "metadata", "request_context", "organization_id")
    equal([getattr(score, name) for name in missing], [None] * len(missing))
    equal([score.created_at, score.updated_at], [BASE, BASE])


@check("S2", "S7", needs="raw_rows", domain=S)
async def check_foreign_scores_are_replaced(scores: ScoresStorage, harness: Harness) -> None:
    """A row of another program is replaced whole by a score of its id, with fresh times."""
    names = Names()
    await harness.write_raw(
        TABLE, raw_score(names, "1", reason="old", metadata='{"a":1}'), raw_score(names, "2", createdAt=at(60))
    )
    fields = found_by(names)
    for lister in lists_over(scores, fields).values():
        equal(names.short((await lister()).scores), ["2", "1"])
    score = await score_of(scores, names("1"))
    score.reason = score.metadata = None
    saved = await scores.save_score(score=score)
    equal(await score_of(scores, names("1")), saved)
    equal((saved.reason, saved.metadata, saved.created_at > at(60)), (None, None, True))
    for lister in lists_over(scores, fields).values():
        equal(names.short((await lister()).scores), ["1", "2"], "in lists")
