"""A process that works on a database beside others: ``python -m tests.resilience.worker NUMBER JOB URL``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from mastra_store import MemoryStorage, Store, Thread

from .domains import DOMAINS, score, span, spans
from .support import message

CALLS = 20
BATCH = 1000


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


async def init_all(number: str, store: Store) -> None:
    """Use what has been created in every domain (C13)."""
    await init(number, store.memory)
    await store.workflows.update_workflow_results(workflow_name="w", run_id=number, step_id="s", result={})
    await store.scores.save_score(score=score(number))
    await store.observability.create_span(span=span(number, "s"))


async def init_one(number: str, store: Store) -> None:
    """Use the one domain that the Store has, each process another (C8, C13)."""
    match DOMAINS[int(number) % 3]:
        case "workflows":
            await store.workflows.persist_workflow_snapshot(workflow_name="w", run_id=number, snapshot={"a": 1})
        case "scores":
            await store.scores.save_score(score=score(number))
        case _:
            await store.observability.create_span(span=span(number, "s"))


async def results(number: str, store: Store) -> None:
    """Concurrent merges of step results, request context and iterations into one run (W14, W16, W21)."""

    async def one(call: int) -> None:
        key = f"{number}-{call}"
        output = [None] * int(number) * CALLS + [None] * call + [key]
        run: dict[str, Any] = {"workflow_name": "w", "run_id": "shared"}
        await store.workflows.update_workflow_results(
            **run, step_id=key, result={"call": call}, request_context={key: call}
        )
        await store.workflows.update_workflow_results(**run, step_id="loop", result={"output": output})

    await asyncio.gather(*(one(call) for call in range(CALLS)))


async def race(number: str, store: Store) -> None:
    """Take a run from one status to the next, many at once; print which of the calls have won (W20)."""
    run: dict[str, Any] = {"workflow_name": "w", "run_id": "raced"}

    async def one(call: int) -> None:
        state = {"status": "taken", "result": {"by": f"{number}-{call}"}}
        if await store.workflows.update_workflow_state(**run, state=state, expected_status=["waiting", "running"]):
            print(f"{number}-{call}")

    await asyncio.gather(*(one(call) for call in range(CALLS // 2)))


async def batches(number: str, store: Store) -> None:
    """Create big batches for ever and print the trace of each acknowledged one, until somebody kills this process."""
    call = 0
    while True:
        trace_id = f"{number}-{call}"
        await store.observability.batch_create_spans(records=spans(trace_id, range(BATCH), input="x" * 100))
        print(trace_id, flush=True)
        call += 1


async def runs(number: str, store: Store) -> None:
    """Update one run for ever and print each acknowledged step, until somebody kills this process."""
    call = 0
    while True:
        step_id = f"{number}-{call}"
        await store.workflows.update_workflow_results(
            workflow_name="w", run_id="shared", step_id=step_id, result={"n": call}, request_context={step_id: call}
        )
        print(step_id, flush=True)
        call += 1


JOBS: dict[str, Callable[[str, MemoryStorage], Awaitable[None]]] = {
    "init": init,
    "merge": merge,
    "collide": collide,
    "crash": crash,
}
DOMAIN_JOBS: dict[str, Callable[[str, Store], Awaitable[None]]] = {
    "init_all": init_all,
    "init_one": init_one,
    "results": results,
    "race": race,
    "batches": batches,
    "runs": runs,
}


async def main(number: str, job: str, url: str) -> None:
    """Import, wait for the word, work."""
    alone = {DOMAINS[int(number) % 3]: url}
    store = Store(id=number, domains=alone) if job == "init_one" else Store(id=number, default=url)
    print("ready", flush=True)
    sys.stdin.readline()
    async with store:
        if job in JOBS:
            await JOBS[job](number, store.memory)
        else:
            await DOMAIN_JOBS[job](number, store)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
