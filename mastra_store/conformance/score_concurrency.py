"""Concurrent saves of scores (G16, S2, S13)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, cast

from ..domains import ScoresStorage
from .elsewhere import started
from .expect import ensure, equal
from .harness import Harness, storage_of
from .registry import check
from .scenes import Names, watch
from .score_scenes import a_score, saved_score, score_of

S = "scores"
CALLERS = 40


async def save_many(scores: ScoresStorage, run_id: str, caller: str) -> None:
    """Many scores of one run are saved at once."""
    calls = (saved_score(scores, run_id=run_id, reason=f"{caller}.{number}") for number in range(CALLERS))
    await asyncio.gather(*calls)


async def has_all_scores(scores: ScoresStorage, run_id: str, callers: Sequence[str]) -> None:
    """Each is one row."""
    page = await scores.list_scores_by_run_id(run_id=run_id, per_page=None)
    expected = sorted(f"{caller}.{number}" for caller in callers for number in range(CALLERS))
    equal(sorted(score.reason or "" for score in page.scores), expected)
    equal(page.total, len(expected), "total")


async def save_one(stores: Sequence[ScoresStorage]) -> None:
    """Many save a score of one id at once: one row is left, whole, as one of them made it."""
    id, names = Names()("id"), Names()
    calls = (
        saved_score(_of(stores, n), id=id, run_id=names("r"), score=n, reason=str(n), metadata={"n": n})
        for n in range(CALLERS)
    )
    await asyncio.gather(*calls)
    (stored,) = (await stores[-1].list_scores_by_run_id(run_id=names("r"))).scores
    number = int(stored.score)
    equal((stored.reason, stored.metadata), (str(number), {"n": number}), "reason and metadata come from one caller")


@check("G16", "S13", domain=S)
async def check_concurrent_scores(scores: ScoresStorage) -> None:
    """Scores saved at the same time are all kept."""
    names = Names()
    await asyncio.gather(*(save_many(scores, names("r"), caller) for caller in "abc"))
    await has_all_scores(scores, names("r"), "abc")


@check("G16", "S2", domain=S)
async def check_concurrent_saves_of_one_score(scores: ScoresStorage) -> None:
    """When many save one id at once one row is left, whole, as one caller made it."""
    await save_one([scores])


@check("S2", domain=S)
async def check_a_replaced_score_is_never_missing(scores: ScoresStorage) -> None:
    """A reader sees the old row or the new one while a score is saved again, by id and in lists."""
    names = Names()
    score = a_score(run_id=names("r"))

    async def save_again() -> None:
        for _ in range(50):
            await scores.save_score(score=score)

    async def look() -> tuple[bool, int]:
        found = await scores.get_score_by_id(id=score.id)
        return found is not None, (await scores.list_scores_by_run_id(run_id=names("r"))).total

    await scores.save_score(score=score)
    equal(set(await watch(save_again(), look)), {(True, 1)})


@check("G16", "S2", "S13", needs="second_connection", domain=S)
async def check_scores_over_two_connections(scores: ScoresStorage, harness: Harness) -> None:
    """The same holds when the callers use two stores over one database."""
    opener = harness.open_second
    ensure(opener, "the harness should open the database again")
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(opener())  # type: ignore[misc]
        stores: Sequence[Any] = [scores, cast(ScoresStorage, await storage_of(other, S))]
        names = Names()
        await asyncio.gather(*(save_many(one, names("r"), str(number)) for number, one in enumerate(stores)))
        await has_all_scores(stores[1], names("r"), ["0", "1"])
        await save_one(stores)


@check("G16", "S13", needs="cross_process", domain=S)
async def check_scores_of_processes(scores: ScoresStorage, harness: Harness) -> None:
    """Scores that several processes and this one save at the same time are all kept."""
    names, others = Names(), ["p1", "p2"]
    async with started(harness, "save_scores", [{"run_id": names("r"), "caller": caller} for caller in others]):
        await save_many(scores, names("r"), "here")
    await has_all_scores(scores, names("r"), ["here", *others])


@check("S13", domain=S)
async def check_saving_while_listing(scores: ScoresStorage) -> None:
    """The total of a list that is read while scores are saved never shrinks."""
    names = Names()

    async def total() -> int:
        return (await scores.list_scores_by_run_id(run_id=names("r"), per_page=None)).total

    seen = await watch(save_many(scores, names("r"), "x"), total)
    equal(seen, sorted(seen), "totals in the order they were read")
    (one, *_) = (await scores.list_scores_by_run_id(run_id=names("r"))).scores
    equal(await score_of(scores, one.id), one)


def _of(stores: Sequence[ScoresStorage], number: int) -> ScoresStorage:
    return stores[number % len(stores)]
