"""Equal URLs share, different databases and different Stores never do (C7 to C9)."""

# ruff: noqa: ASYNC110, ASYNC240 - polling, and small local files, are fine here

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mastra_store import LibSQLStore, MemoryLibSQL, MemoryPG, PostgresStore, Store, StoreClosedError, Thread
from tests.resilience.support import query, sessions, sqlite_threads
from tests.store.support import Notes

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop", "notes")]


async def used(store: Store) -> tuple[Any, Any]:
    """Both domains of a Store, after a call on each."""
    memory, workflows = await store.get_store("memory"), await store.get_store("workflows")
    assert memory is not None
    assert isinstance(workflows, Notes)
    await memory.save_thread(thread=Thread(id=store.id, resource_id="r"))
    assert await workflows.ping() == 42
    return memory, workflows


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sqlite:///app.db", "sqlite:///app.db"),
        ("sqlite:///app.db", "sqlite:///./app.db"),
        ("sqlite:///app.db", "sqlite:///sub/../app.db"),
        ("sqlite:///app.db", "sqlite:////{root}/app.db"),
        ("sqlite:///app.db", "file:app.db"),
        ("sqlite:///app.db", "file:./app.db"),
        ("file:/{root}/app.db", "file:///{root}/app.db"),
        ("sqlite:///app.db", "sqlite:///link.db"),
        ("sqlite:///app.db", "sqlite:///linked/app.db"),
        ("sqlite:///app.db?readers=1&busy_timeout=3", "sqlite:///app.db?busy_timeout=3.0&readers=1"),
        ("sqlite://:memory:", ":memory:"),
    ],
)
async def test_c7_equal_sqlite_urls_share(
    one: str, other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "app.db").touch()
    os.symlink(tmp_path / "app.db", tmp_path / "link.db")
    os.symlink(tmp_path, tmp_path / "linked")
    urls = [url.format(root=str(tmp_path).lstrip("/")) for url in (one, other)]
    async with Store(id="app", domains={"memory": urls[0], "workflows": urls[1]}) as store:
        memory, workflows = await used(store)
        assert memory._database is workflows._database
        assert len(sqlite_threads()) == (1 if "memory" in one else 2 if "readers=1" in one else 3)


@pytest.mark.parametrize(
    "other",
    [
        "{url}",
        "{url_without_postgres_scheme}",
        "{url}?connect_timeout=10",
        "{url}?pool_size=10&schema_name=public",
        "{url}?schema_name=public&pool_size=10",
    ],
)
async def test_c7_equal_postgres_urls_share(other: str, postgres: Any) -> None:
    url = postgres.create_database()
    forms = {"url": url, "url_without_postgres_scheme": url.replace("postgres://", "postgresql://", 1)}
    async with Store(id="app", domains={"memory": url, "workflows": other.format(**forms)}) as store:
        memory, workflows = await used(store)
        assert memory._database is workflows._database
        assert len(await sessions(url)) == 1


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("postgres://u:p@h/db", "postgresql://u:p@h:5432/db", True),
        ("postgres://u:p@h/db", "POSTGRES://u:p@H/db", True),
        ("postgres://u:p@h/db?a=1&b=2", "postgres://u:p@h/db?b=2&a=1", True),
        ("postgres://u:p%41@h/db", "postgres://u:pA@h/db", True),
        ("postgres://u:p@h/db", "postgres://u:p@h:5433/db", False),
        ("postgres://u:p@h/db", "postgres://u:p@h/DB", False),
        ("postgres://u:p@h/db", "postgres://u:p@h2/db", False),
        ("postgres://u:p@h/db", "postgres://v:p@h/db", False),
        ("postgres://u:p@h/db", "postgres://u:p@h/db?schema_name=x", False),
        ("postgres://u:p@h/db", "postgres://u:p@h/db?options=-csearch_path%3Dx", False),
        ("sqlite:///a.db", "sqlite:///b.db", False),
        ("sqlite:///a.db", "sqlite:///A.db", False),
        ("sqlite:///a.db", "sqlite:///a.db?mode=ro", False),
    ],
)
async def test_c7_what_counts_as_equal(one: str, other: str, equal: bool) -> None:
    store = Store(id="app", domains={"memory": one, "workflows": other})
    memory: Any = store.memory
    workflows: Any = store.workflows
    assert (memory._database is workflows._database) == equal


