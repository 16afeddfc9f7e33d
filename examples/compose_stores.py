"""Stores made of several databases, and several Stores side by side.

python examples/compose_stores.py [URL]

Memory lives in URL (``postgres://user:password@host/db``; by default a SQLite file), everything else in another file.
"""

from __future__ import annotations

import asyncio
import os
import sys

from mastra_store import DomainNotConfiguredError, Store, Thread
from mastra_store.domains import DOMAINS


async def main(memory_url: str) -> None:
    """Precedence, disabled domains, a Store inside a Store, and two Stores that know nothing of each other."""
    app = Store(
        id="app",
        default="sqlite:///./app.db",  # serves what no entry below names
        domains={"memory": memory_url, "workflows": False},  # False: not even the default serves it
    )
    # An agent with a memory of its own; everything else comes from the app's Store, which is now the agent's to close.
    agent = Store(id="agent", default=app, domains={"memory": "sqlite://:memory:"})
    async with agent:
        for store in (app, agent):
            served = [name for name in DOMAINS if await store.get_store(name) is not None]
            print(f"{store.id} serves: {', '.join(served)}")
        print("workflows:", await app.get_store("workflows"))
        try:
            print(app.workflows)
        except DomainNotConfiguredError as error:
            print(f"{error.code}: {error}")
        await side_by_side(app, agent)


async def side_by_side(*stores: Store) -> None:
    """The same calls on both at once; each writes to its own database."""
    await asyncio.gather(
        *(
            store.memory.save_thread(thread=Thread(id="same-id", resource_id="ada", title=f"of {store.id}"))
            for store in stores
        )
    )
    for store in stores:
        thread = await store.memory.get_thread_by_id(thread_id="same-id")
        print(f"{store.id}: thread 'same-id' {thread.title if thread else 'is missing'}")
        await store.memory.delete_thread(thread_id="same-id")


if __name__ == "__main__":
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("MASTRA_STORE_URL")
    asyncio.run(main(given or "sqlite:///./memory.db"))
