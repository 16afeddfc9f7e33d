"""A process that works on a database beside others: ``python -m tests.resilience.worker NUMBER JOB URL``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

from mastra_store import MemoryStorage, Store, Thread

from .support import message

CALLS = 20


async def init(number: str, memory: MemoryStorage) -> None:
    """Use what has been created."""
    await memory.save_thread(thread=Thread(id=f"t{number}", resource_id="r"))


async def merge(number: str, memory: MemoryStorage) -> None:
    """Concurrent merges of keys, and increments of a counter (G16, M5, M6, M51)."""

    def increment(thread: Thread) -> dict[str, int]:
        return {"count": (thread.metadata or {}).get("count", 0) + 1}

    async def one(call: int) -> None:
        key = f"{number}-{call}"
        await memory.update_thread(id="keys", metadata={key: call})
        await memory.update_resource(resource_id="keys", metadata={key: call})
        await memory.update_thread_metadata(id="counter", update=increment)

    await asyncio.gather(*(one(call) for call in range(CALLS)))


async def collide(number: str, memory: MemoryStorage) -> None:
    """Calls that lock the same rows in as many different orders as possible."""

    async def one(call: int) -> None:
        ids = [f"m{(call * step) % 7}" for step in (1, 2, 3)]
        threads = ("t0", "t1") if call % 2 else ("t1", "t0")
        await memory.save_messages(messages=[message(id, threads[n % 2]) for n, id in enumerate(ids)])
        await memory.update_messages(messages=[{"id": id, "role": "assistant"} for id in reversed(ids)])
        await memory.update_thread_resource_id(thread_id=threads[0], resource_id=f"r{number}{call}")
        await memory.delete_messages(message_ids=ids[:1])

    await asyncio.gather(*(one(call) for call in range(CALLS // 2)))


async def crash(number: str, memory: MemoryStorage) -> None:
    """Save for ever and print each acknowledged id, until somebody kills this process."""
    call = 0
    while True:
        saved = await memory.save_messages(
            messages=[message(f"{number}-{call}", "t"), message(f"{number}-{call}b", "t")]
        )
        print(*(one.id for one in saved), sep="\n", flush=True)
        call += 1


JOBS: dict[str, Callable[[str, MemoryStorage], Awaitable[None]]] = {
    "init": init,
    "merge": merge,
    "collide": collide,
    "crash": crash,
}


async def main(number: str, job: str, url: str) -> None:
    """Import, wait for the word, work."""
    store = Store(id=f"worker-{number}", default=url)
    print("ready", flush=True)
    sys.stdin.readline()
    async with store:
        await JOBS[job](number, store.memory)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
