"""No list sorts the contents of messages that it does not return (issue of speed, seen in PostgreSQL's own plan)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest

from mastra_store import MemoryPG, Message, Thread
from mastra_store.backends.sql.memory import message_shape
from mastra_store.domains.checks import Order
from mastra_store.domains.memory_plans import MessageQuery

THREADS, EACH, LIMIT = 10, 30, 5


@pytest.mark.asyncio
async def test_pages_of_several_threads_sort_keys_alone(postgres: Any) -> None:
    url = postgres.create_database()
    ids = tuple(f"t{number}" for number in range(THREADS))
    async with MemoryPG(url=url) as memory:
        for id in ids:
            await memory.save_thread(thread=Thread(id=id, resource_id="r"))
            await memory.save_messages(messages=[Message(thread_id=id, resource_id="r") for _ in range(EACH)])
        query = MessageQuery(ids, None, None, {}, Order("created_at", True).descending, 0, LIMIT, True)
        statement, _ = memory._sql.message_page(message_shape(query))
    connection = await asyncpg.connect(url)
    try:
        plan = await connection.fetchval(f"EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON) {statement}", list(ids))
    finally:
        await connection.close()
    sorted_rows = [(_rows_into(node), node["Output"]) for node in _nodes(json.loads(plan)[0]["Plan"]) if _sorts(node)]
    assert max(rows for rows, _ in sorted_rows) == THREADS * EACH
    assert [output for rows, output in sorted_rows if rows > LIMIT and any("content" in name for name in output)] == []


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


def _sorts(node: dict[str, Any]) -> bool:
    return "Sort" in node["Node Type"]


def _rows_into(node: dict[str, Any]) -> float:
    return float(node["Plans"][0]["Actual Rows"])
