"""The workflows domain on SQL databases: what both dialects do alike. The rules stand in ``domains.workflows``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, cast

from ...domains.workflow_plans import NewRun, RunQuery, SnapshotChange, SnapshotChanger
from ...domains.workflows import WorkflowsStorage
from ...models import workflows as models
from ...payload import Payload
from ...records import WorkflowRun
from ...records.legacy import unwrapped
from .domain import DB, SqlDomain
from .paging import Limit
from .session import Session
from .table import RowReader, corrupt
from .workflows_sql import RunShape, WorkflowsSql


class SqlWorkflows(SqlDomain[DB], WorkflowsStorage):
    """Run snapshots in a SQL table."""

    definitions: ClassVar = models.MODELS

    def _bind_statements(self) -> None:
        self._sql = WorkflowsSql(self._dialect, self._schema)
        self._reader: RowReader[dict[str, Any]] = self._sql.table.reader(dict)

    @property
    def models(self) -> models.WorkflowModels:
        """The bound Tortoise class: ``await workflows.models.WorkflowSnapshot.filter(workflow_name="w").count()``."""
        bound: dict[str, Any] = self._bound_models()
        return models.WorkflowModels(**bound)

    async def _put_run(self, run: NewRun) -> None:
        await self._database.execute(self._sql.put, *self._values(run))

    async def _find_snapshot(self, workflow_name: str, run_id: str) -> dict[str, Any] | None:
        rows = await self._database.fetch(self._sql.find_snapshot, *self._key(workflow_name, run_id))
        return self._snapshot(rows[0][0], (workflow_name, run_id)) if rows else None

    async def _change_snapshot(self, workflow_name: str, run_id: str, change: SnapshotChanger) -> dict[str, Any] | None:
        key = self._key(workflow_name, run_id)

        async def work(session: Session) -> dict[str, Any] | None:
            while True:
                rows = await session.fetch(self._sql.lock_snapshot, *key)
                changed = change(self._snapshot(rows[0][0], key) if rows else None)
                if changed is None:
                    return None
                statement, args = self._write(key, changed, new=not rows)
                # Where another caller inserted the run meanwhile, it is changed after all.
                if await session.execute(statement, *args):
                    return cast(dict[str, Any], changed.snapshot.value)

        return await self._database.transact(work)

    async def _select_runs(self, query: RunQuery) -> tuple[list[WorkflowRun], int]:
        start, end = query.span or (None, None)
        filters: dict[str, Any] = {
            "workflow_name": query.workflow_name,
            "status": query.status,
            "resource_id": query.resource_id,
            "thread_id": query.thread_id,
            "start": start,
            "end": end,
        }
        given = {name: value for name, value in filters.items() if value is not None}
        shape = RunShape(tuple(given), Limit.of(query.limit, query.offset))
        args = [self._parameter(name, value) for name, value in given.items()]
        rows, total = await self._page(self._sql.page(shape), args, query.offset, query.limit)
        return [self._run(row) for row in rows], total

    async def _find_run(self, run_id: str, workflow_name: str | None) -> WorkflowRun | None:
        if workflow_name is None:
            rows = await self._database.fetch(self._sql.find_newest, self._dialect.text(run_id, "run_id"))
        else:
            rows = await self._database.fetch(self._sql.find, *self._key(workflow_name, run_id))
        return self._run(rows[0]) if rows else None

    async def _remove_run(self, workflow_name: str, run_id: str) -> None:
        await self._database.execute(self._sql.remove, *self._key(workflow_name, run_id))

    async def _clear(self) -> None:
        await self._execute(self._sql.clear)

    def _write(self, key: tuple[str, str], change: SnapshotChange, *, new: bool) -> tuple[str, list[Any]]:
        """The statement that writes a changed snapshot of a stored run, or of a new one; and its parameters."""
        if new:
            moment = change.updated_at
            return self._sql.add, self._values(NewRun(*key, None, change.snapshot, moment, moment))
        snapshot = self._dialect.payload(change.snapshot, "snapshot")
        return self._sql.write_snapshot, [*key, snapshot, self._dialect.instant(change.updated_at)]

    def _check_storable(self, payload: Payload, field: str) -> None:
        self._dialect.payload(payload, field)

    def _parameter(self, name: str, value: Any) -> Any:
        if name in ("start", "end"):
            return self._dialect.instant(value)
        inside = name in ("status", "thread_id")
        return self._dialect.snapshot_parameter(value, name) if inside else self._dialect.text(value, name)

    def _values(self, run: NewRun) -> list[Any]:
        return self._sql.table.values(run._asdict())

    def _key(self, workflow_name: str, run_id: str) -> tuple[str, str]:
        return self._dialect.text(workflow_name, "workflow_name"), self._dialect.text(run_id, "run_id")

    def _run(self, row: Sequence[Any]) -> WorkflowRun:
        values = self._reader(row)
        key = values["workflow_name"], values["run_id"]
        return WorkflowRun(**{**values, "snapshot": self._object(values["snapshot"], key)})

    def _snapshot(self, stored: Any, key: tuple[str, str]) -> dict[str, Any]:
        try:
            value = None if stored is None else self._dialect.read_json(stored)
        except ValueError as error:
            raise corrupt(self._sql.table.bare_name, key, error) from error
        return self._object(value, key)

    def _object(self, value: Any, key: tuple[str, str]) -> dict[str, Any]:
        """The snapshot in what a column holds: other adapters keep it as JSON text (W5)."""
        snapshot = unwrapped(value)
        if not isinstance(snapshot, dict):
            why = f"its snapshot is {type(snapshot).__name__}, not an object"
            raise corrupt(self._sql.table.bare_name, key, why)
        return snapshot
