"""The published suite against every backend: one test per backend and check."""

import pytest

from mastra_store.conformance import Check, Harness
from mastra_store.conformance.pytest_support import check_params, run_as_test
from mastra_store.domains import ScoresStorage


@pytest.mark.parametrize("check", check_params("scores"))
@pytest.mark.asyncio(loop_scope="session")
async def test_scores(check: Check, scores: ScoresStorage, harness: Harness) -> None:
    await run_as_test(check, scores, harness)
