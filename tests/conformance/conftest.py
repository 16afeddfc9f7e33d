"""One open store per backend for the whole session: checks keep apart by ids of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import pytest
import pytest_asyncio

from mastra_store.conformance import Harness
from mastra_store.conformance.harness import Subject, storage_of
from mastra_store.conformance.urls import url_harness
from mastra_store.domains import MemoryStorage, ObservabilityStorage, ScoresStorage, WorkflowsStorage

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
async def subject(harness: Harness) -> AsyncIterator[Subject]:
    """What the harness opens: a store of all domains."""
    async with harness.open() as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def memory(subject: Subject) -> MemoryStorage:
    return cast(MemoryStorage, await storage_of(subject, "memory"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def workflows(subject: Subject) -> WorkflowsStorage:
    return cast(WorkflowsStorage, await storage_of(subject, "workflows"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def scores(subject: Subject) -> ScoresStorage:
    return cast(ScoresStorage, await storage_of(subject, "scores"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def observability(subject: Subject) -> ObservabilityStorage:
    return cast(ObservabilityStorage, await storage_of(subject, "observability"))
