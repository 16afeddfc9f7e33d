"""Calls that fail, records that are detached, ids that are awkward, and clearing (G9 to G12, G14), for scores."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from ..domains import ScoresStorage
from ..errors import ValidationError
from ..records import Score
from .common_detachment import KEPT, kept, spoil
from .common_ids import UUID4, awkward_ids, saved_under
from .expect import ensure, equal, outcome
from .payloads import HARD_TEXT
from .registry import check
from .scenes import Names, lenient
from .score_carriers import PAYLOADS
from .score_scenes import a_score, saved_score, score_of

S = "scores"


def _spoil_score(score: Any) -> None:
    for name in PAYLOADS:
        spoil(getattr(score, name))
    score.reason = score.scorer_id = "spoilt"


async def _intact(scores: ScoresStorage, id: str, what: str) -> None:
    stored = await score_of(scores, id)
    equal([getattr(stored, name) for name in PAYLOADS], [KEPT] * len(PAYLOADS), what)
    equal("spoilt" in (stored.reason, stored.scorer_id), False, what)


@check("G10", "S3", domain=S)
async def check_failed_saves_leave_nothing(scores: ScoresStorage) -> None:
    """A score with one bad field is not saved, and leaves the stored one of its id as it was."""
    kept_score = await saved_score(scores, reason="old")
    bad: dict[str, Any] = {
        "score": float("nan"),
        "source": "x",
        "input": object(),
        "metadata": {"x": {1}},
        "run_id": "",
    }
    for id in (kept_score.id, Names()("new")):
        for field, value in bad.items():
            score = a_score(id=id, reason="new")
            setattr(score, field, value)
            found = await outcome(lenient(scores).save_score(score=score))
            equal(found, "ValidationError SAVE_SCORE_INVALID_ARGUMENT", field)
        stored = await scores.get_score_by_id(id=id)
        equal(stored, kept_score if id == kept_score.id else None)


@check("G11", domain=S)
async def check_given_scores_are_not_kept(scores: ScoresStorage) -> None:
    """A score that was passed in may be changed afterwards, and is not changed by saving."""
    given = a_score(**{name: kept() for name in PAYLOADS})
    times = given.created_at, given.updated_at
    saved = await scores.save_score(score=given)
    equal((given.created_at, given.updated_at), times, "the times of what was passed in")
    _spoil_score(given)
    await _intact(scores, saved.id, "after changing what was passed in")
    equal(saved.metadata, KEPT, "what was returned")


@check("G11", domain=S)
async def check_returned_scores_are_not_kept(scores: ScoresStorage) -> None:
    """Scores that were returned, by whatever method, may be changed; no two calls return the same object."""
    saved = await saved_score(scores, **{name: kept() for name in PAYLOADS})
    first, second = [await score_of(scores, saved.id) for _ in range(2)]
    listed = (await scores.list_scores_by_run_id(run_id=saved.run_id)).scores
    again = (await scores.list_scores_by_scorer_id(scorer_id=saved.scorer_id)).scores
    for score in (saved, first, *listed):
        _spoil_score(score)
        await _intact(scores, score.id, "after changing what was returned")
    equal([second.metadata, again[0].metadata], [KEPT, KEPT], "other calls")


@check("G12", "S2", "S6", domain=S)
async def check_awkward_ids(scores: ScoresStorage) -> None:
    """Scores with awkward ids are kept apart, found and replaced exactly."""

    def save(id: str) -> Awaitable[Score]:
        return saved_score(scores, id=id, reason=id)

    ids = await saved_under(awkward_ids(), save)
    found = {label: await score_of(scores, id) for label, id in ids.items()}
    equal({label: (one.id, one.reason) for label, one in found.items()}, {label: (id, id) for label, id in ids.items()})
    left = dict(ids)
    for label, id in ids.items():
        await saved_score(scores, id=id, reason="new")
        del left[label]
        reasons = {other: (await score_of(scores, left[other])).reason for other in left}
        equal(reasons, left, f"after saving {label} again")


@check("G12", domain=S)
async def check_ids_are_uuids_and_exact(scores: ScoresStorage) -> None:
    """An id that the caller leaves out is a UUID4; a given one is not found under another spelling."""
    saved = await saved_score(scores)
    ensure(UUID4.fullmatch(saved.id), f"{saved.id!r} should be a UUID4")
    plain = (await saved_score(scores, id=f"{Names()('id')}a")).id
    for other in (plain.upper(), f" {plain}", f"{plain} ", f"{plain}%", f"{plain[:-1]}_", f"{plain[:-1]}%"):
        equal(await scores.get_score_by_id(id=other), None, repr(other))


@check("G9", "G12", domain=S)
async def check_hard_ids_are_held_or_refused(scores: ScoresStorage) -> None:
    """Ids with U+0000 or unpaired surrogates either work or are refused by field name; reading them never breaks."""
    for text in HARD_TEXT.values():
        names = Names()
        plain = await saved_score(scores, id=names("s"))
        try:
            await saved_score(scores, id=names(f"s{text}"), reason="odd")
        except ValidationError as error:
            ensure("id" in str(error), f"{error} should name id")
        else:
            equal((await score_of(scores, names(f"s{text}"))).reason, "odd")
        equal(await score_of(scores, plain.id), plain, "the score without it")
        found = await outcome(scores.get_score_by_id(id=names(f"x{text}")))
        ensure(found in ("ok", "ValidationError GET_SCORE_BY_ID_INVALID_ARGUMENT"), found)


@check("G14", empty=True, domain=S)
async def check_clearing_removes_scores(scores: ScoresStorage) -> None:
    """``dangerously_clear_all`` removes every score, works on an empty domain, and leaves it usable."""
    await scores.dangerously_clear_all()
    names = Names()
    for _ in range(2):
        score = await saved_score(scores, id=names("s"), run_id=names("r"))
        await scores.dangerously_clear_all()
        equal(await scores.get_score_by_id(id=score.id), None)
        equal((await scores.list_scores_by_run_id(run_id=names("r"))).total, 0)
