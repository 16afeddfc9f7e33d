"""What the suite is told about a storage under test: how to open it, what it can do, and ways around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from ..domains import DomainStorage

CAPABILITIES: Mapping[str, str] = {
    "transactions": "a write of several rows becomes visible at once or not at all",
    "keeps_key_order": "metadata keeps the order of its keys",
    "number_types": "1 and 1.0 stay an int and a float",
    "big_integers": "integers beyond 64 bits are held",
}
"""Abilities that a storage may lack by the rules; checks that need a missing one count as unsupported."""

MEANS: Mapping[str, str] = {
    "raw_rows": "the harness can write stored messages around the storage (raw_message_writer)",
    "second_connection": "the harness can open the same database a second time (open_second)",
    "cross_process": "the harness can name the database to another process (url)",
}
"""What a harness may offer; checks that need what it does not offer are reported as not checked."""


class RawMessage(NamedTuple):
    """A row of the messages table as another program may have left it; ``content`` is the stored text."""

    id: str
    thread_id: str
    resource_id: str | None
    role: str
    type: str
    content: str
    created_at: datetime


@runtime_checkable
class ManyDomains(Protocol):
    """A Store, as far as the suite uses it."""

    async def get_store(self, name: str, /) -> DomainStorage | None:
        """The storage of one domain, or ``None``."""


Subject: TypeAlias = DomainStorage | ManyDomains
Opener: TypeAlias = Callable[[], AbstractAsyncContextManager[Subject]]
RawMessageWriter: TypeAlias = Callable[[Sequence[RawMessage]], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Harness:
    """How to examine one storage.

    ``open`` makes a context manager that yields a domain storage or a Store; its database is written into and cleared.
    ``capabilities`` are keys of ``CAPABILITIES``. The others are optional means (``MEANS``): ``raw_message_writer``
    writes rows into the database that ``open`` opened, ``open_second`` opens that same database once more, ``url`` is
    what ``Store(default=url)`` opens it with in another process.
    """

    name: str
    open: Opener
    capabilities: frozenset[str] = frozenset(CAPABILITIES)
    raw_message_writer: RawMessageWriter | None = None
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
            "raw_rows": self.raw_message_writer,
            "second_connection": self.open_second,
            "cross_process": self.url,
        }
        return frozenset(name for name, offer in offers.items() if offer is not None)


async def storage_of(subject: Subject, domain: str) -> DomainStorage:
    """The domain storage within what a harness opened."""
    if isinstance(subject, DomainStorage):
        found: DomainStorage | None = subject if subject.domain == domain else None
    else:
        found = await subject.get_store(domain)
    if found is None:
        raise LookupError(f"the harness opened nothing that provides the domain {domain!r}")
    return found
