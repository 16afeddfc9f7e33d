"""Records of the workflows domain: one per workflow run, and what lists and updates of them use."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import msgspec
from msgspec import UNSET, UnsetType

from ..instants import now
from .base import Record
from .legacy import unwrapped
from .paging import Page

# updated_at follows created_at when it is not given; the attribute itself is never None once the record is built.
_FOLLOWS_CREATED_AT = cast(datetime, None)


class WorkflowRun(Record, kw_only=True):
    """One run of a workflow and its whole state (table ``mastra_workflow_snapshot``).

    ``snapshot`` is the engine's own JSON, with camelCase keys; the storage reads and writes a few of them (W12 to W20).
    """

    workflow_name: str
    run_id: str
    resource_id: str | None = None
    snapshot: dict[str, Any]
    created_at: datetime = msgspec.field(default_factory=now)
    updated_at: datetime = _FOLLOWS_CREATED_AT

    def __post_init__(self) -> None:
        if self.updated_at is _FOLLOWS_CREATED_AT:
            self.updated_at = self.created_at

    @classmethod
    def _from_mastra(cls, data: dict[str, Any]) -> dict[str, Any]:
        data["snapshot"] = unwrapped(data.get("snapshot"))  # JSON text, in the answers of some adapters
        return data


class WorkflowStateUpdate(Record, kw_only=True):
    """Top-level keys of a snapshot to replace; those left ``UNSET`` stay as they are, ``None`` is stored (W18)."""

    status: str | UnsetType | None = UNSET
    result: dict[str, Any] | UnsetType | None = UNSET
    error: dict[str, Any] | UnsetType | None = UNSET
    suspended_paths: dict[str, Any] | UnsetType | None = UNSET
    waiting_paths: dict[str, Any] | UnsetType | None = UNSET
    resume_labels: dict[str, Any] | UnsetType | None = UNSET
    active_paths: list[Any] | UnsetType | None = UNSET
    active_steps_path: dict[str, Any] | UnsetType | None = UNSET
    tracing_context: dict[str, Any] | UnsetType | None = UNSET

    def _to_mastra(self, wire: dict[str, Any]) -> dict[str, Any]:
        """What is ``None`` is to become null, and is not left out."""
        names = zip(self.__struct_fields__, self.__struct_encode_fields__, strict=True)
        return {**wire, **{key: None for name, key in names if getattr(self, name) is None}}


class WorkflowRunPage(Page, kw_only=True):
    """A page of workflow runs."""

    runs: list[WorkflowRun]
