"""What the SQL domains need of a database: sessions inside transactions, single statements, and a life cycle."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from tortoise.backends.base.client import BaseDBAsyncClient

from ...models.base import StoredModel
from .dialect import Dialect

T = TypeVar("T")


class Session(Protocol):
    """An open transaction."""

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        """Run a statement and return its rows, indexable by position."""

    async def execute(self, sql: str, *args: Any) -> int:
        """Run a statement and return how many rows it changed."""


class SqlDatabase(Protocol):
    """One database and the connections to it, shared by the domains of a provider store."""

    @property
    def dialect(self) -> Dialect:
        """How values are kept."""

    @property
    def schema(self) -> str | None:
        """The schema that holds the tables, where the dialect has schemas."""

    @property
    def orm(self) -> BaseDBAsyncClient:
        """The client of the bound models."""

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        """Rows of a statement that only reads."""

    async def execute(self, sql: str, *args: Any) -> int:
        """Run one writing statement, in a transaction of its own."""

    async def transact(
        self, work: Callable[[Any], Awaitable[T]], *, repeatable: bool = True, snapshot: bool = False
    ) -> T:
        """Run a coroutine function in a write transaction: commit when it returns, roll back when it does not.

        ``repeatable`` says that it may be run again after a deadlock, ``snapshot`` that all reads must see one moment.
        """

    def transaction(self) -> AbstractAsyncContextManager[BaseDBAsyncClient]:
        """A transaction as a client for Tortoise's ``using_db``."""

    async def create_schema(self, definitions: tuple[type[StoredModel], ...]) -> None:
        """Create the tables, columns and indexes that are missing."""

    async def close(self) -> None:
        """Release all connections that were opened here."""
