"""The bound models as the tests use them."""

from __future__ import annotations

from typing import Any

from mastra_store import Store


def models_of(store: Store) -> Any:
    """The bound classes of a Store's memory; which domains have them is not part of the typed contract."""
    memory: Any = store.memory
    return memory.models
