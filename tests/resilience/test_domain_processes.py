"""Workflows, scores and spans from several processes, and from one that is killed (W20, W21, O2, C13, G16)."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
from pathlib import Path

import pytest

from mastra_store import Store
from tests.resilience.domains import SNAPSHOT, TABLES, raw, span
from tests.resilience.support import release, workers
from tests.resilience.worker import BATCH, CALLS

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]

PROCESSES = 3
KEYS = [f"{process}-{call}" for process in range(PROCESSES) for call in range(CALLS)]


async def test_results_from_three_processes_lose_nothing(database_url: str) -> None:
    """W13, W14, W16, W21: of one run that none of them had made; every step, key and iteration is there."""
    release(workers(PROCESSES, "results", database_url))
    async with Store(id="app", default=database_url) as store:
        snapshot = await store.workflows.load_workflow_snapshot(workflow_name="w", run_id="shared")
        assert (await store.workflows.list_workflow_runs()).total == 1
    assert snapshot is not None
    context = snapshot["context"]
    assert context.pop("loop")["output"] == KEYS
    assert context == {key: {"call": int(key.partition("-")[2])} for key in KEYS}
    assert set(snapshot["requestContext"]) == set(KEYS)
    assert snapshot["status"] == "pending"


async def test_one_of_thirty_wins_the_race_for_a_status(database_url: str) -> None:
    """W20: over three processes exactly one gets a snapshot back, and it is its state that is stored."""
    async with Store(id="app", default=database_url) as store:
        await store.workflows.persist_workflow_snapshot(workflow_name="w", run_id="raced", snapshot=SNAPSHOT)
        winners = "".join(release(workers(PROCESSES, "race", database_url))).split()
        found = await store.workflows.load_workflow_snapshot(workflow_name="w", run_id="raced")
    assert found is not None
    assert winners == [found["result"]["by"]]
    assert found["status"] == "taken"


async def test_c13_all_domains_at_one_moment(database_url: str) -> None:
    """Two processes initialise everything, from nothing, at once."""
    assert release(workers(2, "init_all", database_url)) == ["", ""]
    async with Store(id="app", default=database_url) as store:
        assert (await store.workflows.list_workflow_runs()).total == 2
        assert (await store.scores.list_scores_by_run_id(run_id="r")).total == 2
        assert (await store.observability.list_traces()).total == 2


async def test_c13_each_process_another_domain(database_url: str) -> None:
    """Domains that are created beside each other, from nothing, by three processes."""
    assert release(workers(3, "init_one", database_url)) == [""] * 3
    for table in TABLES.values():
        assert (await raw(database_url, f"SELECT count(*) FROM {table}"))[0][0] == 1


async def test_c13_beside_a_database_that_is_half_made(database_url: str) -> None:
    """What stands there already (another domain, a table without its indexes) is completed by all of them at once."""
    async with Store(id="app", domains={"observability": database_url}) as store:
        await store.observability.create_span(span=span("before", "s"))
    await raw(database_url, "DROP INDEX mastra_ai_spans_trace_started_at_idx" if database_url.startswith("sqlite")
              else "DROP TRIGGER mastra_ai_spans_timestamps ON mastra_ai_spans")  # fmt: skip
    assert release(workers(3, "init_all", database_url)) == [""] * 3
    async with Store(id="app", default=database_url) as store:
        assert (await store.observability.list_traces()).total == 4


def read_lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """That many lines, then kill it in mid-run, and return every whole line."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    lines = [process.stdout.readline() for _ in range(count)]
    os.kill(process.pid, signal.SIGKILL)
    with process:
        lines += process.stdout.readlines()
    return [line.strip() for line in lines if line.endswith("\n")]


async def test_a_killed_process_leaves_whole_batches(database_url: str, tmp_path: Path) -> None:
    """O2: of every batch all spans are there or none; acknowledged ones are; the database is usable at once."""
    (process,) = workers(1, "batches", database_url)
    acknowledged = await asyncio.to_thread(read_lines, process, 4)
    async with Store(id="app", default=database_url) as store:
        rows = await raw(database_url, 'SELECT "traceId", count(*) FROM mastra_ai_spans GROUP BY "traceId"')
        assert {row[1] for row in rows} == {BATCH}
        assert set(acknowledged) <= {row[0] for row in rows}
        await asyncio.wait_for(store.observability.batch_delete_traces(trace_ids=[row[0] for row in rows]), 10)
    if database_url.startswith("sqlite"):
        connection = sqlite3.connect(tmp_path / "mastra.db")
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()


async def test_a_killed_process_leaves_whole_snapshots(database_url: str) -> None:
    """W21: each acknowledged step is there, with its key of the request context; the run's lock is free."""
    (process,) = workers(1, "runs", database_url)
    acknowledged = await asyncio.to_thread(read_lines, process, 60)
    async with Store(id="app", default=database_url) as store:
        async with asyncio.timeout(10):
            context = await store.workflows.update_workflow_results(
                workflow_name="w", run_id="shared", step_id="after", result={}
            )
        snapshot = await store.workflows.load_workflow_snapshot(workflow_name="w", run_id="shared")
    assert snapshot is not None
    assert set(acknowledged) <= set(context)
    assert set(context) - {"after"} == set(snapshot["requestContext"])
