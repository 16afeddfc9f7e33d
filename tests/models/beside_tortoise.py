"""An application that uses Tortoise by itself beside a Store: ``python -m tests.models.beside_tortoise JOB URL``."""

from __future__ import annotations

import asyncio
import sys

from tortoise import Tortoise, connections, fields
from tortoise.models import Model

from mastra_store import Store

from .support import models_of


class Thread(Model):
    """A model of the application; it even has the name of one of ours."""

    id = fields.IntField(primary_key=True)


class Misleading:
    """A router of the application that sends everything to its own database."""

    def db_for_read(self, model: type) -> str:
        """The application's."""
        return "default"

    db_for_write = db_for_read


MODULES = {"models": [__name__]}


async def use(store: Store, number: int) -> None:
    """One row of ours."""
    models = models_of(store)
    await models.Thread.create(id=f"t{number}", resource_id="r")
    assert await models.Thread.filter(id=f"t{number}").count() == 1
    assert (await models.Thread.get(id=f"t{number}")).created_at.tzinfo is not None
    assert (await models.Resource.get_or_create(id=f"r{number}"))[1]
    assert await store.memory.get_thread_by_id(thread_id=f"t{number}") is not None


async def alongside(url: str) -> None:
    """Tortoise.init before, between and after; its connections closed in between."""
    await Tortoise.init(db_url="sqlite://:memory:", modules=MODULES)
    await Tortoise.generate_schemas()
    async with Store(id="app", default=url) as store:
        await use(store, 0)
        await Thread.create(id=1)
        await Tortoise.close_connections()
        await use(store, 1)
        await Tortoise.init(db_url="sqlite://:memory:", modules=MODULES)
        await Tortoise.generate_schemas()
        await use(store, 2)
        assert await Thread.all().count() == 0
    assert (await connections.get("default").execute_query("SELECT 1"))[0] == 1
    await Thread.create(id=1)
    await Tortoise.close_connections()


async def routers(url: str) -> None:
    """Tortoise's routers are global; bound models stay with their own client all the same."""
    await Tortoise.init(db_url="sqlite://:memory:", modules=MODULES, routers=[Misleading])
    try:
        async with Store(id="app", default=url) as store:
            await use(store, 0)
    finally:
        await connections.get("default").close()


if __name__ == "__main__":
    asyncio.run({"alongside": alongside, "routers": routers}[sys.argv[1]](sys.argv[2]))
