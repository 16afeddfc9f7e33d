"""The scenario played on our side: our own reading and that of the packages equal what the packages gave for theirs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from mastra_store.instants import MILLISECOND, now
from tests.golden.generated import Played, masked
from tests.golden.playing import play
from tests.golden.scenario import expected_answer, resolved, steps
from tests.interop.databases import Database
from tests.interop.python_side import Answer, Call, answers
from tests.interop.typescript import TypeScript
from tests.interop.values import differences

WRITES = steps("write")
READS = steps("read")


@pytest.mark.asyncio
async def test_golden_writes_read_back_equal(database: Database) -> None:
    async with database.open() as store:
        began = now()
        written = await play(store)
        played = Played(began, now())
        reread = await answers(store, resolved(READS, written))
    assert _outcomes(WRITES, written) == _expected_outcomes(database)
    assert _differing("reread", database, reread, played) == {}


@pytest.mark.asyncio
async def test_golden_writes_are_read_by_typescript_as_its_own(database: Database, typescript: TypeScript) -> None:
    async with database.open() as store:
        began = now()
        written = await play(store)
        played = Played(began, now() + MILLISECOND)
    reread = await typescript.answers(database, resolved(READS, written))
    assert _differing("typescript", database, reread, played) == {}


def _outcomes(writes: Iterable[Call], written: Iterable[Answer]) -> dict[int, Any]:
    """Which writes were refused, and why; what the others did is seen by reading."""
    return {
        step["step"]: answer["error"]["id"] for step, answer in zip(writes, written, strict=True) if "error" in answer
    }


def _expected_outcomes(database: Database) -> dict[int, Any]:
    return _outcomes(WRITES, (expected_answer("write", step["step"], database.adapter) for step in WRITES))


def _differing(run: str, database: Database, reread: list[Answer], played: Played) -> dict[int, list[str]]:
    """Differences by step."""
    found = {}
    for step, got in zip(READS, reread, strict=True):
        wanted = masked(expected_answer(run, step["step"], database.adapter))
        found[step["step"]] = differences(masked(got, played), wanted)
    return {number: different for number, different in found.items() if different}
