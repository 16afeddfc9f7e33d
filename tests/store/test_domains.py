"""Workflows, scores and observability in the facade: names, composition, restriction, options (C2 to C9, C12, G9)."""

# ruff: noqa: ASYNC240 - local files, small ones

from __future__ import annotations

import asyncio
import logging
import pickle
from pathlib import Path
from typing import Any

import pytest

import mastra_store
from mastra_store import (
    CorruptRecordError,
    DomainNotConfiguredError,
    LibSQLStore,
    ObservabilityLibSQL,
    ObservabilityPG,
    ObservabilityStorage,
    PostgresStore,
    ScoresLibSQL,
    ScoresPG,
    ScoresStorage,
    Store,
    StoreClosedError,
    StoreError,
    UnknownDomainError,
    ValidationError,
    WorkflowsLibSQL,
    WorkflowsPG,
    WorkflowsStorage,
)
from tests.resilience.domains import DOMAINS, SNAPSHOT, TABLES, raw, score, seed_domains, span, stored
from tests.resilience.support import query, sqlite_threads

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]

KINDS: dict[str, tuple[Any, Any, Any]] = {
    "workflows": (WorkflowsStorage, WorkflowsLibSQL, WorkflowsPG),
    "scores": (ScoresStorage, ScoresLibSQL, ScoresPG),
    "observability": (ObservabilityStorage, ObservabilityLibSQL, ObservabilityPG),
}
MEMORY_TABLES = {"mastra_threads", "mastra_messages", "mastra_resources"}


async def tables(url: str) -> set[str]:
    """The tables of Mastra in a database."""
    if url.startswith("postgres"):
        rows = await query(url, "SELECT tablename FROM pg_tables WHERE tablename LIKE 'mastra%'")
    else:
        path = Path(url.removeprefix("sqlite:///"))
        rows = await raw(url, "SELECT name FROM sqlite_master WHERE type = 'table'") if path.exists() else []
    return {row[0] for row in rows}


def provider(url: str) -> Any:
    """The provider store of a URL's kind."""
    return PostgresStore if url.startswith("postgres") else LibSQLStore


def alone(domain: str, url: str, **options: Any) -> Any:
    """A domain storage built alone."""
    return KINDS[domain][2 if url.startswith("postgres") else 1](url=url, **options)


async def use(storage: Any) -> None:
    """One write and one read of whichever domain it is."""
    match storage.domain:
        case "workflows":
            await storage.persist_workflow_snapshot(workflow_name="w", run_id="r", snapshot=SNAPSHOT)
            assert (await storage.list_workflow_runs()).total == 1
        case "scores":
            await storage.save_score(score=score("a"))
            assert await storage.get_score_by_id(id="a") is not None
        case _:
            await storage.create_span(span=span("t", "s"))
            assert (await storage.list_traces()).total == 1


@pytest.mark.parametrize("domain", DOMAINS)
async def test_c6_names_and_types(domain: str, database_url: str) -> None:
    """C6: get_store and the attribute give one object, of the type that the names promise."""
    async with Store(id="app", default=database_url) as store:
        storage: Any = await store.get_store(domain)
        assert storage is getattr(store, domain)
        assert isinstance(storage, KINDS[domain][0])
        assert type(storage) is KINDS[domain][2 if database_url.startswith("postgres") else 1]
        assert storage.domain == domain
        assert type(storage).__name__ in dir(mastra_store)
        await use(storage)
    with pytest.raises(StoreClosedError):
        await use(storage)


@pytest.mark.parametrize("domain", DOMAINS)
async def test_domains_built_alone(domain: str, database_url: str) -> None:
    """C12, C17: created by first use, only this domain's table; closed by itself; refused for another domain."""
    async with alone(domain, database_url) as storage:
        await use(storage)
        assert await tables(database_url) == {TABLES[domain]}
    with pytest.raises(StoreClosedError):
        await use(storage)
    assert not sqlite_threads()
    async with alone(domain, database_url, disable_init=True) as storage:
        await storage.dangerously_clear_all()
        await use(storage)
    other = DOMAINS[DOMAINS.index(domain) - 1]
    with pytest.raises(ValidationError, match=domain):
        Store(id="app", domains={other: alone(domain, database_url)})


async def test_c12_nothing_is_created_when_disabled(database_url: str) -> None:
    """C12: a call on a missing table says so; nothing is made."""
    async with Store(id="app", default=database_url, disable_init=True) as store:
        for domain in DOMAINS:
            with pytest.raises(StoreError, match=r"table|relation") as caught:
                await use(getattr(store, domain))
            assert caught.value.domain == domain
        assert await tables(database_url) == set()


@pytest.mark.parametrize(
    "wanted", [["scores"], ["workflows", "observability"], {"observability"}, ("memory", "scores"), []]
)
async def test_domains_of_a_provider_store(wanted: Any, database_url: str) -> None:
    """Conventions: it serves those, and creates their tables and no others."""
    async with provider(database_url)(url=database_url, domains=wanted) as store:
        for domain in DOMAINS:
            if domain in wanted:
                await use(getattr(store, domain))
            else:
                assert await store.get_store(domain) is None
                with pytest.raises(DomainNotConfiguredError):
                    getattr(store, domain)
    expected = {TABLES[domain] for domain in wanted if domain != "memory"}
    assert await tables(database_url) == expected | (MEMORY_TABLES if "memory" in wanted else set())
    if database_url.startswith("postgres"):
        functions = await query(database_url, "SELECT 1 FROM pg_proc WHERE proname = 'trigger_set_timestamps'")
        assert bool(functions) == ("observability" in wanted)


