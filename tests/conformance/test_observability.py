"""The published suite against every backend: one test per backend and check."""

import pytest

from mastra_store.conformance import Check, Harness
from mastra_store.conformance.pytest_support import check_params, run_as_test
from mastra_store.domains import ObservabilityStorage


@pytest.mark.parametrize("check", check_params("observability"))
@pytest.mark.asyncio(loop_scope="session")
async def test_observability(check: Check, observability: ObservabilityStorage, harness: Harness) -> None:
    await run_as_test(check, observability, harness)
