"""One open storage per backend for the whole session: checks keep apart by ids of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import pytest
import pytest_asyncio

from mastra_store.conformance import Harness
from mastra_store.conformance.harness import storage_of
from mastra_store.conformance.urls import url_harness
from mastra_store.domains import MemoryStorage

BACKENDS = ("sqlite-memory", "sqlite-file", "postgres")


@pytest.fixture(scope="session", params=BACKENDS)
def harness(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """How to open each backend; ``--without postgres`` leaves its tests out."""
    if request.param == "postgres":
        url = request.getfixturevalue("postgres").create_database()
    elif request.param == "sqlite-file":
        url = f"sqlite:///{tmp_path_factory.mktemp('conformance')}/mastra.db"
    else:
        url = "sqlite://:memory:"
    return url_harness(url, request.param)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def memory(harness: Harness) -> AsyncIterator[MemoryStorage]:
    """The open storage of the harness."""
    async with harness.open() as subject:
        yield cast(MemoryStorage, await storage_of(subject, "memory"))
