"""Scores: what scorers found. The rules S1 to S13 stand here; a backend fills in the private hooks."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from ..records import Score, ScorePage
from . import score_rules as rules
from .base import DomainStorage, hook, no_orm, operation
from .checks import check_id, check_owner_filter, check_page, check_str, more_follow
from .score_plans import NewScore, ScoreQuery

if TYPE_CHECKING:
    from ..models.scores import ScoreModels


class ScoresStorage(DomainStorage):
    """Results of evaluations. Lists are ordered newest first, ties by id descending (S7).

    Every method is a coroutine with keyword-only arguments. Records that are returned are detached copies (G11). The
    rules (S1 to S13) are in the contract; each method names those it follows.
    """

    domain: ClassVar[str] = "scores"

    @property
    def models(self) -> ScoreModels:
        """The Tortoise classes bound to this storage's database, on SQL backends, for ad-hoc queries.

        Raises ``UnsupportedOperationError`` where the backend has none.
        """
        raise no_orm(self, "models")

    @operation("SAVE_SCORE")
    async def save_score(self, *, score: Score) -> Score:
        """Insert a score, or replace the whole row with its id; sets both times; returns it as stored (S1 to S5)."""
        row = rules.new_score(score)
        await self._put_score(row)
        return row.score

    @operation("GET_SCORE_BY_ID")
    async def get_score_by_id(self, *, id: str) -> Score | None:
        """The score, or ``None`` (S6)."""
        return await self._find_score(check_id(id, "id"))

    @operation("LIST_SCORES_BY_SCORER_ID")
    async def list_scores_by_scorer_id(
        self,
        *,
        scorer_id: str,
        entity_id: str | None = None,
        entity_type: str | None = None,
        source: str | None = None,
        organization_id: str | None = None,
        project_id: str | None = None,
        page: int = 0,
        per_page: int | None = 100,
    ) -> ScorePage:
        """Scores of one scorer, narrowed by exact filters (S8)."""
        offset = check_page(page, per_page)
        equal = {"scorer_id": check_id(scorer_id, "scorer_id")}
        for name, value in (("entity_id", entity_id), ("entity_type", entity_type), ("source", source)):
            if value is not None:
                equal[name] = check_str(value, name)
        return await self._list(equal, organization_id, project_id, page, per_page, offset)

    @operation("LIST_SCORES_BY_RUN_ID")
    async def list_scores_by_run_id(
        self,
        *,
        run_id: str,
        organization_id: str | None = None,
        project_id: str | None = None,
        page: int = 0,
        per_page: int | None = 100,
    ) -> ScorePage:
        """Scores of one run (S9)."""
        offset = check_page(page, per_page)
        equal = {"run_id": check_id(run_id, "run_id")}
        return await self._list(equal, organization_id, project_id, page, per_page, offset)

    @operation("LIST_SCORES_BY_ENTITY_ID")
    async def list_scores_by_entity_id(
        self,
        *,
        entity_id: str,
        entity_type: str,
        organization_id: str | None = None,
        project_id: str | None = None,
        page: int = 0,
        per_page: int | None = 100,
    ) -> ScorePage:
        """Scores of one entity, by id and type (S9)."""
        offset = check_page(page, per_page)
        equal = {
            "entity_id": check_id(entity_id, "entity_id"),
            "entity_type": check_id(entity_type, "entity_type"),
        }
        return await self._list(equal, organization_id, project_id, page, per_page, offset)

    @operation("LIST_SCORES_BY_SPAN")
    async def list_scores_by_span(
        self,
        *,
        trace_id: str,
        span_id: str,
        organization_id: str | None = None,
        project_id: str | None = None,
        page: int = 0,
        per_page: int | None = 100,
    ) -> ScorePage:
        """Scores of one span (S9)."""
        offset = check_page(page, per_page)
        equal = {"trace_id": check_id(trace_id, "trace_id"), "span_id": check_id(span_id, "span_id")}
        return await self._list(equal, organization_id, project_id, page, per_page, offset)

    async def _list(
        self,
        equal: dict[str, str],
        organization_id: str | None,
        project_id: str | None,
        page: int,
        per_page: int | None,
        offset: int,
    ) -> ScorePage:
        """A page of the scores with equal values, within a tenant if one is named (S7, S11)."""
        for name, value in (("organization_id", organization_id), ("project_id", project_id)):
            owner = check_owner_filter(value, name)
            if owner is not None:
                equal[name] = owner
        scores, total = await self._select_scores(ScoreQuery(equal, offset, per_page))
        has_more = more_follow(offset, per_page, total)
        return ScorePage(scores=scores, total=total, page=page, per_page=per_page, has_more=has_more)

    # -- hooks of a backend ------------------------------------------------------------------------------------------

    @hook
    @abstractmethod
    async def _put_score(self, row: NewScore) -> None:
        """Insert, or replace all columns of the row with that id, so that no reader misses the id in between (S2)."""

    @hook
    @abstractmethod
    async def _find_score(self, id: str) -> Score | None:
        """One score by id."""

    @hook
    @abstractmethod
    async def _select_scores(self, query: ScoreQuery) -> tuple[list[Score], int]:
        """A page and the total, ordered by ``created_at``, then ``id``, both descending (S7)."""
