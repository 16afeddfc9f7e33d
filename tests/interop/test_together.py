"""Both sides at work on one database at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

import pytest

from mastra_store import Store
from tests.interop.databases import Database
from tests.interop.memory_calls import message, save_messages, save_thread, thread
from tests.interop.python_side import Answer, Call, answers, call
from tests.interop.scenes import at
from tests.interop.typescript import Run, TypeScript
from tests.interop.values import UNDEFINED, differences
from tests.interop.workflow_calls import load, persist, run, update_results, update_state

EACH = 500
STEPS = 100
RUNS = 300
CHANGES = 800
SIDES = ("python", "typescript")


@pytest.mark.asyncio
async def test_G16_both_append_to_one_thread_at_once(database: Database, typescript: TypeScript) -> None:
    ours, theirs = _messages("python", 0), _messages("typescript", 1)
    async with database.open() as store:
        await answers(store, [save_thread(thread("t"))])
        await _at_once(database, store, typescript, ours, theirs)
        asked = call("memory", "listMessages", {"threadId": "t", "perPage": False})
        [seen_here], [seen_there] = await answers(store, [asked]), await typescript.answers(database, [asked])
    written = sorted(
        (given["args"][0]["messages"][0] for given in ours + theirs), key=lambda one: one["createdAt"]["$date"]
    )
    ids = [one["id"] for one in written]
    assert [one["id"] for one in seen_here["result"]["messages"]] == ids
    assert [one["id"] for one in seen_there["result"]["messages"]] == ids
    assert seen_here["result"]["total"] == seen_there["result"]["total"] == 2 * EACH


@pytest.mark.asyncio
async def test_W21_both_update_one_run_at_once(database: Database, typescript: TypeScript) -> None:
    given = run("w", "r", {"status": "running", "context": {"input": {}}, "requestContext": {"first": True}})
    sides = {name: _results(given, name) for name in SIDES}
    async with database.open() as store:
        await answers(store, [persist(given)])
        await _at_once(database, store, typescript, sides["python"], sides["typescript"])
        [seen_here], [seen_there] = (
            await answers(store, [load(given)]),
            await typescript.answers(database, [load(given)]),
        )
    made = [asked["args"][0] for calls in sides.values() for asked in calls]
    results = {asked["stepId"]: asked["result"] for asked in made}
    keys = {key: value for asked in made for key, value in asked["requestContext"].items()}
    assert len(results) == len(keys) == 2 * STEPS
    expected = {"status": "running", "context": {"input": {}, **results}, "requestContext": {"first": True, **keys}}
    assert differences(seen_here["result"], expected) == []
    assert differences(seen_there["result"], expected) == []


@pytest.mark.asyncio
async def test_W13_both_make_one_run_at_once(database: Database, typescript: TypeScript) -> None:
    """No one has persisted these runs: whoever updates one first makes it, and the other loses nothing.

    But @mastra/pg locks nothing while there is no row, and then overwrites one that was made meanwhile, be it ours or
    that of another process of its own. So on PostgreSQL only what it wrote itself must be there.
    """
    runs = [run("w", f"{number}", {}) for number in range(RUNS)]
    ours, theirs = ([update_results(given, side, {"status": side}, {side: 1}) for given in runs] for side in SIDES)
    async with database.open() as store:
        await _at_once(database, store, typescript, ours, theirs)
        seen = await answers(store, [load(given) for given in runs])
    needed = {"typescript"} if database.backend == "postgres" else {*SIDES}
    for one in seen:
        context, keys = one["result"]["context"], one["result"]["requestContext"]
        assert needed <= context.keys() <= {*SIDES}
        assert context == {side: {"status": side} for side in context}
        assert keys == dict.fromkeys(context, 1)


@pytest.mark.asyncio
async def test_W20_of_both_racing_from_one_status_one_wins(database: Database, typescript: TypeScript) -> None:
    """A run goes through many statuses; both sides try each step, so the slower one is always close behind."""
    given = run("w", "r", {"status": "0", "context": {}})
    ours, theirs = (
        [
            update_state(
                given, status=f"{n + 1}", result={"by": side, "n": n}, expectedStatus=[f"{n}", "no such status"]
            )
            for n in range(CHANGES)
        ]
        for side in SIDES
    )
    async with database.open() as store:
        await answers(store, [persist(given)])
        mine, foreign = await _at_once(database, store, typescript, ours, theirs)
        [seen] = await answers(store, [load(given)])
    won = {
        side: [one["result"] != UNDEFINED for one in run.answers]
        for side, run in zip(SIDES, (mine, foreign), strict=True)
    }
    assert [here + there for here, there in zip(*won.values(), strict=True)] == [1] * CHANGES
    last = next(side for side in SIDES if won[side][-1])
    expected = {"status": f"{CHANGES}", "context": {}, "result": {"by": last, "n": CHANGES - 1}}
    assert differences(seen["result"], expected) == []


async def _at_once(
    database: Database, store: Store, typescript: TypeScript, ours: list[Call], theirs: list[Call]
) -> tuple[Run, Run]:
    """What both sides answer to their calls at the same time; none may fail."""
    await typescript.run(database)  # opens it
    async with asyncio.TaskGroup() as group:
        foreign = group.create_task(typescript.run(database, theirs))
        mine = group.create_task(_timed(answers(store, ours)))
    assert _failed(mine.result()) == []
    assert _failed(foreign.result()) == []
    assert _overlap(mine.result(), foreign.result()) > 0.1, "they did not write at the same time"
    return mine.result(), foreign.result()


def _results(given: dict[str, Any], side: str) -> list[Call]:
    """One call for each step, each with a key of the request context."""
    return [
        update_results(given, f"{side}-{n}", {"status": "success", "output": {"n": n}}, {f"{side} {n}": [n]})
        for n in range(STEPS)
    ]


def _messages(side: str, offset: int) -> list[Call]:
    """One call for each message; the times of the two sides alternate."""
    return [
        save_messages(message(f"{side}-{number}", "t", createdAt=at(number, 500 * offset), role="assistant"))
        for number in range(EACH)
    ]


async def _timed(work: Awaitable[list[Answer]]) -> Run:
    began = time.time()
    given = await work
    return Run(given, began, time.time())


def _failed(run: Run) -> list[object]:
    return [answer["error"] for answer in run.answers if "error" in answer]


def _overlap(one: Run, other: Run) -> float:
    """How much of the shorter run lies within the longer."""
    common = min(one.ended, other.ended) - max(one.began, other.began)
    return common / min(one.ended - one.began, other.ended - other.began)
