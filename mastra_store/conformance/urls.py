"""Harnesses for databases that a URL names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..store import Store
from .harness import CAPABILITIES, Harness
from .raw import TAKES_BROKEN_JSON, raw_writer

_POSTGRES = frozenset(CAPABILITIES) - {"keeps_key_order", "looks_into_text"}
_ABILITIES = {
    "sqlite": frozenset(CAPABILITIES),
    "file": frozenset(CAPABILITIES),
    "": frozenset(CAPABILITIES),  # :memory:
    "postgres": _POSTGRES,
    "postgresql": _POSTGRES,
}


def is_in_memory(url: str) -> bool:
    """Whether nothing can be lost in the database that a URL names."""
    return url.partition("?")[0] in (":memory:", "file::memory:", "sqlite://:memory:", "sqlite:///:memory:")


def url_harness(url: str, name: str | None = None) -> Harness:
    """A harness that opens ``Store(default=url)``; a database of its own is opened a second time where it can be.

    A scheme that is not known here is taken to have no optional capability.
    """

    @asynccontextmanager
    async def opened() -> AsyncIterator[Store]:
        async with Store(id="conformance", default=url) as store:
            yield store

    scheme = url.partition(":")[0].partition("+")[0]
    private = is_in_memory(url)
    return Harness(
        name=name or scheme or "memory",
        open=opened,
        capabilities=_ABILITIES.get(scheme, frozenset()),
        raw_writer=None if private else raw_writer(url, scheme),
        raw_json_may_be_broken=scheme in TAKES_BROKEN_JSON,
        open_second=None if private else opened,
        url=None if private else url,
    )
