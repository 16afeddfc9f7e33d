"""Passwords show in no message, repr or log line, whatever happens (conventions, Errors)."""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from mastra_store import MemoryPG, PostgresStore, Store, StoreError, Thread
from mastra_store.testing import FaultProxy
from tests.resilience.support import query

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]

SECRET = "s3cr3t/p@ss:w?rd"


async def test_nowhere(postgres: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Use, failures of every kind and closing, with every logger at DEBUG."""
    url = postgres.create_database()
    await query(url, f"CREATE ROLE secretive LOGIN SUPERUSER PASSWORD '{SECRET}'")
    parts = urlsplit(url)
    login = f"secretive:{quote(SECRET, safe='')}"
    seen: list[str] = []
    caplog.set_level(logging.DEBUG)
    for name in ("tortoise", "tortoise.db_client", "asyncpg", "asyncio", "mastra_store", "aiosqlite"):
        caplog.set_level(logging.DEBUG, logger=name)
    async with FaultProxy(parts.hostname or "", parts.port or 0) as proxy:
        good = f"postgres://{login}@{proxy.host}:{proxy.port}{parts.path}"
        async with Store(id="app", default=good) as store:
            seen += await use(store, proxy)
        for bad in (
            good.replace(parts.path, "/missing"),
            good.replace("secretive", "nobody"),
            good.replace(proxy.host, "no-such-host.invalid"),
            f"{good}?sslmode=require",
            f"{good}?sslmode=nonsense",
            f"{good}?nonsense=1",
            f"{good}?pool_size=none",
            good.replace(f":{proxy.port}", ":none"),
        ):
            seen += await fail(bad)
    await query(url, "REASSIGN OWNED BY secretive TO postgres")
    await query(url, "DROP OWNED BY secretive")
    await query(url, "DROP ROLE secretive")
    text = "\n".join([*seen, caplog.text])
    for form in (SECRET, quote(SECRET, safe=""), quote(SECRET), "s3cr3t"):
        assert form not in text


async def use(store: Store, proxy: FaultProxy) -> list[str]:
    """Calls and faults; returns everything that was shown."""
    memory: Any = store.memory
    await memory.save_thread(thread=Thread(id="t", resource_id="r"))
    await memory.models.Thread.filter(id="t").count()
    shown = [repr(store), repr(memory), repr(memory.models), repr(memory._database), repr(memory._database.orm)]
    proxy.refuse()
    proxy.cut()
    await asyncio.sleep(0.02)
    for call in (memory.list_threads, lambda: memory.save_thread(thread=Thread(id="u", resource_id="r"))):
        try:
            await call()
        except StoreError as error:
            shown.append("".join(traceback.format_exception(error)))
    proxy.accept()
    return shown


async def fail(url: str) -> list[str]:
    """A Store, a provider store and a domain over a URL that does not work."""
    shown: list[str] = []
    builds: list[Any] = [
        lambda: Store(id="app", default=url),
        lambda: Store(id="app", domains={"memory": url}),
        lambda: Store(id="app", default=PostgresStore(url=url)),
        lambda: Store(id="app", domains={"memory": MemoryPG(url=url)}),
    ]
    for build in builds:
        try:
            store = build()
        except StoreError as error:
            shown += [str(error), repr(error), str(error.details), str(error.__cause__), str(error.__context__)]
            continue
        shown.append(repr(store))
        try:
            await store.init()
        except StoreError as error:
            shown += ["".join(traceback.format_exception(error)), repr(error), str(error.details)]
        finally:
            await store.close()
    return shown
