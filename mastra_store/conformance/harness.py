"""What the suite is told about a storage under test: how to open it, what it can do, and ways around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, runtime_checkable

from ..domains import DomainStorage

CAPABILITIES: Mapping[str, str] = {
    "transactions": "a write of several rows becomes visible at once or not at all",
    "keeps_key_order": "payloads keep the order of their keys",
    "number_types": "1 and 1.0 stay an int and a float",
    "big_integers": "integers beyond 64 bits are held",
    "looks_into_text": "a snapshot that is held as JSON text inside JSON is found by its status and thread",
}
"""Abilities that a storage may lack by the rules; checks that need a missing one count as unsupported."""

MEANS: Mapping[str, str] = {
    "raw_rows": "the harness can write rows around the storage (raw_writer)",
    "broken_json": "what it writes into columns of JSON need not be JSON (raw_json_may_be_broken)",
    "second_connection": "the harness can open the same database a second time (open_second)",
    "cross_process": "the harness can name the database to another process (url)",
}
"""What a harness may offer; checks that need what it does not offer are reported as not checked."""


RawRow: TypeAlias = Mapping[str, Any]
"""A row as another program may have left it, by the stored names of its columns (``{"id": ..., "resourceId": ...}``).

Columns left out are absent. An instant is an aware ``datetime``; a payload is its stored JSON text.
"""


@runtime_checkable
class ManyDomains(Protocol):
    """A Store, as far as the suite uses it."""

    async def get_store(self, name: str, /) -> DomainStorage | None:
        """The storage of one domain, or ``None``."""


Subject: TypeAlias = DomainStorage | ManyDomains
Opener: TypeAlias = Callable[[], AbstractAsyncContextManager[Subject]]
RawWriter: TypeAlias = Callable[[str, Sequence[RawRow]], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Harness:
    """How to examine one storage.

    ``open`` makes a context manager that yields a domain storage or a Store; its database is written into and cleared.
    ``capabilities`` are keys of ``CAPABILITIES``. The others are optional means (``MEANS``): ``raw_writer(table,
    rows)`` inserts rows into the database that ``open`` opened, such as ``("mastra_scorers", [{"id": ..., "scorerId":
    ...}])``; ``raw_json_may_be_broken`` says that its columns of JSON take any text; ``open_second`` opens that same
    database once more; ``url`` is what ``Store(default=url)`` opens it with in another process.
    """

    name: str
    open: Opener
    capabilities: frozenset[str] = frozenset(CAPABILITIES)
    raw_writer: RawWriter | None = None
    raw_json_may_be_broken: bool = False
    open_second: Opener | None = None
    url: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        unknown = self.capabilities - CAPABILITIES.keys()
        if unknown:
            raise ValueError(f"unknown capabilities {sorted(unknown)}; known are {', '.join(CAPABILITIES)}")

    @property
    def means(self) -> frozenset[str]:
        """Which of ``MEANS`` this harness offers."""
        offers = {
            "raw_rows": self.raw_writer is not None,
            "broken_json": self.raw_writer is not None and self.raw_json_may_be_broken,
            "second_connection": self.open_second is not None,
            "cross_process": self.url is not None,
        }
        return frozenset(name for name, offered in offers.items() if offered)

    async def write_raw(self, table: str, *rows: RawRow) -> None:
        """Insert rows around the storage, for checks that need ``raw_rows``."""
        if self.raw_writer is None:
            raise LookupError("the harness has no raw_writer")
        await self.raw_writer(table, rows)


async def storage_of(subject: Subject, domain: str) -> DomainStorage:
    """The domain storage within what a harness opened."""
    if isinstance(subject, DomainStorage):
        found: DomainStorage | None = subject if subject.domain == domain else None
    else:
        found = await subject.get_store(domain)
    if found is None:
        raise LookupError(f"the harness opened nothing that provides the domain {domain!r}")
    return found


async def domains_of(subject: Subject, names: Iterable[str]) -> list[str]:
    """Which of the named domains are provided by what a harness opened."""
    if isinstance(subject, DomainStorage):
        return [name for name in names if name == subject.domain]
    return [name for name in names if await subject.get_store(name) is not None]
