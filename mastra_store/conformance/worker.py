"""A process that works on a database while others do.

The job comes as a line of JSON on standard input. When the database is open the process says ``ready`` on standard
output; it begins when its input ends, and then says what the work returned, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from ..store import Store
from .common_concurrency import count_up
from .score_concurrency import save_many
from .workflow_concurrency import add_results, take
from .workflow_scenes import Run


class Work(NamedTuple):
    """What can be done: with the storage of a domain, and the job's own values."""

    domain: str
    do: Callable[..., Awaitable[Any]]


async def count(memory: Any, thread_id: str, increments: int) -> None:
    """Count up in the metadata of a thread."""
    for _ in range(increments):
        await memory.update_thread_metadata(id=thread_id, update=count_up)


async def add(workflows: Any, run: list[str], caller: str) -> None:
    """Add results to a run."""
    await add_results(workflows, Run(*run), caller)


async def race(workflows: Any, run: list[str], caller: str) -> list[str]:
    """Race for a run."""
    return await take(workflows, Run(*run), caller)


WORK = {
    "count": Work("memory", count),
    "add_results": Work("workflows", add),
    "take": Work("workflows", race),
    "save_scores": Work("scores", save_many),
}


async def main(url: str, work: str, **values: Any) -> None:
    """Open the database, wait for the start, do what the job says."""
    async with Store(id="conformance-worker", default=url) as store:
        storage = await store.get_store(WORK[work].domain)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        json.dump(await WORK[work].do(storage, **values), sys.stdout)


if __name__ == "__main__":
    asyncio.run(main(**json.loads(sys.stdin.readline())))
