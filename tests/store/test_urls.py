"""URLs: every form there is, what is refused, and that no password shows (C5, conventions)."""

# ruff: noqa: ASYNC240 - local files, small ones

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest

from mastra_store import LibSQLStore, MemoryLibSQL, MemoryPG, PostgresStore, Store, StoreError, Thread, ValidationError

SECRET = "hunter2"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:///rel.db", "rel.db"),
        ("sqlite:///./rel.db", "rel.db"),
        ("sqlite:///sub/rel.db", "sub/rel.db"),
        ("sqlite:////{root}/abs.db", "abs.db"),
        ("file:rel.db", "rel.db"),
        ("file:./rel.db", "rel.db"),
        ("file:/{root}/abs.db", "abs.db"),
        ("file:///{root}/abs.db", "abs.db"),
        ("sqlite:///with%20space.db", "with space.db"),
        ("sqlite:///100%25.db", "100%.db"),
        ("sqlite:///what%3F.db", "what?.db"),
        ("sqlite:///hash%23.db", "hash#.db"),
        ("sqlite:///äöü 漢字.db", "äöü 漢字.db"),
        ("sqlite:///rel.db?busy_timeout=1.5&readers=1", "rel.db"),
        ("sqlite:///rel.db?readers=0", "rel.db"),
        ("sqlite://:memory:", None),
        ("sqlite://:memory:?busy_timeout=1", None),
        (":memory:", None),
    ],
)
async def test_forms_of_sqlite_urls(
    url: str, file: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Conventions: each form opens the file it names, and no other."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    async with Store(id="app", default=url.format(root=str(tmp_path).lstrip("/"))) as store:
        await store.memory.save_thread(thread=Thread(id="t", resource_id="r"))
        assert await store.memory.get_thread_by_id(thread_id="t") is not None
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == ([] if file is None else [file])


@pytest.mark.asyncio
async def test_a_relative_path_is_that_of_the_moment_of_building(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Conventions: a change of directory between building and first use does not move the database."""
    monkeypatch.chdir(tmp_path)
    store = Store(id="app", default="sqlite:///rel.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    async with store:
        pass
    assert (tmp_path / "rel.db").exists()


BAD = [
    "",
    " ",
    "sqlite",
    "sqlite:",
    "sqlite://",
    "sqlite:///",
    "sqlite://rel.db",
    "file:",
    "/absolute.db",
    "./relative.db",
    "file://host/x.db",
    "file://x.db",
    "sqlite:///a%00b.db",
    "sqlite:///x.db?mode=memory",
    "sqlite:///x.db?mode=RO",
    "sqlite:///x.db?readers=two",
    "sqlite:///x.db?readers=-1",
    "sqlite:///x.db?busy_timeout=",
    "sqlite:///x.db?busy_timeout=-1",
    "sqlite:///x.db?busy_timeout=nan",
    "sqlite:///x.db?busy_timeout=inf",
    "sqlite:///x.db?max_page_count=-4",
    "sqlite:///x.db?cache=shared",
    "mysql://localhost/x",
    "http://localhost/x",
    "postgres:",
    "postgres://h:port/db",
    "postgres://h:0/db",
    "postgres://h:99999/db",
    "postgres://[::1/db",
    "postgres://h/db?pool_size=0",
    "postgres://h/db?pool_size=-1",
    "postgres://h/db?pool_size=many",
    "postgres://h/db?pool_size=1.5",
    "postgres://h/db?schema_name=",
    'postgres://h/db?schema_name=a"b',
    "postgres://h/db?command_timeout=0",
    "postgres://h/db?command_timeout=-1",
    "postgres://h/db?command_timeout=nan",
    "postgres://h/db?connect_timeout=0",
    "postgres://h/db?connect_timeout=-1",
    "postgres://h/db?idle_seconds=-1",
    "postgres://h/db?idle_seconds=nan",
]


@pytest.mark.parametrize("url", BAD)
def test_c5_urls_that_make_no_sense(url: str) -> None:
    """C5: refused when the Store is built, by a ValidationError, naming the domain."""
    with pytest.raises(ValidationError, match="memory"):
        Store(id="app", default=":memory:", domains={"memory": url})


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://user:{SECRET}@host/db",
        f"postgress://user:{SECRET}@host/db",
        f"postgres//user:{SECRET}@host/db",
        f"postgres:user:{SECRET}@host/db",
        f"postgres:/user:{SECRET}@host/db",
        f"postgres://user:{SECRET}@host:port/db",
        f"postgres://user:{SECRET}@host:99999/db",
        f"postgres://user:{SECRET}/x@host:5432x/db",
        f"postgres://user:x/{SECRET}@host:5432/db",
        f"postgres://user:x#{SECRET}@host:5432/db",
        f"postgres://user:x?{SECRET}@host:5432/db",
        f"postgres://user:x@{SECRET}@host:port/db",
        f"postgres://user:x {SECRET}@host:port/db",
        f"postgres://user:[{SECRET}@host/db",
        f"postgres://:{SECRET}@host:port/db",
        f"postgres://host:port/db?password={SECRET}",
        f"postgres://host:port/db?user=u&PASSWORD={SECRET}",
        f"postgres://user:{SECRET}@host/db?pool_size=0",
        f"postgres://user:{SECRET}@host/db?pool_size=x",
        f"libsql://host/db?authToken={SECRET}",
        f"sqlite:///x.db?authToken={SECRET}",
        f" postgres://user:{SECRET}@host/db",
    ],
)
def test_c5_passwords_are_hidden_in_refusals(url: str) -> None:
    """C5, conventions: neither message, repr, details nor the printed traceback of a refused URL shows the password."""
    with pytest.raises(StoreError) as caught:
        Store(id="app", domains={"memory": url})
    shown = [str(caught.value), repr(caught.value), str(caught.value.details)]
    error: BaseException | None = caught.value
    while error is not None:
        shown.append("".join(traceback.format_exception_only(error)))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert SECRET not in "".join(shown)


@pytest.mark.parametrize(
    "build",
    [
        lambda url: Store(id="app", default=url),
        lambda url: Store(id="app", domains={"memory": url}),
        lambda url: PostgresStore(url=url),
        lambda url: MemoryPG(url=url),
        lambda url: Store(id="app", default=PostgresStore(url=url)),
    ],
)
def test_passwords_are_hidden_in_reprs(build: Any) -> None:
    """Conventions: no repr of a public object, nor of what it holds, shows a password."""
    built = build(f"postgres://user:{SECRET}@host/db?sslpassword={SECRET}")
    seen = [built, getattr(built, "memory", built)]
    memory = seen[-1]
    seen += [memory._database, memory._database.options, memory._database.orm, memory.models]
    for thing in seen:
        assert SECRET not in repr(thing)
        assert SECRET not in str(thing)
    assert SECRET not in memory._database.name


@pytest.mark.parametrize(
    "url",
    [
        "postgres://user:p@host:5432/db",
        "postgresql://user:p@host/db?sslmode=require&application_name=x",
        "postgres://host/db?schema_name=agents&pool_size=3&connect_timeout=2&command_timeout=5&idle_seconds=1",
        "postgres://user:p%40ss%2Fw%3Ard@host/db",
        "postgres:///db?host=/var/run/postgresql&user=me",
        "postgres://user@/db?host=/var/run/postgresql",
        "postgres://[::1]:5433/db",
        "POSTGRES://user:p@host/db",
    ],
)
def test_forms_of_postgres_urls(url: str) -> None:
    """Conventions: whatever libpq understands is taken."""
    assert Store(id="app", default=url).memory is not None


@pytest.mark.asyncio
async def test_a_password_of_awkward_characters(postgres: Any) -> None:
    """Conventions: an escaped password reaches the server as it was meant."""
    from urllib.parse import quote, urlsplit

    from tests.resilience.support import query

    url = postgres.create_database()
    password = "p@s:s/w?o#r d%+&='\"ü"
    await query(url, "CREATE ROLE awkward LOGIN SUPERUSER PASSWORD '" + password.replace("'", "''") + "'")
    try:
        host = urlsplit(url).netloc.rpartition("@")[2]
        login = f"postgres://awkward:{quote(password, safe='')}@{host}{urlsplit(url).path}"
        async with Store(id="app", default=login) as store:
            assert await store.memory.get_thread_by_id(thread_id="t") is None
    finally:
        await query(url, "REASSIGN OWNED BY awkward TO postgres")
        await query(url, "DROP OWNED BY awkward")
        await query(url, "DROP ROLE awkward")


@pytest.mark.asyncio
async def test_options_of_a_postgres_url(postgres: Any) -> None:
    """Conventions: our options and the driver's stand side by side in one query."""
    from tests.resilience.support import query

    url = postgres.create_database()
    options = "?schema_name=agents%20of%20mine&application_name=my%20app&pool_size=1&command_timeout=5"
    async with Store(id="app", default=url + options) as store:
        await store.memory.save_thread(thread=Thread(id="t", resource_id="r"))
        rows = await query(url, "SELECT application_name FROM pg_stat_activity WHERE datname = current_database()")
        assert "my app" in [row[0] for row in rows]
        assert await query(url, 'SELECT id FROM "agents of mine".mastra_threads') == [("t",)]


def test_provider_stores_refuse_nonsense() -> None:
    """C5 for provider stores and domains built alone."""
    for build in (PostgresStore, MemoryPG):
        for arguments in ({}, {"url": "postgres://h/d", "pool": object()}, {"url": "sqlite://:memory:"}, {"url": "x"}):
            with pytest.raises(ValidationError):
                build(**arguments)  # type: ignore[operator]
    for build in (LibSQLStore, MemoryLibSQL):
        for url in ("postgres://h/d", "", "x", "sqlite://x"):
            with pytest.raises(ValidationError):
                build(url=url)  # type: ignore[operator]
    with pytest.raises(ValidationError):
        PostgresStore(url="postgres://h/d", pool_size=True)
    with pytest.raises(ValidationError):
        LibSQLStore(url=":memory:", id=" ")
