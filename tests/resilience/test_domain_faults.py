"""Servers that go, connections that break, full disks and read-only files under workflows, scores and spans.

Typed errors, nothing acknowledged lost, whole batches, and everything usable afterwards.
"""

# ruff: noqa: ASYNC110 - polling is what a test can do about a server
# ruff: noqa: PT012 - what is to fail is often the end of a block

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mastra_store import Store, StoreConnectionError, StoreError
from mastra_store.testing import FaultProxy, PostgresServer
from tests.resilience.domains import DOMAINS, SNAPSHOT, TABLES, raw, score, seed_domains, span, spans, stored, update
from tests.resilience.support import PATIENCE, query

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]

RUN: dict[str, Any] = {"workflow_name": "w", "run_id": "r1"}
BATCH = 20


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    made: str = request.getfixturevalue("server").create_database()
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


def assert_helpful(error: StoreError, name: str, secret: str | None = None) -> None:
    """It names the database, hides the password, has the driver's error as its cause, and says which domain failed."""
    assert name in str(error)
    assert not secret or secret not in str(error) + repr(error) + str(error.details)
    assert error.__cause__ is not None
    assert not isinstance(error.__cause__, StoreError)
    assert error.domain in DOMAINS
    assert error.code.endswith("_FAILED")


async def works(store: Store, times: int = 10) -> None:
    """As often as there are connections, and more."""
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(store.observability.get_span(trace_id="t1", span_id="s0") for _ in range(times)))
        await seed_domains(store)
        await asyncio.gather(
            *(store.workflows.update_workflow_results(**RUN, step_id=str(n), result={"n": n}) for n in range(times)),
            *(store.scores.save_score(score=score(f"x{n}")) for n in range(times)),
            *(store.observability.batch_create_spans(records=spans("t2", range(9))) for n in range(times)),
        )
        snapshot = await store.workflows.load_workflow_snapshot(**RUN)
    assert snapshot is not None
    assert len(snapshot["context"]) == times + 1


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("how", ["kill", "immediate"])
async def test_the_server_goes_and_comes_back_in_mid_run(how: str, server: PostgresServer, url: str) -> None:
    """Each acknowledged result, persist, score and batch is there; every other call said that it was lost."""
    acknowledged: dict[str, list[str]] = {"steps": [], "runs": [], "scores": [], "traces": []}
    failures: list[StoreError] = []
    stop = asyncio.Event()

    async def step(id: str) -> None:
        await store.workflows.update_workflow_results(**RUN, step_id=id, result={}, request_context={id: 1})

    async def run(id: str) -> None:
        await store.workflows.persist_workflow_snapshot(workflow_name="w", run_id=id, snapshot=SNAPSHOT)

    async def save(id: str) -> None:
        await store.scores.save_score(score=score(id))

    async def trace(id: str) -> None:
        await store.observability.batch_create_spans(records=spans(id, range(BATCH)))

    async def write(kind: str, call: Callable[[str], Awaitable[None]]) -> None:
        number = 0
        while not stop.is_set():
            id, number = f"{kind}{number}", number + 1
            try:
                await call(id)
                acknowledged[kind].append(id)
            except StoreError as error:
                failures.append(error)
                await asyncio.sleep(0.02)

    def interrupt() -> None:
        server.kill() if how == "kill" else server.stop("immediate")
        server.start()

    async with Store(id="app", default=f"{url}?pool_size=3") as store:
        await seed_domains(store)
        calls = {"steps": step, "runs": run, "scores": save, "traces": trace}
        writers = [asyncio.ensure_future(write(kind, call)) for kind, call in calls.items()]
        while not all(acknowledged.values()):
            await asyncio.sleep(0.01)
        await asyncio.to_thread(interrupt)
        counts = {kind: len(ids) for kind, ids in acknowledged.items()}
        async with asyncio.timeout(PATIENCE):
            while any(len(acknowledged[kind]) == count for kind, count in counts.items()):
                await asyncio.sleep(0.01)
        stop.set()
        await asyncio.wait_for(asyncio.gather(*writers), PATIENCE)
        snapshot = await store.workflows.load_workflow_snapshot(**RUN)
        assert snapshot is not None
        assert set(acknowledged["steps"]) <= set(snapshot["context"])
        assert set(snapshot["context"]) - {"input"} == set(snapshot["requestContext"]) - {"k"}
        runs = {one.run_id for one in (await store.workflows.list_workflow_runs()).runs}
        assert set(acknowledged["runs"]) <= runs
        page = await store.scores.list_scores_by_run_id(run_id="r", per_page=None)
        assert set(acknowledged["scores"]) <= {one.id for one in page.scores}
        rows = await query(url, 'SELECT "traceId", count(*) FROM mastra_ai_spans GROUP BY 1')
        assert {row[1] for row in rows if row[0].startswith("traces")} == {BATCH}
        assert set(acknowledged["traces"]) <= {row[0] for row in rows}
        await works(store)
    assert failures
    for error in failures:
        assert isinstance(error, StoreConnectionError)
        assert_helpful(error, urlsplit(url).path.strip("/"), urlsplit(url).password)


