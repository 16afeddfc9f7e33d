"""Both sides at work on one database at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

import pytest

from tests.interop.databases import Database
from tests.interop.memory_calls import message, save_messages, save_thread, thread
from tests.interop.python_side import Answer, Call, answers, call
from tests.interop.scenes import at
from tests.interop.typescript import Run, TypeScript

EACH = 500


@pytest.mark.asyncio
async def test_G16_both_append_to_one_thread_at_once(database: Database, typescript: TypeScript) -> None:
    ours, theirs = _messages("python", 0), _messages("typescript", 1)
    async with database.open() as store:
        await answers(store, [save_thread(thread("t"))])
        await typescript.run(database)  # opens it
        async with asyncio.TaskGroup() as group:
            mine = group.create_task(_timed(answers(store, ours)))
            foreign = group.create_task(typescript.run(database, theirs))
        assert _failed(mine.result()) == []
        assert _failed(foreign.result()) == []
        assert _overlap(mine.result(), foreign.result()) > 0.1, "they did not write at the same time"

        asked = call("memory", "listMessages", {"threadId": "t", "perPage": False})
        [seen_here], [seen_there] = await answers(store, [asked]), await typescript.answers(database, [asked])
    written = sorted(
        (given["args"][0]["messages"][0] for given in ours + theirs), key=lambda one: one["createdAt"]["$date"]
    )
    ids = [one["id"] for one in written]
    assert [one["id"] for one in seen_here["result"]["messages"]] == ids
    assert [one["id"] for one in seen_there["result"]["messages"]] == ids
    assert seen_here["result"]["total"] == seen_there["result"]["total"] == 2 * EACH


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
