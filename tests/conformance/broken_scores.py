"""Mistakes of a scores storage."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from msgspec.structs import replace

from mastra_store.conformance.score_carriers import PAYLOADS
from mastra_store.domains.score_plans import NewScore, ScoreQuery
from mastra_store.errors import ConflictError, CorruptRecordError, ValidationError
from mastra_store.payload import decode, encode
from mastra_store.records import Score, ScorePage

from .broken import breaks
from .reference_scores import InMemoryScores, Kept


class _Spoils(InMemoryScores):
    """Base of those that keep something else than they are given."""

    def spoil(self, kept: Kept, before: Kept | None) -> Kept:
        raise NotImplementedError

    def _keep(self, row: NewScore) -> None:
        before = self.rows.get(row.score.id)
        super()._keep(row)
        self.rows[row.score.id] = self.spoil(self.rows[row.score.id], before)


@breaks("S1", "S6")
class ForgetsPrompts(_Spoils):
    """Does not keep a field."""

    def spoil(self, kept: Kept, before: Kept | None) -> Kept:
        return kept._replace(score=replace(kept.score, generate_reason_prompt=None))


@breaks("S1")
class TakesGivenTimes(InMemoryScores):
    """Takes over the times of the record."""

    async def save_score(self, *, score: Score) -> Score:
        saved = await super().save_score(score=score)
        times = {"created_at": score.created_at, "updated_at": score.updated_at}
        kept = self.rows[saved.id]
        self.rows[saved.id] = kept._replace(score=replace(kept.score, **times))
        return replace(saved, **times)


@breaks("S2")
class KeepsCreatedAt(_Spoils):
    """Keeps created_at when a score is saved again."""

    def spoil(self, kept: Kept, before: Kept | None) -> Kept:
        return kept if before is None else Kept(replace(kept.score, created_at=before.score.created_at), kept.texts)


@breaks("S2")
class MergesFields(_Spoils):
    """Leaves what the new record does not have."""

    def spoil(self, kept: Kept, before: Kept | None) -> Kept:
        return kept if before is None else kept._replace(texts={**before.texts, **kept.texts})


@breaks("S2")
class RefusesSecondSaves(InMemoryScores):
    """Refuses an id that is there."""

    def _keep(self, row: NewScore) -> None:
        if row.score.id in self.rows:
            raise ConflictError("UNIQUE constraint failed")
        super()._keep(row)


@breaks("S2")
class DeletesAndInserts(InMemoryScores):
    """Lets readers in between deleting and inserting."""

    async def _put_score(self, row: NewScore) -> None:
        self.rows.pop(row.score.id, None)
        await asyncio.sleep(0)
        await super()._put_score(row)


@breaks("S4")
class TrustsNobody(InMemoryScores):
    """Refuses to read what others wrote."""

    def _score(self, id: str) -> Score:
        score = super()._score(id)
        if score.source not in ("LIVE", "TEST"):
            raise CorruptRecordError("unknown source")
        return score


@breaks("S5")
class DecodesTwice(InMemoryScores):
    """Takes text that looks like JSON for JSON."""

    def _score(self, id: str) -> Score:
        score = super()._score(id)
        for name in ("input", "output"):
            if isinstance(value := getattr(score, name), str):
                with contextlib.suppress(ValueError):
                    setattr(score, name, json.loads(value))
        return score


@breaks("S5")
class StoresEmptyText(_Spoils):
    """Stores an empty text for an absent input or output."""

    def spoil(self, kept: Kept, before: Kept | None) -> Kept:
        return kept._replace(texts={"input": '""', "output": '""', **kept.texts})


@breaks("S5")
class KeepsFewDigits(_Spoils):
    """Keeps a score in single precision."""

    def spoil(self, kept: Kept, before: Kept | None) -> Kept:
        return kept._replace(score=replace(kept.score, score=float(f"{kept.score.score:.7g}")))


@breaks("S5", "G8")
class DropsEmpties(_Spoils):
    """Takes empty payloads for absent ones."""

    def spoil(self, kept: Kept, before: Kept | None) -> Kept:
        needed = ("scorer", "entity")
        texts = {name: text for name, text in kept.texts.items() if name in needed or text not in ("{}", "[]", '""')}
        return kept._replace(texts=texts)


@breaks("G8", "S5")
class SortsKeys(_Spoils):
    """Forgets the order of keys, and digits."""

    def spoil(self, kept: Kept, before: Kept | None) -> Kept:
        def recode(text: str) -> str:
            return json.dumps(json.loads(text, parse_int=lambda digits: int(float(digits))), sort_keys=True)

        return kept._replace(texts={name: recode(text) for name, text in kept.texts.items()})


@breaks("S7", "G5")
class ForgetsTies(InMemoryScores):
    """Orders by time alone."""

    def _rank(self, score: Score) -> Any:
        return score.created_at


@breaks("S7")
class OldestFirst(InMemoryScores):
    """Lists the oldest score first."""

    def _rank(self, score: Score) -> Any:
        return -score.created_at.timestamp(), score.id


@breaks("S7", "G2")
class PagesByTen(InMemoryScores):
    """Lists ten scores unless told otherwise."""

    async def list_scores_by_span(self, **arguments: Any) -> ScorePage:
        return await super().list_scores_by_span(**{"per_page": 10, **arguments})


@breaks("G2", "G3", "G4")
class CountsThePage(InMemoryScores):
    """Takes the rows of the page for the total."""

    async def _select_scores(self, query: ScoreQuery) -> tuple[list[Score], int]:
        scores, _ = await super()._select_scores(query)
        return scores, len(scores)


class _Asks(InMemoryScores):
    """Base of those that forget what they were asked for."""

    forgotten: tuple[str, ...] = ()

    async def _select_scores(self, query: ScoreQuery) -> tuple[list[Score], int]:
        equal = {name: value for name, value in query.equal.items() if name not in self.forgotten}
        return await super()._select_scores(query._replace(equal=equal))


@breaks("S8")
class ForgetsSources(_Asks):
    """Does not filter by source."""

    forgotten = ("source",)


@breaks("S9")
class ForgetsEntityTypes(_Asks):
    """Does not look at the type of an entity."""

    forgotten = ("entity_type",)


@breaks("S9")
class ForgetsTraces(_Asks):
    """Looks at the span alone."""

    forgotten = ("trace_id",)


@breaks("S10")
class ListsEverything(_Asks):
    """Takes an unknown run for any."""

    forgotten = ("run_id",)


@breaks("S11", "G13")
class ForgetsProjects(_Asks):
    """Does not filter by project."""

    forgotten = ("project_id",)


@breaks("S11")
class SharesWhatNobodyOwns(InMemoryScores):
    """Gives scores without an organization to every one."""

    def _matches(self, score: Score, query: ScoreQuery) -> bool:
        equal = dict(query.equal)
        if score.organization_id is None:
            equal.pop("organization_id", None)
        return super()._matches(score, query._replace(equal=equal))


@breaks("S10", "G12")
class MatchesByPrefix(InMemoryScores):
    """Takes what it is asked for for the beginning of a value."""

    def _matches(self, score: Score, query: ScoreQuery) -> bool:
        return all((getattr(score, name) or "").startswith(value) for name, value in query.equal.items())


@breaks("S12")
class WantsAThread(InMemoryScores):
    """Wants the thread of a score to exist."""

    def _keep(self, row: NewScore) -> None:
        if row.score.thread_id and "thread" in row.score.thread_id:
            raise ValidationError("FOREIGN KEY constraint failed")
        super()._keep(row)


@breaks("S13", "G16")
class WritesEverything(InMemoryScores):
    """Writes the whole table, as it was a moment ago."""

    async def _put_score(self, row: NewScore) -> None:
        before = dict(self.rows)
        await asyncio.sleep(0)
        self._keep(row)
        kept = self.rows[row.score.id]
        self.rows.clear()
        self.rows.update({**before, row.score.id: kept})


@breaks("G9")
class DropsCharacters(_Spoils):
    """Drops U+0000 silently."""

    def spoil(self, kept: Kept, before: Kept | None) -> Kept:
        return kept._replace(score=replace(kept.score, reason=(kept.score.reason or "").replace("\0", "") or None))


@breaks("G10", "S3")
class WritesBeforeItChecks(InMemoryScores):
    """Takes the old score away before it looks at the new one."""

    async def save_score(self, *, score: Score) -> Score:
        self.rows.pop(getattr(score, "id", ""), None)
        return await super().save_score(score=score)


@breaks("G11")
class SharesScores(InMemoryScores):
    """Hands out the same score again and again."""

    def __init__(self) -> None:
        super().__init__()
        self.handed_out: dict[str, Score] = {}

    def _score(self, id: str) -> Score:
        fresh = super()._score(id)
        known = self.handed_out.get(id)
        if known is None or known.created_at != fresh.created_at:
            self.handed_out[id] = fresh
        return self.handed_out[id]


@breaks("G12")
class FoldsCase(InMemoryScores):
    """Takes ids that differ in case for the same."""

    def _keep(self, row: NewScore) -> None:
        for id in [id for id in self.rows if id.lower() == row.score.id.lower()]:
            del self.rows[id]
        super()._keep(row)


@breaks("G14")
class ClearsNothing(InMemoryScores):
    """Does not clear."""

    async def dangerously_clear_all(self) -> None:
        pass


@breaks("G7", "S1")
class RoundsTimes(_Spoils):
    """Keeps times in whole seconds."""

    def spoil(self, kept: Kept, before: Kept | None) -> Kept:
        moment = kept.score.created_at.replace(microsecond=0)
        return kept._replace(score=replace(kept.score, created_at=moment, updated_at=moment))


@breaks("G8")
class LosesDigits(_Spoils):
    """Keeps integers as floats."""

    def spoil(self, kept: Kept, before: Kept | None) -> Kept:
        texts = {name: encode(json.loads(encode(decode(text)), parse_int=float)) for name, text in kept.texts.items()}
        return kept._replace(texts={name: texts[name] for name in PAYLOADS if name in texts})