async def test_domains_of_a_provider_store_must_be_names() -> None:
    """C5: an unknown name, and one name in place of a collection."""
    for build in (lambda **k: LibSQLStore(url=":memory:", **k), lambda **k: PostgresStore(url="postgres://h/d", **k)):
        with pytest.raises(UnknownDomainError, match="observability"):
            build(domains=["traces"])
        with pytest.raises(ValidationError, match="domains"):
            build(domains="scores")


@pytest.mark.parametrize("disabled", DOMAINS)
async def test_c3_a_disabled_domain_creates_nothing(disabled: str, database_url: str) -> None:
    """C3: neither by init nor by the use of the others."""
    async with Store(id="app", default=database_url, domains={disabled: False}) as store:
        assert await store.get_store(disabled) is None
        for domain in DOMAINS:
            if domain != disabled:
                await use(getattr(store, domain))
        assert TABLES[disabled] not in await tables(database_url)
        assert len(await tables(database_url)) == 5


async def test_c7_c8_each_domain_in_a_database_of_its_own(postgres: Any, tmp_path: Path) -> None:
    """Five places, two dialects: each has its own tables; a domain works when the database of another is gone."""
    urls = {
        "memory": f"sqlite:///{tmp_path}/memory.db",
        "workflows": postgres.create_database(),
        "scores": f"sqlite:///{tmp_path}/scores.db",
        "observability": postgres.create_database(),
    }
    domains = {**urls, "scores": ScoresLibSQL(url=urls["scores"]), "workflows": WorkflowsPG(url=urls["workflows"])}
    async with Store(id="app", domains=domains) as store:
        await seed_domains(store)
        for domain in DOMAINS:
            assert await tables(urls[domain]) == {TABLES[domain]}
        assert await tables(urls["memory"]) == MEMORY_TABLES
        assert len(await stored(store)) == 2 + 2 + 5
        await store.scores.close()
        assert (await store.workflows.list_workflow_runs()).total == 2
        with pytest.raises(StoreClosedError):
            await store.scores.get_score_by_id(id="a")
        assert (await store.observability.list_traces()).total == 2
    assert not sqlite_threads()


async def test_c7_one_database_for_all_domains(database_url: str) -> None:
    """Equal URLs share one pool, and a nested Store keeps serving what is not overridden."""
    async with Store(id="app", domains=dict.fromkeys((*DOMAINS, "memory"), database_url)) as store:
        databases = {id(getattr(store, domain)._database) for domain in (*DOMAINS, "memory")}
        assert len(databases) == 1
        await asyncio.gather(*(use(getattr(store, domain)) for domain in DOMAINS))
    inner = Store(id="inner", default=database_url)
    async with Store(id="outer", default=inner, domains={"scores": ":memory:"}) as outer:
        assert outer.workflows is inner.workflows
        assert outer.scores is not inner.scores
        assert await outer.scores.get_score_by_id(id="a") is None
        assert await inner.scores.get_score_by_id(id="a") is not None


# -- unstorable_text ---------------------------------------------------------------------------------------------------

BAD = "a\ud800b"


@pytest.mark.parametrize("value", ["", "Replace", "drop", None, True, 1, ["replace"], b"replace", ("error",)])
async def test_unstorable_text_is_checked_before_anything_is_taken_over(value: Any, tmp_path: Path) -> None:
    """C1: a Store that is refused leaves what was passed in alone, and opens nothing."""
    given = ObservabilityLibSQL(url=f"sqlite:///{tmp_path}/a.db")
    inner = Store(id="inner", default=f"sqlite:///{tmp_path}/b.db")
    builds: list[Any] = [
        lambda: Store(
            id="app", default=inner, domains={"observability": given}, disable_init=True, unstorable_text=value
        ),
        lambda: Store.from_env(environ={"MASTRA_STORE_URL": ":memory:"}, unstorable_text=value),
        lambda: LibSQLStore(url=f"sqlite:///{tmp_path}/c.db", unstorable_text=value),
        lambda: PostgresStore(url="postgres://h/d", unstorable_text=value),
        lambda: ObservabilityLibSQL(url=f"sqlite:///{tmp_path}/c.db", unstorable_text=value),
        lambda: ObservabilityPG(url="postgres://h/d", unstorable_text=value),
    ]
    for build in builds:
        with pytest.raises(ValidationError, match="unstorable_text") as caught:
            build()
        assert caught.value.details == {"field": "unstorable_text"}
    assert not given.belongs_to_store
    assert given._implicit_init
    assert inner._implicit_init
    assert list(tmp_path.iterdir()) == []
    await given.close()
    await inner.close()