WRITES: dict[str, Callable[[Store], Awaitable[Any]]] = {
    "results": lambda s: s.workflows.update_workflow_results(**RUN, step_id="new", result={"a": 1}),
    "state": lambda s: s.workflows.update_workflow_state(**RUN, state={"status": "x"}, expected_status="running"),
    "persist": lambda s: s.workflows.persist_workflow_snapshot(**RUN, snapshot={"status": "x"}),
    "score": lambda s: s.scores.save_score(score=score("a", score=1.0)),
    "one span": lambda s: s.observability.create_span(span=span("t1", "s0", name="new")),
    "batch": lambda s: s.observability.batch_create_spans(records=spans("t1", range(9), name="new")),
    "updates": lambda s: s.observability.batch_update_spans(
        records=[update("t1", "s0", name="new"), update("t1", "s1", input=1)]
    ),
    "delete": lambda s: s.observability.batch_delete_traces(trace_ids=["t1", "t2"]),
}
READS: dict[str, Callable[[Store], Awaitable[Any]]] = {
    "load": lambda s: s.workflows.load_workflow_snapshot(**RUN),
    "runs": lambda s: s.workflows.list_workflow_runs(per_page=1, page=1),
    "scores": lambda s: s.scores.list_scores_by_run_id(run_id="r"),
    "trace": lambda s: s.observability.get_trace(trace_id="t1"),
    "branch": lambda s: s.observability.get_branch(trace_id="t1", span_id="s0"),
    "traces": lambda s: s.observability.list_traces(),
}


@pytest.mark.needs("postgres")
@pytest.mark.parametrize("size", [0, 7, 20])
async def test_a_connection_reset_in_mid_reply(size: int, url: str) -> None:
    """After any number of bytes: reads are repeated, writes say that they may or may not have happened, and did so."""
    async with FaultProxy(urlsplit(url).hostname or "", urlsplit(url).port or 0) as proxy:
        async with Store(id="app", default=f"{proxy.url(url)}?pool_size=2") as store:
            await works(store)
            for name, call in READS.items():
                proxy.cut_after_bytes(size)
                assert await asyncio.wait_for(call(store), PATIENCE) is not None, name
            for name, call in WRITES.items():
                await seed_domains(store)
                before = await stored(store)
                await call(store)
                after = await stored(store)
                await seed_domains(store)
                proxy.cut_after_bytes(size)
                with pytest.raises(StoreConnectionError, match="may or may not") as caught:
                    await call(store)
                    pytest.fail(f"{name} succeeded")
                assert_helpful(caught.value, urlsplit(url).path.strip("/"), urlsplit(url).password)
                proxy.disarm()
                found = await stored(store)
                while found != (found := await stored(store)):  # until the server has noticed
                    pass
                assert found in (before, after), name
            await works(store)


@pytest.mark.needs("postgres")
async def test_a_run_is_free_after_its_writer_was_cut_off(url: str) -> None:
    """W21: the row lock of a connection that is gone is released, and the next update goes on."""
    async with FaultProxy(urlsplit(url).hostname or "", urlsplit(url).port or 0) as proxy:
        async with Store(id="cut", default=proxy.url(url)) as cut, Store(id="app", default=url) as store:
            await seed_domains(store)
            await works(cut)
            for number in range(10):
                calls = [
                    asyncio.ensure_future(
                        cut.workflows.update_workflow_results(**RUN, step_id=f"{number}-{n}", result={"n": n})
                    )
                    for n in range(6)
                ]
                await asyncio.sleep(0.002 * number)
                proxy.cut()
                await asyncio.gather(*calls, return_exceptions=True)
                async with asyncio.timeout(PATIENCE):
                    context = await store.workflows.update_workflow_results(
                        **RUN, step_id="after", result={"n": number}
                    )
                for n, call in enumerate(calls):
                    assert call.exception() or f"{number}-{n}" in context
                    assert isinstance(call.exception(), (StoreConnectionError, type(None)))


