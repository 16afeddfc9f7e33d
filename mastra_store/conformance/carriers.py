"""Every way in which a domain writes payloads and text: what the checks of G8 and G9 go through."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from ..domains import DomainStorage
from . import memory_carriers, score_carriers, workflow_carriers
from .scenes import Names

Carrier: TypeAlias = Callable[[Any, dict[str, Any]], Awaitable[list[Any]]]
"""Writes an object in one way and returns what every way of reading it gives back."""
Column: TypeAlias = Callable[[Any, Names, str], Awaitable[list[Any]]]
"""Writes text into one column and returns what is read back."""
Writers: TypeAlias = dict[tuple[str, str], Callable[[Any], Awaitable[Any]]]
"""Every way to write a payload, by operation and field, as functions of the payload."""


class Ways(NamedTuple):
    """The ways of one domain. Names of columns end in what an error about them names, one of ``a|b``."""

    carriers: Mapping[str, Carrier]
    columns: Mapping[str, Column]
    writers: Callable[[Any, Names], Awaitable[Writers]]
    nothing_written: Callable[[Any, Names], Awaitable[None]]
    """Fails unless the scene that ``writers`` set is as it was."""


def ways_of(storage: DomainStorage) -> Ways:
    """The ways of the domain of a storage."""
    return _WAYS[storage.domain]


ANY_VALUE = frozenset({("SAVE_SCORE", "input"), ("SAVE_SCORE", "output")})
"""Payloads that need not be mappings."""

_WAYS = {
    domain: Ways(module.CARRIERS, module.COLUMNS, module.writers, module.nothing_written)
    for domain, module in {
        "memory": memory_carriers,
        "workflows": workflow_carriers,
        "scores": score_carriers,
    }.items()
}
CARRYING = tuple(_WAYS)
"""The domains whose payloads and texts are examined alike."""
