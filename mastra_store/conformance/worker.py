"""A process that counts up in the metadata of one thread; the job comes as JSON on standard input."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from ..store import Store
from .common_concurrency import count_up


async def work(job: dict[str, Any]) -> None:
    """Open the database and count up as often as the job says."""
    async with Store(id="conformance-worker", default=job["url"]) as store:
        memory = await store.get_store("memory")
        assert memory is not None
        for _ in range(job["increments"]):
            await memory.update_thread_metadata(id=job["thread_id"], update=count_up)


if __name__ == "__main__":
    asyncio.run(work(json.load(sys.stdin)))
