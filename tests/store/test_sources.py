"""Which source serves a domain, and what is refused (C1 to C6)."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from mastra_store import (
    DomainNotConfiguredError,
    MemoryLibSQL,
    MemoryStorage,
    Store,
    UnknownDomainError,
    ValidationError,
)
from tests.store.support import ALL, Stub, StubBackend

MEMORY = "sqlite://:memory:"


@pytest.mark.parametrize("id", ["", " ", "\t\n", None, 5, b"app", ["app"]])
def test_c1_the_id_must_be_a_non_blank_string(id: Any) -> None:
    with pytest.raises(ValidationError, match="id must be"):
        Store(id=id, default=MEMORY)


@pytest.mark.parametrize(
    "sources",
    [
        {},
        {"domains": {}},
        {"domains": None},
        {"domains": {"memory": None}},
        {"domains": {"memory": False, "agents": None}},
        {"default": None, "editor": None},
    ],
)
def test_c1_a_store_needs_a_source(sources: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="source"):
        Store(id="app", **sources)


@pytest.mark.parametrize(
    "sources",
    [{"default": MEMORY}, {"editor": MEMORY}, {"domains": {"memory": MEMORY}}, {"domains": {"agents": MEMORY}}],
)
def test_c1_one_source_of_any_kind_is_enough(sources: dict[str, Any]) -> None:
    assert Store(id="app", **sources).id == "app"


def test_c1_building_opens_nothing(tmp_path: Path) -> None:
    threads = threading.active_count()
    Store(id="app", default=f"sqlite:///{tmp_path}/a.db", editor=f"sqlite:///{tmp_path}/missing/b.db")
    Store(id="app", default="postgres://nobody:secret@203.0.113.1:1/none")
    MemoryLibSQL(url=f"sqlite:///{tmp_path}/c.db")
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads


ENTRY, EDITOR, DEFAULT = "stub://entry?domains=", "stub://editor?domains=", "stub://default?domains="
EVERY = ",".join(ALL)


@pytest.mark.parametrize("wrapped", [False, True], ids=["url", "store"])
@pytest.mark.parametrize(
    ("domain", "entry", "editor", "default", "expected"),
    [
        ("memory", EVERY, EVERY, EVERY, "entry"),
        ("agents", EVERY, EVERY, EVERY, "entry"),
        ("agents", None, EVERY, EVERY, "editor"),
        ("memory", None, EVERY, EVERY, "default"),
        ("datasets", None, EVERY, EVERY, "default"),
        ("memory", None, EVERY, None, None),
        ("agents", None, None, EVERY, "default"),
        ("agents", None, "memory", EVERY, "default"),
        ("agents", "memory", EVERY, EVERY, "editor"),
        ("agents", "memory", "memory", EVERY, "default"),
        ("scores", "memory", EVERY, EVERY, "default"),
        ("scores", "memory", EVERY, "memory", None),
        ("observability", None, None, "memory,scores", None),
    ],
)
def test_c2_c4_precedence(
    domain: str,
    entry: str | None,
    editor: str | None,
    default: str | None,
    expected: str | None,
    wrapped: bool,
    stub_backend: StubBackend,
) -> None:
    def source(kind: str, provided: str | None) -> Any:
        url = f"stub://{kind}?domains={provided}"
        return None if provided is None else Store(id=kind, default=url) if wrapped else url

    store = Store(
        id="app",
        default=source("default", default),
        editor=source("editor", editor),
        domains={domain: source("entry", entry)},
    )
    if expected is None:
        with pytest.raises(DomainNotConfiguredError, match=domain):
            getattr(store, domain)
    else:
        assert getattr(store, domain).name == f"{expected}.{domain}"


def test_c2_an_entry_without_the_domain_leaves_it_to_the_default_url(tmp_path: Path) -> None:
    other = Store(id="other", default=MEMORY, domains={"memory": False})
    store = Store(id="app", default=f"sqlite:///{tmp_path}/app.db", domains={"memory": other})
    assert isinstance(store.memory, MemoryStorage)


def test_c2_a_url_without_the_domain_leaves_it_to_the_default_url(tmp_path: Path, stub_backend: StubBackend) -> None:
    url = "stub://entry?domains=scores"
    store = Store(id="app", default=f"sqlite:///{tmp_path}/app.db", domains={"memory": url})
    assert isinstance(store.memory, MemoryStorage)


def test_c2_several_sources_at_once(stub_backend: StubBackend) -> None:
    scores = Stub("scores")
    store = Store(
        id="app",
        default=f"{DEFAULT}memory,workflows,scores",
        editor=f"{EDITOR}agents,memory",
        domains={"scores": scores, "workflows": f"{ENTRY}workflows", "datasets": None},
    )
    assert store.scores is scores
    names = [storage.name for storage in (store.memory, store.workflows, store.agents) if isinstance(storage, Stub)]
    assert names == ["default.memory", "entry.workflows", "editor.agents"]
    with pytest.raises(DomainNotConfiguredError):
        _ = store.datasets


@pytest.mark.asyncio
@pytest.mark.parametrize("domain", ALL)
async def test_c3_false_disables(domain: str, stub_backend: StubBackend) -> None:
    store = Store(id="app", default=DEFAULT + EVERY, editor=EDITOR + EVERY, domains={domain: False})
    async with store:
        assert await store.get_store(domain) is None
        with pytest.raises(DomainNotConfiguredError, match=domain) as caught:
            getattr(store, domain)
    assert caught.value.domain == domain


@pytest.mark.asyncio
async def test_c3_nothing_of_a_disabled_domain_is_created(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    async with Store(id="app", default=f"sqlite:///{path}", domains={"memory": False}) as store:
        assert await store.get_store("memory") is None
    if path.exists():
        connection = sqlite3.connect(path)
        try:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            assert tables == {"mastra_workflow_snapshot", "mastra_scorers", "mastra_ai_spans"}
        finally:
            connection.close()


@pytest.mark.asyncio
async def test_c4_a_domain_nobody_provides_is_no_error_until_used() -> None:
    async with Store(id="app", default=MEMORY) as store:
        assert await store.get_store("agents") is None
        with pytest.raises(DomainNotConfiguredError, match="agents"):
            _ = store.agents
        assert await store.memory.get_thread_by_id(thread_id="t") is None


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["", "Memory", "memory ", "threads", "schedules", None, 5, ("memory",), b"memory"])
async def test_c5_unknown_names(name: Any) -> None:
    store = Store(id="app", default=MEMORY)
    with pytest.raises(UnknownDomainError) as asked:
        await store.get_store(name)
    with pytest.raises(UnknownDomainError) as given:
        Store(id="app", default=MEMORY, domains={name: MEMORY})
    for error in (asked.value, given.value):
        assert all(known in str(error) for known in ALL)


@pytest.mark.parametrize("value", [5, 0, True, b"sqlite://:memory:", 1.5, [], {}, object(), Store, MemoryLibSQL])
def test_c5_values_of_a_wrong_type(value: Any) -> None:
    with pytest.raises(ValidationError, match="memory"):
        Store(id="app", default=MEMORY, domains={"memory": value})
    with pytest.raises(ValidationError, match="default"):
        Store(id="app", default=value)
    with pytest.raises(ValidationError, match="editor"):
        Store(id="app", default=MEMORY, editor=value)


def test_c5_a_domain_storage_serves_its_own_domain_only() -> None:
    with pytest.raises(ValidationError, match="workflows"):
        Store(id="app", domains={"workflows": MemoryLibSQL(url=MEMORY)})  # type: ignore[dict-item]
    for field in ("default", "editor"):
        with pytest.raises(ValidationError, match=field):
            Store(id="app", **{field: MemoryLibSQL(url=MEMORY)})  # type: ignore[arg-type]


@pytest.mark.parametrize("domains", [[], [("memory", MEMORY)], "memory", 5, {"memory"}])
def test_c5_domains_must_be_a_mapping(domains: Any) -> None:
    with pytest.raises(ValidationError, match="domains"):
        Store(id="app", default=MEMORY, domains=domains)


@pytest.mark.asyncio
async def test_c6_the_same_object_every_time() -> None:
    async with Store(id="app", default=MEMORY) as store:
        first = await store.get_store("memory")
        assert first is not None
        assert await store.get_store("memory") is first
        assert store.memory is first


@pytest.mark.asyncio
async def test_c6_through_nested_stores() -> None:
    inner = Store(id="inner", default=MEMORY)
    async with Store(id="outer", default=Store(id="middle", default=inner)) as outer:
        assert outer.memory is inner.memory
        assert await outer.get_store("memory") is inner.memory


def test_c1_a_store_that_is_refused_takes_nothing_over() -> None:
    memory = MemoryLibSQL(url=":memory:")
    with pytest.raises(ValidationError):
        Store(id=" ", domains={"memory": memory}, disable_init=True)
    assert not memory.belongs_to_store
    assert memory._implicit_init