async def test_c7_default_editor_and_domains_share(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    async with Store(id="app", default=url, editor=url, domains={"memory": url}) as store:
        await used(store)
        assert len(sqlite_threads()) == 3


async def test_c7_databases_of_one_server_never_share(postgres: Any) -> None:
    urls = [postgres.create_database() for _ in range(2)]
    async with Store(id="app", domains={"memory": urls[0], "workflows": urls[1]}) as store:
        await used(store)
        assert [len(await sessions(url)) for url in urls] == [1, 1]


async def test_c7_two_stores_share_nothing(database_url: str) -> None:
    """Over equal URLs, also in one process: each has its own connections, and closing one leaves the other."""
    one, other = Store(id="one", default=database_url), Store(id="other", default=database_url)
    async with other:
        async with one:
            await asyncio.gather(used(one), used(other))
            assert one.memory is not other.memory
        assert await other.memory.get_thread_by_id(thread_id="one") is not None
        with pytest.raises(StoreClosedError):
            await one.memory.get_thread_by_id(thread_id="one")


async def test_c7_in_memory_databases_are_private() -> None:
    async with Store(id="one", default=":memory:") as one, Store(id="other", default=":memory:") as other:
        await used(one)
        assert await other.memory.get_thread_by_id(thread_id="one") is None


async def test_c7_a_passed_store_is_shared(tmp_path: Path) -> None:
    inner = Store(id="inner", default=f"sqlite:///{tmp_path}/app.db")
    async with Store(id="outer", default=inner) as outer:
        await used(outer)
        assert outer.memory is inner.memory
        assert len(sqlite_threads()) == 3


async def test_c8_a_domain_never_touches_the_database_of_another(tmp_path: Path) -> None:
    """The other database is neither opened, created nor waited for: it could not even be reached."""
    store = Store(
        id="app",
        default=f"sqlite:///{tmp_path}/default.db",
        domains={"memory": f"sqlite:///{tmp_path}/memory.db", "workflows": f"sqlite:///{tmp_path}/missing/w.db"},
    )
    memory = await store.get_store("memory")
    assert memory is not None
    await memory.save_thread(thread=Thread(id="t", resource_id="r"))
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".db") == ["memory.db"]
    await store.close()


async def test_c9_many_stores_at_once_closed_in_any_order(postgres: Any, tmp_path: Path) -> None:
    """Sixteen Stores over eight databases of two dialects, used at once, closed out of order, one at a time."""
    urls = [f"sqlite:///{tmp_path}/{n}.db" for n in range(4)] + [postgres.create_database() for _ in range(4)]
    stores = [Store(id=f"s{n}", default=urls[n % 8]) for n in range(16)]
    await asyncio.gather(*(store.init() for store in stores))
    await asyncio.gather(*(used(store) for store in stores for _ in range(3)))
    for n in (3, 15, 0, 8, 7, 12):
        await stores[n].close()
    alive = [store for n, store in enumerate(stores) if n not in (3, 15, 0, 8, 7, 12)]
    for store in alive:
        page = await store.memory.list_threads()
        assert store.id in [thread.id for thread in page.threads]
        assert page.total == 2
    await asyncio.gather(*(store.close() for store in alive))
    assert not sqlite_threads()


async def test_c9_stores_in_several_threads_and_loops(postgres: Any, tmp_path: Path) -> None:
    """Each thread with a loop and a Store of its own; they have a process, and two databases, in common."""
    urls = [f"sqlite:///{tmp_path}/app.db", postgres.create_database()]
    failures: list[BaseException] = []

    async def work(number: int) -> None:
        async with Store(id=f"s{number}", default=urls[number % 2]) as store:
            await used(store)

    def run(number: int) -> None:
        try:
            asyncio.run(work(number))
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        await asyncio.sleep(0.01)
    assert failures == []


async def test_domain_storages_and_provider_stores_as_sources(postgres: Any, tmp_path: Path) -> None:
    """Conventions: each kind of source in one Store, over one server and one file."""
    url = postgres.create_database()
    scheme = urlsplit(url).scheme
    assert scheme == "postgres"
    async with Store(
        id="app",
        default=LibSQLStore(url=f"sqlite:///{tmp_path}/app.db"),
        domains={"memory": MemoryPG(url=url, schema_name="own", pool_size=1)},
    ) as store:
        await used(store)
    assert await query(url, "SELECT id FROM own.mastra_threads") == [("app",)]
    async with Store(
        id="app",
        default=PostgresStore(url=url, schema_name="own"),
        domains={"memory": MemoryLibSQL(url=f"file:{tmp_path}/memory.db")},
    ) as store:
        await used(store)
        assert (await store.memory.list_threads()).total == 1


async def test_provider_stores_have_ids() -> None:
    """Conventions: the id of a provider store is the provider's name unless given."""
    assert PostgresStore(url="postgres://h/d").id == "postgres"
    assert LibSQLStore(url=":memory:").id == "libsql"
    assert LibSQLStore(url=":memory:", id="mine").id == "mine"


async def test_a_pool_of_the_callers_is_used_and_left_open(postgres: Any) -> None:
    """Design: we never close what was given, and give its connections back after each call."""
    import asyncpg

    url = postgres.create_database()
    async with asyncpg.create_pool(url, min_size=1, max_size=2) as pool:
        async with Store(id="app", default=PostgresStore(pool=pool)) as store:
            await used(store)
            await asyncio.gather(*(store.memory.get_thread_by_id(thread_id="t") for _ in range(20)))
            await asyncio.sleep(0.05)
            assert pool.get_idle_size() == pool.get_size()
        assert await pool.fetchval("SELECT id FROM mastra_threads") == "app"
