"""Asyncio-native persistence for AI agents, sharing its databases with Mastra in TypeScript."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .domains import DomainStorage, MemoryStorage, ObservabilityStorage, ScoresStorage, WorkflowsStorage
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
    BranchPage,
    DateRange,
    LightSpan,
    LightTrace,
    LightTracePage,
    Message,
    MessageInclude,
    MessagePage,
    MessageUpdate,
    Resource,
    Score,
    ScorePage,
    Span,
    SpanUpdate,
    Strategy,
    Thread,
    ThreadClone,
    ThreadCopy,
    ThreadPage,
    Trace,
    TraceFilter,
    TracePage,
    TraceSpan,
    WorkflowRun,
    WorkflowRunPage,
    WorkflowStateUpdate,
    from_mastra,
    to_mastra,
)
from .registry import Backend, register_backend
from .store import Store

if TYPE_CHECKING:
    from .backends.postgres.memory import MemoryPG as MemoryPG
    from .backends.postgres.observability import ObservabilityPG as ObservabilityPG
    from .backends.postgres.scores import ScoresPG as ScoresPG
    from .backends.postgres.workflows import WorkflowsPG as WorkflowsPG
    from .backends.sqlite.memory import MemoryLibSQL
    from .backends.sqlite.observability import ObservabilityLibSQL
    from .backends.sqlite.scores import ScoresLibSQL
    from .backends.sqlite.workflows import WorkflowsLibSQL
    from .providers.libsql import LibSQLStore
    from .providers.postgres import PostgresStore as PostgresStore

__version__ = "0.1.0"

# Loaded when first asked for, so that importing the package needs no driver.
_LAZY = {
    "LibSQLStore": "mastra_store.providers.libsql",
    "MemoryLibSQL": "mastra_store.backends.sqlite.memory",
    "MemoryPG": "mastra_store.backends.postgres.memory",
    "ObservabilityLibSQL": "mastra_store.backends.sqlite.observability",
    "ObservabilityPG": "mastra_store.backends.postgres.observability",
    "PostgresStore": "mastra_store.providers.postgres",
    "ScoresLibSQL": "mastra_store.backends.sqlite.scores",
    "ScoresPG": "mastra_store.backends.postgres.scores",
    "WorkflowsLibSQL": "mastra_store.backends.sqlite.workflows",
    "WorkflowsPG": "mastra_store.backends.postgres.workflows",
}

# Names that need an extra are left out, so that `import *` works without it.
__all__ = [
    "Backend",
    "BranchPage",
    "ConflictError",
    "CorruptRecordError",
    "DateRange",
    "DomainNotConfiguredError",
    "DomainStorage",
    "LibSQLStore",
    "LightSpan",
    "LightTrace",
    "LightTracePage",
    "MemoryLibSQL",
    "MemoryStorage",
    "Message",
    "MessageInclude",
    "MessagePage",
    "MessageUpdate",
    "NotFoundError",
    "ObservabilityLibSQL",
    "ObservabilityStorage",
    "Resource",
    "Score",
    "ScorePage",
    "ScoresLibSQL",
    "ScoresStorage",
    "Span",
    "SpanUpdate",
    "Store",
    "StoreClosedError",
    "StoreConnectionError",
    "StoreError",
    "Strategy",
    "Thread",
    "ThreadClone",
    "ThreadCopy",
    "ThreadPage",
    "Trace",
    "TraceFilter",
    "TracePage",
    "TraceSpan",
    "UnknownDomainError",
    "UnsupportedOperationError",
    "ValidationError",
    "WorkflowRun",
    "WorkflowRunPage",
    "WorkflowStateUpdate",
    "WorkflowsLibSQL",
    "WorkflowsStorage",
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
