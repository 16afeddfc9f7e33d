"""What every domain storage shares: life cycle, first use, and errors that say which operation failed."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, ParamSpec, Self, TypeVar

from ..errors import StoreClosedError, StoreError, UnsupportedOperationError
from ..once import Once

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from tortoise.backends.base.client import BaseDBAsyncClient

_DISABLE_INIT = "MASTRA_DISABLE_STORAGE_INIT"
P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D", bound="DomainStorage")
F = TypeVar("F", bound=Callable[..., Any])


def operation(
    name: str,
) -> Callable[
    [Callable[Concatenate[D, P], Awaitable[T]]],
    Callable[Concatenate[D, P], Coroutine[Any, Any, T]],
]:
    """Make a method a public operation: it refuses to run on a closed storage, and its errors carry ``name``."""

    def decorate(
        method: Callable[Concatenate[D, P], Awaitable[T]],
    ) -> Callable[Concatenate[D, P], Coroutine[Any, Any, T]]:
        @wraps(method)
        async def call(self: D, /, *args: P.args, **kwargs: P.kwargs) -> T:
            try:
                if self._closed:
                    raise StoreClosedError("this storage has been closed")
                return await method(self, *args, **kwargs)
            except StoreError as error:
                error.locate(name, self.domain)
                raise

        return call

    return decorate


def hook(method: F) -> F:
    """Mark a private method that a backend fills in. Before the first of them runs, the storage is initialised (C12).

    So bad arguments are refused before a database is opened or created (G1).
    """
    method._is_hook = True  # type: ignore[attr-defined]
    return method


def _after_first_use(method: Any) -> Any:
    @wraps(method)
    async def call(self: DomainStorage, *args: Any, **kwargs: Any) -> Any:
        if not self._ready:
            await self._first_use()
        return await method(self, *args, **kwargs)

    return hook(call)


def init_disabled(argument: bool) -> bool:
    """Whether implicit initialisation is forbidden, by argument or by the environment (C12)."""
    return argument or os.environ.get(_DISABLE_INIT, "").lower() == "true"


def no_orm(storage: DomainStorage, what: str) -> UnsupportedOperationError:
    """The error of a backend without Tortoise models."""
    text = f"{type(storage).__name__} has no {what} for ad-hoc queries; the SQL backends (SQLite, PostgreSQL) have"
    return UnsupportedOperationError(text, domain=storage.domain)


class DomainStorage(ABC):
    """Base of all domain storages.

    A storage built alone (``MemoryPG(url=...)``) owns its database and closes it; one that belongs to a Store is closed
    by that Store. It creates its tables on first use unless it was built with ``disable_init=True``.
    """

    domain: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, method in list(vars(cls).items()):
            if any(hasattr(getattr(base, name, None), "_is_hook") for base in cls.__mro__[1:]):
                setattr(cls, name, _after_first_use(method))

    def __init__(self, *, disable_init: bool = False) -> None:
        self._implicit_init = not init_disabled(disable_init)
        self._ready = False
        self._closed = False
        self._initialising = Once(self._init)
        self.belongs_to_store = False
        """Whether a Store has taken this storage over, or made it, and closes what is behind it."""

    async def init(self) -> None:
        """Create whatever tables, columns and indexes of this domain are missing; never drops or rewrites data (C10).

        Concurrent callers wait for one run; a failed run is not remembered (C11).
        """
        if self._closed:
            raise StoreClosedError("this storage has been closed", operation="INIT", domain=self.domain)
        try:
            await self._initialising()
        except StoreError as error:
            error.locate("INIT", self.domain)
            raise
        self._ready = not self._closed

    async def close(self) -> None:
        """Release what this storage opened itself. May be called twice."""
        self._mark_closed()
        await self._close()

    @abstractmethod
    async def dangerously_clear_all(self) -> None:
        """Remove all rows of this domain's tables; the tables stay usable, other domains untouched (G14)."""

    def transaction(self) -> AbstractAsyncContextManager[BaseDBAsyncClient]:
        """A transaction for ad-hoc work with the bound models, on SQL backends.

        Raises ``UnsupportedOperationError`` where the backend has none.
        """
        raise no_orm(self, "transactions")

    async def __aenter__(self) -> Self:
        await self._init_implicitly()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    @abstractmethod
    async def _init(self) -> None:
        """Create the schema; called once, however many callers there are."""

    @abstractmethod
    async def _close(self) -> None:
        """Close the database if this storage owns it."""

    def _mark_closed(self) -> None:
        self._closed = True
        self._ready = False

    def _forbid_implicit_init(self) -> None:
        """A Store built with ``disable_init`` says so to what was passed to it (C12)."""
        self._implicit_init = False

    async def _init_implicitly(self) -> None:
        """Initialise without having been asked to, unless that is forbidden (C12)."""
        if self._implicit_init:
            await self.init()

    async def _first_use(self) -> None:
        await self._init_implicitly()
        self._ready = not self._closed
