"""Every query of the memory domain that reads is served by an index, on both dialects."""

import asyncio
from typing import Any, cast

import pytest

from benchmarks.databases import create_schema, databases_of
from benchmarks.dataset import Dataset
from benchmarks.operations import BACKENDS, Backend
from benchmarks.plans import Plan, list_calls, plans
from benchmarks.tables import tables_of


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    return cast(Backend, request.param)


@pytest.fixture(scope="module")
def url(backend: Backend, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with 20,000 messages and fresh statistics."""
    if backend == "postgres":
        url: str = request.getfixturevalue("postgres").create_database()
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('plans')}/mastra.db"
    create_schema(url)
    databases_of(backend).load(url, tables_of(Dataset()))
    return url


@pytest.fixture(scope="module")
def found(backend: Backend, url: str) -> list[Plan]:
    return asyncio.run(plans(backend, url))


def test_no_query_scans_a_table(found: list[Plan]) -> None:
    assert [plan for plan in found if plan.faults] == []


def test_every_query_uses_an_index(found: list[Plan]) -> None:
    assert [plan for plan in found if not plan.indexes] == []


def test_every_call_was_seen(found: list[Plan]) -> None:
    assert {plan.case for plan in found} == set(list_calls())


def test_counting_messages_reads_no_rows(backend: Backend, found: list[Plan]) -> None:
    if backend == "postgres":
        pytest.skip("whether PostgreSQL looks at the rows depends on its visibility map")
    counts = [plan for plan in found if "count(*)" in plan.sql and "matches" not in plan.sql]
    assert counts
    assert [plan for plan in counts if not any("COVERING INDEX" in line for line in plan.text)] == []


def test_a_scan_would_be_seen(backend: Backend, url: str) -> None:
    async def scan(memory: Any) -> None:
        await memory._database.fetch("SELECT id FROM mastra_messages WHERE content = ''")

    found = asyncio.run(plans(backend, url, {"a scan": scan}))
    assert len(found) == 2
    assert all(plan.faults for plan in found)
