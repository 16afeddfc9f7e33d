"""The published suite against every backend: one test per backend and check."""

import pytest

from mastra_store.conformance import Check, Harness
from mastra_store.conformance.pytest_support import check_params, run_as_test
from mastra_store.domains import MemoryStorage


@pytest.mark.parametrize("check", check_params("memory"))
@pytest.mark.asyncio(loop_scope="session")
async def test_memory(check: Check, memory: MemoryStorage, harness: Harness) -> None:
    await run_as_test(check, memory, harness)
