"""Plays the writes of the scenario on our side."""

from __future__ import annotations

import asyncio

from mastra_store import Store
from tests.golden.scenario import steps
from tests.interop.python_side import Answer, answer


async def play(store: Store) -> list[Answer]:
    """The answers to all writes. No two of them share a millisecond, so lists by time have one order."""
    written = []
    for step in steps("write"):
        written.append(await answer(store, step))
        await asyncio.sleep(0.002)
    return written
