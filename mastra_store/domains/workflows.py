"""Workflows: snapshots of runs. The rules W1 to W24 stand here; a backend fills in the private hooks."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import UnsupportedOperationError
from ..payload import DEEPEST, Payload, freeze
from ..records import DateRange, WorkflowRun, WorkflowRunPage, WorkflowStateUpdate
from . import workflow_rules as rules
from .base import DomainStorage, hook, no_orm, operation
from .checks import check_date_range, check_id, check_owner_filter, check_page, check_str, invalid, more_follow
from .workflow_plans import NewRun, RunQuery, SnapshotChanger

if TYPE_CHECKING:
    from ..models.workflows import WorkflowModels


class WorkflowsStorage(DomainStorage):
    """The state of workflow runs: one snapshot per run, replaced by the engine, updated by its steps.

    Every method is a coroutine with keyword-only arguments. Records and snapshots that are returned are detached copies
    (G11). The rules (W1 to W24) are in the contract; each method names those it follows.
    """

    domain: ClassVar[str] = "workflows"

    @property
    def models(self) -> WorkflowModels:
        """The Tortoise classes bound to this storage's database, on SQL backends, for ad-hoc queries.

        Raises ``UnsupportedOperationError`` where the backend has none.
        """
        raise no_orm(self, "models")

    def supports_concurrent_updates(self) -> bool:
        """Whether the two update methods exist here, and lose nothing when several callers update one run (W12)."""
        return True

    @operation("PERSIST_WORKFLOW_SNAPSHOT")
    async def persist_workflow_snapshot(
        self,
        *,
        workflow_name: str,
        run_id: str,
        snapshot: Mapping[str, Any],
        resource_id: str | None = None,
        created_at: datetime | None = None,
        updated_at: datetime | None = None,
    ) -> None:
        """Insert the run, or replace its whole snapshot (W1 to W3).

        On replacement ``created_at`` keeps its stored value and a ``resource_id`` that is not given stays.
        """
        await self._put_run(rules.new_run(workflow_name, run_id, snapshot, resource_id, created_at, updated_at))

    @operation("LOAD_WORKFLOW_SNAPSHOT")
    async def load_workflow_snapshot(self, *, workflow_name: str, run_id: str) -> dict[str, Any] | None:
        """The snapshot as it was persisted, or ``None`` (W4, W5)."""
        check_id(workflow_name, "workflow_name")
        check_id(run_id, "run_id")
        return await self._find_snapshot(workflow_name, run_id)

    @operation("UPDATE_WORKFLOW_RESULTS")
    async def update_workflow_results(
        self,
        *,
        workflow_name: str,
        run_id: str,
        step_id: str,
        result: Mapping[str, Any],
        request_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Merge one step's result and the request context into the snapshot, atomically (W13 to W17, W21, W22).

        Creates a run that is missing. Returns the resulting ``context``.
        """
        check_id(workflow_name, "workflow_name")
        check_id(run_id, "run_id")
        merged = {} if request_context is None else request_context
        step = self._part(check_id(step_id, "step_id"), "step_id")
        given = self._part(_mapping(result, "result"), "result", inside=2)
        shared = self._part(_mapping(merged, "request_context"), "request_context", inside=1)
        self._check_updates()
        change = rules.results_changer(workflow_name, run_id, step, given, shared)
        snapshot = await self._change_snapshot(workflow_name, run_id, change)
        context: dict[str, Any] = (snapshot or {})["context"]  # results always change something
        return context

    @operation("UPDATE_WORKFLOW_STATE")
    async def update_workflow_state(
        self,
        *,
        workflow_name: str,
        run_id: str,
        state: WorkflowStateUpdate | Mapping[str, Any],
        expected_status: str | Sequence[str] | None = None,
    ) -> dict[str, Any] | None:
        """Replace top-level keys of the snapshot, if its status is one of those expected (W18 to W23).

        Returns the resulting snapshot. Returns ``None``, and writes nothing, when the run is missing or its status is
        another.
        """
        check_id(workflow_name, "workflow_name")
        check_id(run_id, "run_id")
        keys = self._part(rules.check_state(state), "state")
        expected = rules.check_expected(expected_status)
        self._check_updates()
        change = rules.state_changer(workflow_name, run_id, keys, expected)
        return await self._change_snapshot(workflow_name, run_id, change)

    @operation("LIST_WORKFLOW_RUNS")
    async def list_workflow_runs(
        self,
        *,
        workflow_name: str | None = None,
        status: str | None = None,
        resource_id: str | None = None,
        thread_id: str | None = None,
        date_range: DateRange | Mapping[str, Any] | None = None,
        page: int = 0,
        per_page: int | None = None,
    ) -> WorkflowRunPage:
        """Runs, newest first; all of them unless ``per_page`` is given (W9 to W11)."""
        offset = check_page(page, per_page)
        query = RunQuery(
            None if workflow_name is None else check_id(workflow_name, "workflow_name"),
            None if status is None else check_str(status, "status"),
            check_owner_filter(resource_id, "resource_id"),
            None if thread_id is None else check_id(thread_id, "thread_id"),
            check_date_range(date_range),
            offset,
            per_page,
        )
        runs, total = await self._select_runs(query)
        has_more = more_follow(offset, per_page, total)
        return WorkflowRunPage(runs=runs, total=total, page=page, per_page=per_page, has_more=has_more)

    @operation("GET_WORKFLOW_RUN_BY_ID")
    async def get_workflow_run_by_id(self, *, run_id: str, workflow_name: str | None = None) -> WorkflowRun | None:
        """The run, or ``None``; of several workflows' runs with that id the newest (W7)."""
        check_id(run_id, "run_id")
        if workflow_name is not None:
            check_id(workflow_name, "workflow_name")
        return await self._find_run(run_id, workflow_name)

    @operation("DELETE_WORKFLOW_RUN_BY_ID")
    async def delete_workflow_run_by_id(self, *, run_id: str, workflow_name: str) -> None:
        """Delete exactly that run; a missing one is not an error (W8)."""
        check_id(run_id, "run_id")
        check_id(workflow_name, "workflow_name")
        await self._remove_run(workflow_name, run_id)

    def _part(self, value: Any, field: str, inside: int = 0) -> Any:
        """A part of a snapshot, ``inside`` so many levels, checked by itself, so that an error names it; detached."""
        payload = freeze(value, field, DEEPEST - inside)
        self._check_storable(payload, field)
        return payload.value

    def _check_storable(self, payload: Payload, field: str) -> None:
        """Raise ``ValidationError`` where this backend cannot hold a part of a snapshot (G9)."""

    def _check_updates(self) -> None:
        if not self.supports_concurrent_updates():
            name = type(self).__name__
            text = f"{name} cannot update stored snapshots; PostgreSQL, SQLite, MongoDB, DynamoDB and Redis can"
            raise UnsupportedOperationError(text)

    # -- hooks of a backend ------------------------------------------------------------------------------------------

    @hook
    @abstractmethod
    async def _put_run(self, run: NewRun) -> None:
        """Insert or replace (W2), as one atomic step."""

    @hook
    @abstractmethod
    async def _find_snapshot(self, workflow_name: str, run_id: str) -> dict[str, Any] | None:
        """One snapshot. Raises ``CorruptRecordError`` for one that cannot be decoded (W5)."""

    @hook
    @abstractmethod
    async def _change_snapshot(self, workflow_name: str, run_id: str, change: SnapshotChanger) -> dict[str, Any] | None:
        """Read the snapshot under a lock, write what ``change`` says; insert it when there is no such run.

        ``change`` may be called on any thread, and again when the attempt has to be repeated. Returns the snapshot
        written, or ``None`` when ``change`` says that there is nothing to write.
        """

    @hook
    @abstractmethod
    async def _select_runs(self, query: RunQuery) -> tuple[list[WorkflowRun], int]:
        """A page and the total, by ``created_at``, ``run_id``, ``workflow_name``, all descending (W9)."""

    @hook
    @abstractmethod
    async def _find_run(self, run_id: str, workflow_name: str | None) -> WorkflowRun | None:
        """One run; without a name, the newest of those with the id."""

    @hook
    @abstractmethod
    async def _remove_run(self, workflow_name: str, run_id: str) -> None:
        """Delete one run."""


def _mapping(value: Any, field: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise invalid(f"{field} must be a mapping", field)
    return dict(value)