@pytest.mark.needs("postgres")
async def test_a_full_disk_under_postgres() -> None:
    """The server cannot extend a file: batches are whole or absent, and small writes work afterwards."""
    with PostgresServer(file_size_limit=2 * 1024 * 1024) as small:
        url = small.create_database()
        saved: list[str] = []
        async with Store(id="app", default=f"{url}?pool_size=2") as store:
            await seed_domains(store)
            with pytest.raises(StoreError, match=r"disk|size limit") as caught:
                for number in range(400):
                    records = spans(f"full{number}", range(BATCH), input="x" * 1500)
                    await store.observability.batch_create_spans(records=records)
                    saved.append(f"full{number}")
            assert_helpful(caught.value, urlsplit(url).path.strip("/"), urlsplit(url).password)
            assert caught.value.details["reason"] == "disk_full"
            rows = await query(url, "SELECT \"traceId\", count(*) FROM mastra_ai_spans WHERE name = 'step' GROUP BY 1")
            assert {row[0]: row[1] for row in rows if row[0].startswith("full")} == dict.fromkeys(saved, BATCH)
            await store.workflows.update_workflow_results(**RUN, step_id="s", result={})
            await store.scores.save_score(score=score("a"))


async def test_a_full_disk_under_sqlite(path: Path) -> None:
    """max_page_count: whole batches, the old snapshot stays, deleting makes room."""
    saved: list[str] = []
    async with Store(id="app", default=f"sqlite:///{path}?max_page_count=150") as store:
        await seed_domains(store)
        with pytest.raises(StoreError, match="full") as caught:
            for number in range(400):
                await store.observability.batch_create_spans(
                    records=spans(f"full{number}", range(BATCH), input="x" * 900)
                )
                saved.append(f"full{number}")
        assert_helpful(caught.value, str(path))
        assert caught.value.details["reason"] == "disk_full"
        rows = await raw(f"sqlite:///{path}", 'SELECT "traceId", count(*) FROM mastra_ai_spans GROUP BY 1')
        assert {row[0]: row[1] for row in rows if row[0].startswith("full")} == dict.fromkeys(saved, BATCH)
        before = await store.workflows.get_workflow_run_by_id(run_id="r1")
        for call in (
            lambda: store.workflows.update_workflow_results(**RUN, step_id="s", result={"x": "x" * 500_000}),
            lambda: store.workflows.persist_workflow_snapshot(**RUN, snapshot={"x": "x" * 500_000}),
        ):
            with pytest.raises(StoreError, match="full"):
                await call()
            assert await store.workflows.get_workflow_run_by_id(run_id="r1") == before
        await store.observability.batch_delete_traces(trace_ids=saved)
        await works(store)


async def test_a_read_only_file(path: Path) -> None:
    """mode=ro reads a complete database of all domains; every write says why it cannot be."""
    async with Store(id="app", default=f"sqlite:///{path}") as store:
        await seed_domains(store)
        before = await stored(store)
    async with Store(id="app", default=f"sqlite:///{path}?mode=ro") as store:
        for read in READS.values():
            assert await read(store) is not None
        clears: list[Any] = [lambda s, domain=domain: getattr(s, domain).dangerously_clear_all() for domain in DOMAINS]
        for call in [*WRITES.values(), *clears]:
            with pytest.raises(StoreError, match="read-only") as caught:
                await call(store)
            assert_helpful(caught.value, str(path))
            assert caught.value.details["reason"] == "read_only"
        assert await stored(store) == before


async def test_a_locked_file(path: Path) -> None:
    """A clear, repeatable error after the busy timeout, from every write; reads go on."""
    async with Store(id="app", default=f"sqlite:///{path}") as store:
        await seed_domains(store)
    async with Store(id="app", default=f"sqlite:///{path}?busy_timeout=0.1") as store:
        before = await stored(store)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for call in WRITES.values():
            with pytest.raises(StoreError, match="locked") as caught:
                await call(store)
            assert caught.value.retryable
            assert caught.value.details["reason"] == "locked"
        assert await stored(store) == before
        other.execute("ROLLBACK")
        other.close()
        for call in WRITES.values():
            await call(store)


async def test_a_table_that_is_gone(database_url: str) -> None:
    """The error names it, and what to do; the other domains work."""
    async with Store(id="app", default=database_url) as store:
        await seed_domains(store)
        await raw(database_url, f"DROP TABLE {TABLES['observability']}")
        for name in ("one span", "batch", "updates", "delete"):
            with pytest.raises(StoreError, match=r"mastra_ai_spans|init") as caught:
                await WRITES[name](store)
            assert caught.value.domain == "observability"
        await WRITES["results"](store)
        await WRITES["score"](store)
