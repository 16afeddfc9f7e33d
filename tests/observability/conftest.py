"""Open storages for tests that are no coroutines, such as Hypothesis wants them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from mastra_store import ObservabilityStorage, Store

T = TypeVar("T")


class Opened:
    """An open storage and the loop that it lives on."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.store = Store(id="spans", default=url, domains={"memory": False, "workflows": False, "scores": False})

    @property
    def storage(self) -> ObservabilityStorage:
        return self.store.observability

    def run(self, call: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(call)

    def close(self) -> None:
        self.run(self.store.close())
        self.runner.close()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest) -> Iterator[Opened]:
    """An empty database of each kind, open for a whole module."""
    is_sqlite = request.param == "sqlite"
    opened = Opened("sqlite://:memory:" if is_sqlite else request.getfixturevalue("postgres").create_database())
    yield opened
    opened.close()
