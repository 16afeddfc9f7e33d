"""The golden databases, loaded once per run; nothing but our own indexes is added to them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.golden.loading import load_golden
from tests.interop.databases import Database
from tests.interop.fixtures import database, node, typescript

__all__ = ["database", "golden", "golden_postgres", "golden_sqlite", "node", "typescript"]


@pytest.fixture(scope="session")
def golden_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Database:
    """A copy of the SQLite file."""
    return _loaded(f"sqlite:///{tmp_path_factory.mktemp('golden')}/mastra.db")


@pytest.fixture(scope="session")
def golden_postgres(postgres: Any) -> Database:
    """The dump in a database of its own."""
    return _loaded(postgres.create_database())


@pytest.fixture(params=["sqlite", "postgres"])
def golden(request: pytest.FixtureRequest) -> Database:
    """Each golden database."""
    loaded: Database = request.getfixturevalue(f"golden_{request.param}")
    return loaded


def _loaded(url: str) -> Database:
    database = Database.at(url)
    with ThreadPoolExecutor(1) as apart:  # a loop of its own, whatever loop the tests have
        apart.submit(asyncio.run, load_golden(database)).result()
    return database
