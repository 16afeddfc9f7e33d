"""Asyncio-native persistence for AI agents, sharing its databases with Mastra in TypeScript."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .domains import DomainStorage, MemoryStorage
from .errors import (
    ConflictError,
    CorruptRecordError,
    DomainNotConfiguredError,
    NotFoundError,
    StoreClosedError,
    StoreConnectionError,
    StoreError,
    UnknownDomainError,
    UnsupportedOperationError,
    ValidationError,
)
from .records import (
    DateRange,
    Message,
    MessageInclude,
    MessagePage,
    MessageUpdate,
    Resource,
    Thread,
    ThreadClone,
    ThreadCopy,
    ThreadPage,
    from_mastra,
    to_mastra,
)
from .registry import Backend, register_backend
from .store import Store

if TYPE_CHECKING:
    from .backends.postgres.memory import MemoryPG as MemoryPG
    from .backends.sqlite.memory import MemoryLibSQL
    from .providers.libsql import LibSQLStore
    from .providers.postgres import PostgresStore as PostgresStore

__version__ = "0.1.0"

# Loaded when first asked for, so that importing the package needs no driver.
_LAZY = {
    "LibSQLStore": "mastra_store.providers.libsql",
    "MemoryLibSQL": "mastra_store.backends.sqlite.memory",
    "MemoryPG": "mastra_store.backends.postgres.memory",
    "PostgresStore": "mastra_store.providers.postgres",
}

# Names that need an extra are left out, so that `import *` works without it.
__all__ = [
    "Backend",
    "ConflictError",
    "CorruptRecordError",
    "DateRange",
    "DomainNotConfiguredError",
    "DomainStorage",
    "LibSQLStore",
    "MemoryLibSQL",
    "MemoryStorage",
    "Message",
    "MessageInclude",
    "MessagePage",
    "MessageUpdate",
    "NotFoundError",
    "Resource",
    "Store",
    "StoreClosedError",
    "StoreConnectionError",
    "StoreError",
    "Thread",
    "ThreadClone",
    "ThreadCopy",
    "ThreadPage",
    "UnknownDomainError",
    "UnsupportedOperationError",
    "ValidationError",
    "from_mastra",
    "register_backend",
    "to_mastra",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_LAZY[name]), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "asyncpg":
            raise
        raise ImportError(f"{name} needs asyncpg; install it with: pip install 'mastra-store[postgres]'") from error


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
