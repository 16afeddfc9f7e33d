"""The conformance suite as pytest tests, one per check: a test module for the repository of a backend of one's own.

python examples/conformance_in_pytest.py [options of pytest]

Copy it to tests/, put your own URL or harness in, and run pytest as usual. Needs pytest and pytest-asyncio.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from mastra_store import MemoryStorage, Store
from mastra_store.conformance import Check
from mastra_store.conformance.pytest_support import check_params, run_as_test
from mastra_store.conformance.urls import url_harness

HARNESS = url_harness("sqlite://:memory:")


@pytest_asyncio.fixture
async def memory() -> AsyncIterator[MemoryStorage]:
    """A fresh storage for every check; checks that share one work as well, and faster."""
    async with Store(id="examined", default="sqlite://:memory:") as store:
        yield store.memory


@pytest.mark.asyncio
@pytest.mark.parametrize("check", check_params("memory", ["M17", "M27", "M40"]))
async def test_conforms(check: Check, memory: MemoryStorage) -> None:
    """Test ids name rule and check, such as ``M17-upsert_keeps_created_at``."""
    await run_as_test(check, memory, HARNESS)


if __name__ == "__main__":
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", __file__, *sys.argv[1:]]
    sys.exit(subprocess.run(command, check=False).returncode)
