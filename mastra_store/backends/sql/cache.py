"""Statements kept by shape: built when first needed, never more of them than a process can afford."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
_LARGEST = 512


class StatementCache(Generic[K, V]):
    """Values by key, made by ``build``; emptied when odd arguments have filled it."""

    def __init__(self, build: Callable[[K], V]) -> None:
        self._build = build
        self._kept: dict[K, V] = {}

    def __getitem__(self, key: K) -> V:
        """The value of a key, built if need be."""
        value = self._kept.get(key)
        if value is None:
            if len(self._kept) >= _LARGEST:
                self._kept.clear()
            value = self._kept[key] = self._build(key)
        return value
