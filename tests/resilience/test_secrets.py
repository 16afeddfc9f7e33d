"""Passwords show in no message, repr or log line, whatever happens (conventions, Errors)."""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from mastra_store import MemoryPG, ObservabilityPG, PostgresStore, ScoresPG, Store, StoreError, Thread, WorkflowsPG
from mastra_store.testing import FaultProxy
from tests.resilience.domains import DOMAINS, raw, score, span, spans, update
from tests.resilience.support import message, query

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]

SECRET = "s3cr3t/p@ss:w?rd"


async def test_nowhere(postgres: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Use, failures of every kind and closing, with every logger at DEBUG."""
    url = postgres.create_database()
    await query(url, f"CREATE ROLE secretive LOGIN SUPERUSER PASSWORD '{SECRET}'")
    parts = urlsplit(url)
    login = f"secretive:{quote(SECRET, safe='')}"
    seen: list[str] = []
    listen(caplog)
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


def listen(caplog: pytest.LogCaptureFixture) -> None:
    """Every logger at DEBUG."""
    caplog.set_level(logging.DEBUG)
    for name in ("tortoise", "tortoise.db_client", "asyncpg", "asyncio", "mastra_store", "aiosqlite"):
        caplog.set_level(logging.DEBUG, logger=name)


async def use(store: Store, proxy: FaultProxy) -> list[str]:
    """Calls and faults; returns everything that was shown."""
    memory: Any = store.memory
    await memory.save_thread(thread=Thread(id="t", resource_id="r"))
    await memory.models.Thread.filter(id="t").count()
    shown = [repr(store), repr(memory), repr(memory.models), repr(memory._database), repr(memory._database.orm)]
    for name in DOMAINS:
        storage: Any = getattr(store, name)
        shown += [repr(storage), repr(storage.models), repr(storage._database)]
    await write_everywhere(store, "x")
    proxy.refuse()
    proxy.cut()
    await asyncio.sleep(0.02)
    for call in (
        memory.list_threads,
        lambda: memory.save_thread(thread=Thread(id="u", resource_id="r")),
        lambda: store.workflows.list_workflow_runs(),
        lambda: store.workflows.update_workflow_results(workflow_name="w", run_id="r", step_id="s", result={}),
        lambda: store.scores.save_score(score=score("a")),
        lambda: store.observability.batch_create_spans(records=spans("t", range(3))),
        lambda: store.observability.list_traces(),
    ):
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
        lambda: Store(id="app", domains={"workflows": WorkflowsPG(url=url)}),
        lambda: Store(id="app", domains={"scores": ScoresPG(url=url)}),
        lambda: Store(id="app", domains={"observability": ObservabilityPG(url=url)}),
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


async def write_everywhere(store: Store, content: str) -> None:
    """Every writing method of every domain, with the content in every payload."""
    payload = {"content": content}
    await store.memory.save_thread(thread=Thread(id="t", resource_id="r", title=content, metadata=payload))
    await store.memory.save_messages(messages=[message("m", "t", content)])
    run: dict[str, Any] = {"workflow_name": "w", "run_id": "r"}
    await store.workflows.persist_workflow_snapshot(**run, snapshot={"context": {}, "status": content})
    await store.workflows.update_workflow_results(**run, step_id="s", result=payload, request_context=payload)
    await store.workflows.update_workflow_state(**run, state={"result": payload}, expected_status=content)
    await store.workflows.list_workflow_runs(status=content, thread_id=content)
    await store.scores.save_score(score=score("a", reason=content, metadata=payload, input=content, output=payload))
    await store.observability.create_span(span=span("t", "s0", name=content, input=payload, tags=[content]))
    await store.observability.batch_create_spans(records=spans("t", range(3), input=content, metadata=payload))
    await store.observability.batch_update_spans(records=[update("t", f"s{n}", error=payload) for n in range(2)])
    await store.observability.list_traces(filters={"metadata": {"content": content}, "tags": [content]})


async def test_no_content_in_the_log(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """What callers store is theirs: not at DEBUG, not when a write is refused or text is replaced, nor in the error."""
    listen(caplog)
    content = "top secret content"
    shown: list[str] = []
    async with Store(id="app", default=database_url, unstorable_text="replace") as store:
        await write_everywhere(store, content)
        await store.observability.create_span(span=span("t", "s9", name=f"{content}\ud800", input={content: "\ud800"}))
        await drop_tables(database_url)
        calls: list[Any] = [
            lambda: write_everywhere(store, content),
            lambda: store.workflows.persist_workflow_snapshot(
                workflow_name="w", run_id="r", snapshot={"a": [content, {1, 2}]}
            ),
            lambda: store.scores.save_score(score=score("a", input={"x": content, "y": float("nan")})),
            lambda: store.scores.save_score(score=score("a", reason=f"{content}\ud800")),
            lambda: store.observability.create_span(span=span("t", "s", input=[content])),
            lambda: store.observability.batch_create_spans(records=spans("t", range(9), input={content: content})),
            lambda: store.observability.update_span(trace_id="t", span_id="s", updates={"input": (content, b"x")}),
        ]
        for call in calls:
            with pytest.raises(StoreError) as caught:
                await call()
            shown += ["".join(traceback.format_exception_only(caught.value)), str(caught.value.details)]
            shown.append(str(caught.value.__cause__))
    assert content not in caplog.text
    assert content not in "".join(shown)


async def drop_tables(url: str) -> None:
    """Make writes of spans and of threads fail in the database."""
    for table in ("mastra_ai_spans", "mastra_threads"):
        await raw(url, f"DROP TABLE {table}")