@pytest.mark.parametrize("way", ["store", "nested", "domain", "provider", "alone", "domain url"])
async def test_unstorable_text_reaches_the_spans(way: str, database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """G9: from every place where it can be given; ids are refused all the same, and so are the other domains."""
    build: dict[str, Any] = {
        "store": lambda: Store(id="app", default=database_url, unstorable_text="replace"),
        "nested": lambda: Store(id="app", default=Store(id="in", default=database_url), unstorable_text="replace"),
        "domain": lambda: Store(
            id="app", domains={"observability": alone("observability", database_url)}, unstorable_text="replace"
        ),
        "domain url": lambda: Store(id="app", domains={"observability": database_url}, unstorable_text="replace"),
        "provider": lambda: provider(database_url)(url=database_url, unstorable_text="replace"),
        "alone": lambda: Store(
            id="app", domains={"observability": alone("observability", database_url, unstorable_text="replace")}
        ),
    }
    async with build[way]() as store:
        observability: ObservabilityStorage = store.observability
        with caplog.at_level(logging.WARNING, logger="mastra_store"):
            await observability.create_span(span=span("t", "s", name=BAD, metadata={BAD: "x"}))
        found = await observability.get_span(trace_id="t", span_id="s")
        assert found is not None
        assert found.name == "a\ufffdb"
        assert caplog.messages
        assert "a\ufffdb" not in caplog.text
        await observability.update_span(trace_id="t", span_id="s", updates={"name": BAD * 2})
        for bad in (span(BAD, "s"), span("t", BAD), span("t", "u", parent_span_id=BAD)):
            with pytest.raises(ValidationError):
                await observability.create_span(span=bad)
        if way in ("store", "nested", "provider"):
            with pytest.raises(ValidationError, match="reason"):
                await store.scores.save_score(score=score("a", reason=BAD))
            with pytest.raises(ValidationError, match="run_id"):
                await store.workflows.persist_workflow_snapshot(workflow_name="w", run_id=BAD, snapshot={})


async def test_unstorable_text_is_an_error_by_default(database_url: str) -> None:
    """G9: refused naming the field, and nothing of the batch is written."""
    async with Store(id="app", default=database_url) as store:
        with pytest.raises(ValidationError, match="name"):
            await store.observability.batch_create_spans(records=[span("t", "s"), span("t", "u", name=BAD)])
        assert await store.observability.get_trace(trace_id="t") is None


@pytest.mark.parametrize("option", ["error", "replace"])
async def test_arguments_of_a_wrong_type_are_refused_with_either_option(option: Any, database_url: str) -> None:
    """G8, G10: replacing characters makes nothing legal that is none, and hides no mistake behind another error."""
    async with Store(id="app", default=database_url, unstorable_text=option) as store:
        observability: Any = store.observability
        attempts: list[Any] = [
            lambda bad: observability.update_span(trace_id="t", span_id="s", updates=bad),
            lambda bad: observability.batch_update_spans(records=[bad]),
            lambda bad: observability.batch_update_spans(records=bad),
            lambda bad: observability.create_span(span=bad),
            lambda bad: observability.batch_create_spans(records=[span("t", "s", name=BAD), bad]),
        ]
        for attempt in attempts:
            for bad in (5, "text", [("name", BAD)], [5], {"nonsense": BAD}, {"name": 5}, {1: BAD}):
                with pytest.raises(ValidationError):
                    await attempt(bad)
        for payload in (range(3), {"x": {1, 2}}, {1: BAD}, {"x": b"bytes"}, float("nan"), {"x": object()}):
            bad_span = span("t", "s", name=BAD, metadata={BAD: BAD}, input={"bad": payload})
            with pytest.raises(ValidationError):
                await observability.create_span(span=bad_span)
        assert await observability.get_trace(trace_id="t") is None


# -- errors ------------------------------------------------------------------------------------------------------------


async def test_errors_of_the_new_domains_survive_pickling(database_url: str) -> None:
    """Conventions: real ones, with the details that they carry."""
    async with Store(id="app", default=database_url) as store:
        await store.workflows.persist_workflow_snapshot(workflow_name="w", run_id="r", snapshot={"a": 1})
        calls: list[Any] = [
            store.workflows.update_workflow_state(workflow_name="w", run_id="r", state={"status": "x"}),
            store.workflows.update_workflow_state(workflow_name="w", run_id="r", state={"nonsense": 1}),
            store.scores.save_score(score=score("a", score=float("nan"))),
            store.observability.list_traces(filters={"metadata": {"__proto__": 1}}),
            store.observability.create_span(span=span("t", "s", input=BAD * 2 + "\udc00", name=BAD)),
        ]
        kinds: list[type[StoreError]] = [CorruptRecordError, *[ValidationError] * 4]
        for call, kind in zip(calls, kinds, strict=True):
            with pytest.raises(kind) as caught:
                await call
            twin = pickle.loads(pickle.dumps(caught.value))
            assert type(twin) is kind
            assert (str(twin), twin.code, twin.domain) == (str(caught.value), caught.value.code, caught.value.domain)
            assert twin.details == caught.value.details
        assert caught.value.code == "CREATE_SPAN_INVALID_ARGUMENT"
