"""Plays scenes: each turn by the side whose it is, each read by both."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from mastra_store import Store

from . import python_side
from .databases import Database
from .python_side import Answer, Call
from .scenes import ALIKE, BOTH, NOW, ONE, PYTHON, RANDOM, TYPESCRIPT, Read, Turn
from .typescript import TypeScript
from .values import as_doubles, differences

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_RANDOM_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_RECENT = timedelta(minutes=5)


class Sides:
    """Both sides on one database."""

    def __init__(self, store: Store, typescript: TypeScript, database: Database) -> None:
        self._store = store
        self._typescript = typescript
        self._database = database

    async def answers(self, side: str, calls: list[Call]) -> list[Answer]:
        """What one side answers."""
        if side == PYTHON:
            return await python_side.answers(self._store, calls)
        return await self._typescript.answers(self._database, calls)

    async def play(self, turns: list[Turn], one: str) -> None:
        """Let the sides take their turns, ``one`` being the first; no call may fail."""
        other = TYPESCRIPT if one == PYTHON else PYTHON
        for role, calls in groupby(turns, key=lambda turn: turn[0]):
            side = one if role == ONE else other
            asked = [call for _, call in calls]
            await asyncio.sleep(0.002)  # no two turns share a millisecond
            failed = [
                (call, answer["error"])
                for call, answer in zip(asked, await self.answers(side, asked), strict=True)
                if "error" in answer
            ]
            assert failed == [], side

    async def read(self, reads: list[Read]) -> dict[str, list[str]]:
        """What differs from what the reads must give, by side and call."""
        given = {side: await self.answers(side, [read.call for read in reads]) for side in BOTH}
        found = {}
        for number, read in enumerate(reads):
            theirs = given[TYPESCRIPT][number]
            expected = _viewed(theirs, read).get("result") if read.expected is ALIKE else read.expected
            for side in read.sides:
                seen = _viewed(given[side][number], read)
                found[f"{number} {side}: {read.call['method']}{read.call['args']}"] = _differing(seen, expected)
        return {name: different for name, different in found.items() if different}


def _viewed(answer: Answer, read: Read) -> Answer:
    return answer if "error" in answer else {"result": read.view(answer["result"])}


def _differing(answer: Answer, expected: Any) -> list[str]:
    """Differences as JavaScript sees numbers, but for what clock and chance decide."""
    return differences(as_doubles(_settled(answer)), as_doubles(_settled({"result": expected})))


def _settled(value: Any) -> Any:
    if isinstance(value, str):
        return _settled_text(value)
    if isinstance(value, list):
        return [_settled(item) for item in value]
    if isinstance(value, dict):
        settled = {key: _settled(item) for key, item in value.items()}
        return NOW if settled == {"$date": NOW} else settled
    return value


def _settled_text(text: str) -> Any:
    if _RANDOM_ID.fullmatch(text):
        return RANDOM
    if _INSTANT.fullmatch(text):
        return NOW if abs(datetime.now(UTC) - datetime.fromisoformat(text)) < _RECENT else text
    return text
