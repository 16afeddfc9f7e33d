"""The scores domain over a plain dict: the private hooks in their simplest correct form.

Payloads are kept as JSON text, so that every read makes a fresh copy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from msgspec.structs import replace

from mastra_store.conformance import RawRow
from mastra_store.conformance.score_carriers import PAYLOADS
from mastra_store.domains import ScoresStorage
from mastra_store.domains.score_plans import NewScore, ScoreQuery
from mastra_store.payload import decode
from mastra_store.records import Score


class Kept(NamedTuple):
    """A score without its payloads, and the JSON text of those that it has."""

    score: Score
    texts: dict[str, str]


class InMemoryScores(ScoresStorage):
    """The reference: what every backend must look like from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, Kept] = {}

    def twin(self) -> Self:
        """Another storage over the same rows, as a second connection to a database would be."""
        twin = type(self)()
        twin.rows = self.rows
        return twin

    async def write_raw(self, table: str, rows: Sequence[RawRow]) -> None:
        """Put rows into the table as they are."""
        assert table == "mastra_scorers"
        names = dict(zip(Score.__struct_encode_fields__, Score.__struct_fields__, strict=True))
        for row in rows:
            columns = {names[column]: value for column, value in row.items()}
            texts = {name: columns.pop(name) for name in PAYLOADS if name in columns}
            self.rows[columns["id"]] = Kept(Score(**columns, scorer={}, entity={}, output=None), texts)

    async def _init(self) -> None:
        pass

    async def _close(self) -> None:
        pass

    async def dangerously_clear_all(self) -> None:
        self.rows.clear()

    async def _put_score(self, row: NewScore) -> None:
        await self._elsewhere()
        self._keep(row)

    async def _find_score(self, id: str) -> Score | None:
        await self._elsewhere()
        return self._score(id) if id in self.rows else None

    async def _select_scores(self, query: ScoreQuery) -> tuple[list[Score], int]:
        await self._elsewhere()
        found = [kept.score for kept in self.rows.values() if self._matches(kept.score, query)]
        found.sort(key=self._rank, reverse=True)
        end = None if query.limit is None else query.offset + query.limit
        return [self._score(score.id) for score in found[query.offset : end]], len(found)

    async def _elsewhere(self) -> None:
        """Let other callers run, as a database would."""
        await asyncio.sleep(0)

    def _keep(self, row: NewScore) -> None:
        texts = {name: payload.text for name, payload in row.payloads.items() if payload is not None}
        self.rows[row.score.id] = Kept(replace(row.score, **dict.fromkeys(PAYLOADS, None)), texts)

    def _score(self, id: str) -> Score:
        score, texts = self.rows[id]
        return replace(score, **{name: decode(text) for name, text in texts.items()})

    def _matches(self, score: Score, query: ScoreQuery) -> bool:
        return all(getattr(score, name) == value for name, value in query.equal.items())

    def _rank(self, score: Score) -> Any:
        return score.created_at, score.id
