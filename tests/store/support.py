"""Stand-ins for databases and backends: they note what is done to them and fail on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, ClassVar

import pytest

from mastra_store import Backend, DomainStorage, Store, StoreError, register_backend, registry
from mastra_store.backends.sql.domain import SqlDomain
from mastra_store.domains.base import operation
from mastra_store.once import Once

ALL = ("memory", "workflows", "scores", "observability", "agents", "datasets", "experiments")


class Stub(DomainStorage):
    """A domain storage without a database."""

    def __init__(
        self, domain: str, log: list[str] | None = None, *, name: str = "", fail: Collection[str] = ()
    ) -> None:
        super().__init__()
        self.domain = domain  # type: ignore[misc]
        self.name = name or domain
        self.log = [] if log is None else log
        self.fail = set(fail)
        self._creating = Once(self._create)

    async def _init(self) -> None:
        await self._creating()

    async def _create(self) -> None:
        await self._do("init")

    async def _close(self) -> None:
        await self._do("close")

    @operation("PING")
    async def ping(self) -> str:
        """A public operation."""
        return self.name

    async def dangerously_clear_all(self) -> None:
        await self._do("clear")

    async def _do(self, what: str) -> None:
        self.log.append(f"{what} {self.name}")
        await asyncio.sleep(0.001)
        if what in self.fail:
            raise StoreError(f"{what} of {self.name} failed")


class Notes(SqlDomain):
    """A second domain on the real SQL backends, so that two domains can share (or not share) a database."""

    domain: ClassVar[str] = "workflows"
    definitions: ClassVar[tuple[Any, ...]] = ()

    def _bind_statements(self) -> None:
        """No statements."""

    async def _clear(self) -> None:
        """No tables."""

    @operation("PING")
    async def ping(self) -> int:
        """Use the database."""
        answer: int = (await self._database.fetch("SELECT 42"))[0][0]
        return answer


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make both provider stores serve ``workflows`` beside ``memory``."""
    from mastra_store import LibSQLStore, PostgresStore

    for provider in (LibSQLStore, PostgresStore):
        monkeypatch.setattr(provider, "storage_classes", {**provider.storage_classes, "workflows": Notes})


class StubBackend:
    """A third party's backend ``stub://name?domains=a,b``, registered without any change of the facade."""

    def __init__(self) -> None:
        self.opened: list[tuple[str, tuple[str, ...], bool]] = []
        self.log: list[str] = []

    def open(self, url: str, *, domains: Collection[str], disable_init: bool) -> Store:
        """A Store of stubs for the domains that the URL names."""
        self.opened.append((url, tuple(domains), disable_init))
        _, _, provided = url.partition("?domains=")
        name = url.removeprefix("stub://").partition("?")[0]
        storages = {domain: Stub(domain, self.log, name=f"{name}.{domain}") for domain in provided.split(",")}
        return Store(id=url, domains=storages, disable_init=disable_init)

    @staticmethod
    def normalise(url: str) -> str:
        """Case does not matter here."""
        return url.lower()


@pytest.fixture
def stub_backend(monkeypatch: pytest.MonkeyPatch) -> StubBackend:
    """That backend, known for the time of a test."""
    monkeypatch.setattr(registry, "_backends", dict(registry._backends))
    backend = StubBackend()
    register_backend(Backend(("stub",), backend.open, backend.normalise))
    return backend
