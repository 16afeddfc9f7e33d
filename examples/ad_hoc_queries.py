"""Questions that the memory methods do not answer: Tortoise queries on the bound models, and a transaction.

python examples/ad_hoc_queries.py [URL]
"""

from __future__ import annotations

import asyncio
import os
import sys

from tortoise.functions import Count

from mastra_store import MemoryStorage, Message, Store, Thread


async def main(url: str) -> None:
    """Fill a database, count, and rename a role all or nothing."""
    async with Store(id="reports", default=url) as store:
        memory = store.memory
        await fill(store)
        await report(memory)
        await rename_role(memory, "user", "customer")
        await fail_in_transaction(memory)
        await report(memory)
        await memory.delete_thread(thread_id="report")


async def fill(store: Store) -> None:
    """One thread with five messages."""
    await store.memory.save_thread(thread=Thread(id="report", resource_id="ada", title="Report"))
    roles = ("user", "assistant", "user", "assistant", "user")
    messages = [Message(id=f"r{n}", thread_id="report", resource_id="ada", role=role) for n, role in enumerate(roles)]
    await store.memory.save_messages(messages=messages)


async def report(memory: MemoryStorage) -> None:
    """Messages by role, from a query of our own; no Tortoise context is needed, in whatever task this runs."""
    rows = memory.models.Message.filter(thread_id="report").annotate(count=Count("id")).group_by("role")
    for row in await rows.order_by("role").values("role", "count"):
        print(f"{row['role']:10} {row['count']}")


async def rename_role(memory: MemoryStorage, old: str, new: str) -> None:
    """Two statements in one transaction: what takes part is what is given the connection."""
    models = memory.models
    async with memory.transaction() as tx:
        changed = await models.Message.filter(thread_id="report", role=old).using_db(tx).update(role=new)
        await models.Thread.filter(id="report").using_db(tx).update(title=f"Report ({changed} renamed)")
    thread = await memory.get_thread_by_id(thread_id="report")
    print(thread.title if thread else "no thread")


async def fail_in_transaction(memory: MemoryStorage) -> None:
    """Leaving the block by an exception undoes what was done in it."""
    try:
        async with memory.transaction() as tx:
            await memory.models.Message.filter(thread_id="report").using_db(tx).delete()
            raise RuntimeError("changed my mind")
    except RuntimeError as error:
        print(f"rolled back: {error}")


if __name__ == "__main__":
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("MASTRA_STORE_URL")
    asyncio.run(main(given or "sqlite:///./reports.db"))
