"""The Store: model groups ("domains") bound to separate databases, initialised and closed as one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine, Mapping
from logging import getLogger
from types import TracebackType
from typing import Any, Literal, Self, cast, overload

from .composition import Composition, Member, check_domain, compose
from .domains import (
    DOMAINS,
    DomainStorage,
    MemoryStorage,
    ObservabilityStorage,
    ScoresStorage,
    WorkflowsStorage,
)
from .domains.base import init_disabled
from .domains.unstorable import UnstorableText, check_option
from .errors import DomainNotConfiguredError, StoreClosedError, StoreError, UnknownDomainError, ValidationError
from .once import Once, watched

_log = getLogger("mastra_store")


class Store:
    """Composes storage domains over any mix of databases.

    ``default`` serves every domain that ``domains`` does not name. A source is a URL, another Store, or (for one
    domain) a domain storage such as ``MemoryPG(...)``; ``False`` disables a domain. What is passed in is handed over:
    this Store closes it. Building a Store opens nothing; ``async with`` initialises and closes it, and the first use of
    a domain initialises it, unless ``disable_init`` (or the environment variable
    ``MASTRA_DISABLE_STORAGE_INIT=true``) forbids it.

    ``unstorable_text`` says what becomes of characters in spans that the database cannot hold (unpaired surrogates, on
    PostgreSQL U+0000 as well): ``"error"`` refuses the write, ``"replace"`` puts U+FFFD and logs how many. Ids, and all
    other domains, always refuse.

    Raises ``ValidationError`` or ``UnknownDomainError`` for sources that make no sense (C1, C5).
    """

    def __init__(
        self,
        *,
        id: str,
        default: str | Store | None = None,
        editor: str | Store | None = None,
        domains: Mapping[str, str | Store | DomainStorage | Literal[False] | None] | None = None,
        disable_init: bool = False,
        unstorable_text: UnstorableText = "error",
    ) -> None:
        check_store_id(id)  # before anything that was passed in is taken over
        check_option(unstorable_text)
        no_init = init_disabled(disable_init)
        composition = compose(default, editor, domains, disable_init=no_init, store_class=Store)
        self._start(id, composition, disable_init=no_init, unstorable_text=unstorable_text)

    @classmethod
    def from_env(
        cls,
        *,
        id: str = "mastra",
        environ: Mapping[str, str] | None = None,
        disable_init: bool = False,
        unstorable_text: UnstorableText = "error",
    ) -> Store:
        """A Store from ``MASTRA_STORE_URL`` and ``MASTRA_STORE_<DOMAIN>_URL``; ``sqlite:///./mastra.db`` without them.

        The value ``false`` for a domain disables it. A variable that names no domain raises ``UnknownDomainError``.
        """
        values = os.environ if environ is None else environ
        default = values.get("MASTRA_STORE_URL") or "sqlite:///./mastra.db"
        domains = _domains_of(values)
        return Store(
            id=id, default=default, domains=domains, disable_init=disable_init, unstorable_text=unstorable_text
        )

    def _start(self, id: str, composition: Composition, *, disable_init: bool, unstorable_text: str) -> None:
        self.id = check_store_id(id)
        self._storages, self._origins, self._members = composition
        self._implicit_init = not disable_init
        self._initialising = Once(self._init_members)
        self._closing: asyncio.Task[None] | None = None
        observability = self._storages.get("observability")
        if unstorable_text != "error" and isinstance(observability, ObservabilityStorage):
            observability._set_unstorable_text(unstorable_text)

    def __repr__(self) -> str:
        served = ", ".join(f"{name}={type(storage).__name__}" for name, storage in self._storages.items())
        return f"<{type(self).__name__} id={self.id!r} {served or 'nothing'}>"

    # -- life cycle --------------------------------------------------------------------------------------------------

    async def init(self) -> None:
        """Create what is missing in the databases of all resolved domains, once (C10, C11)."""
        self._check_open("INIT")
        await self._initialising()

    async def close(self) -> None:
        """Close everything this Store opened or was handed, each once; the rest also when one fails (C15 to C18).

        Failures are raised together as one ``StoreError`` (``CLOSE_FAILED``). A second call does nothing.
        """
        if self._closing is not None:
            await asyncio.wait({self._closing})
            return
        self._closing = watched(self._close_members())
        await asyncio.shield(self._closing)

    async def __aenter__(self) -> Self:
        try:
            await self._init_implicitly()
        except BaseException:
            await self._close_quietly()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if exc is None:
            await self.close()
        else:
            await self._close_quietly()

    # -- domains -----------------------------------------------------------------------------------------------------

    @overload
    async def get_store(self, name: Literal["memory"]) -> MemoryStorage | None: ...
    @overload
    async def get_store(self, name: Literal["workflows"]) -> WorkflowsStorage | None: ...
    @overload
    async def get_store(self, name: Literal["scores"]) -> ScoresStorage | None: ...
    @overload
    async def get_store(self, name: Literal["observability"]) -> ObservabilityStorage | None: ...
    @overload
    async def get_store(self, name: str) -> DomainStorage | None: ...

    async def get_store(self, name: str) -> DomainStorage | None:
        """The storage of a domain, initialised; ``None`` when it is disabled or nothing provides it (C6, C12).

        Raises ``UnknownDomainError`` for a name that is no domain's.
        """
        check_domain(name)
        self._check_open("GET_STORE")
        storage = self._storages.get(name)
        if storage is not None and self._implicit_init:
            await self._origins[name].target._init_implicitly()
        return storage

    @property
    def memory(self) -> MemoryStorage:
        """Threads, messages, resources."""
        return cast(MemoryStorage, self._required("memory"))

    @property
    def workflows(self) -> WorkflowsStorage:
        """Snapshots of workflow runs."""
        return cast(WorkflowsStorage, self._required("workflows"))

    @property
    def scores(self) -> ScoresStorage:
        """Results of scorers."""
        return cast(ScoresStorage, self._required("scores"))

    @property
    def observability(self) -> ObservabilityStorage:
        """Traces and spans."""
        return cast(ObservabilityStorage, self._required("observability"))

    @property
    def agents(self) -> DomainStorage:
        """Stored agents and their versions."""
        return self._required("agents")

    @property
    def datasets(self) -> DomainStorage:
        """Datasets, their items and versions."""
        return self._required("datasets")

    @property
    def experiments(self) -> DomainStorage:
        """Experiments and their results."""
        return self._required("experiments")

    # -- inside ------------------------------------------------------------------------------------------------------

    def _required(self, name: str) -> DomainStorage:
        storage = self._storages.get(name)
        if storage is None:
            served = ", ".join(self._storages) or "nothing"
            raise DomainNotConfiguredError(
                f"store {self.id!r} has no {name}: it is disabled, or no source provides it; it serves {served}",
                domain=name,
            )
        return storage

    def _check_open(self, operation: str) -> None:
        if self._closing is not None:
            raise StoreClosedError(f"store {self.id!r} has been closed", operation=operation)

    def _forbid_implicit_init(self) -> None:
        """An outer Store built with ``disable_init`` says so to what was passed to it (C12)."""
        self._implicit_init = False
        for member in self._members:
            member.target._forbid_implicit_init()

    async def _init_implicitly(self) -> None:
        """Initialise without having been asked to, but nothing that was told not to be (C12)."""
        self._check_open("INIT")
        if self._implicit_init:
            for member in self._members:
                await member.target._init_implicitly()

    async def _close_quietly(self) -> None:
        """Close without masking the error that is on its way (C19)."""
        try:
            await self.close()
        except StoreError as error:
            _log.warning("closing store %r failed while another error was raised: %s", self.id, error)

    async def _init_members(self) -> None:
        """One after another: local files have one writer (C14), and a failure leaves the rest for the next try."""
        for member in self._members:
            await member.target.init()

    async def _close_members(self) -> None:
        await self._close_all([member.target.close() for member in self._members if member.owned])

    async def _close_all(self, closings: list[Coroutine[Any, Any, None]]) -> None:
        results = await asyncio.gather(*closings, return_exceptions=True)
        failures = [result for result in results if isinstance(result, Exception)]
        if failures:
            text = f"closing store {self.id!r} failed: {'; '.join(str(failure) for failure in failures)}"
            raise StoreError(text, operation="CLOSE") from ExceptionGroup("closing failed", failures)


def check_store_id(id: Any) -> str:
    """The id of a Store is a non-blank string (C1)."""
    if not isinstance(id, str) or not id.strip():
        raise ValidationError("id must be a non-blank string", details={"field": "id"})
    return id


def own_members(storages: Mapping[str, DomainStorage]) -> Composition:
    """The composition of a provider store, whose storages are its members."""
    members = {name: Member(storage, owned=True) for name, storage in storages.items()}
    return Composition(dict(storages), members, list(members.values()))


def _domains_of(environ: Mapping[str, str]) -> dict[str, str | Literal[False]]:
    """Entries of ``domains`` from the environment."""
    found: dict[str, str | Literal[False]] = {}
    for variable, value in environ.items():
        name = variable.removeprefix("MASTRA_STORE_").removesuffix("_URL").lower()
        if variable == f"MASTRA_STORE_{name.upper()}_URL" and value:
            if name not in DOMAINS:
                raise UnknownDomainError(f"{variable} names no domain; known are {', '.join(DOMAINS)}")
            found[name] = False if value.lower() == "false" else value
    return found
