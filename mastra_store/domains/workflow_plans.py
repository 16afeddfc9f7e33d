"""What the workflow rules hand to a backend: checked queries, rows and changes, free of any backend's notions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from ..payload import Payload
from .checks import Period


class NewRun(NamedTuple):
    """A run to insert, or to replace: then ``created_at`` and a missing ``resource_id`` keep what is stored (W2)."""

    workflow_name: str
    run_id: str
    resource_id: str | None
    snapshot: Payload
    created_at: datetime
    updated_at: datetime


class RunQuery(NamedTuple):
    """One page of runs, newest first; ``limit=None`` is everything, ``None`` does not filter."""

    workflow_name: str | None
    status: str | None
    resource_id: str | None
    thread_id: str | None
    span: Period | None
    offset: int
    limit: int | None


class SnapshotChange(NamedTuple):
    """The snapshot to write, and its time."""

    snapshot: Payload
    updated_at: datetime


SnapshotChanger: TypeAlias = Callable[[dict[str, Any] | None], SnapshotChange | None]
"""Given the stored snapshot (``None``: there is no such run), says what to write; pure, quick, called under a lock."""
