"""The workflows domain over a plain dict: the private hooks in their simplest correct form.

Snapshots are kept as JSON text, so that every read makes a fresh copy. No hook awaits between reading and writing,
which makes each of them atomic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from msgspec.structs import replace

from mastra_store.conformance import RawRow
from mastra_store.domains import WorkflowsStorage
from mastra_store.domains.workflow_plans import NewRun, RunQuery, SnapshotChanger
from mastra_store.domains.workflow_rules import has_thread
from mastra_store.errors import CorruptRecordError
from mastra_store.payload import decode
from mastra_store.records import WorkflowRun
from mastra_store.records.legacy import unwrapped

from .reference import within

Key = tuple[str, str]


class Kept(NamedTuple):
    """A run without its snapshot, and the snapshot's JSON text."""

    run: WorkflowRun
    text: str


class InMemoryWorkflows(WorkflowsStorage):
    """The reference: what every backend must look like from outside."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[Key, Kept] = {}

    def twin(self) -> Self:
        """Another storage over the same rows, as a second connection to a database would be."""
        twin = type(self)()
        twin.rows = self.rows
        return twin

    async def write_raw(self, table: str, rows: Sequence[RawRow]) -> None:
        """Put rows into the table as they are."""
        assert table == "mastra_workflow_snapshot"
        for row in rows:
            times = {"created_at": row["createdAt"], "updated_at": row["updatedAt"]}
            names = {"workflow_name": row["workflow_name"], "run_id": row["run_id"]}
            run = WorkflowRun(**names, resource_id=row.get("resourceId"), snapshot={}, **times)
            self.rows[run.workflow_name, run.run_id] = Kept(run, row["snapshot"])

    async def _init(self) -> None:
        pass

    async def _close(self) -> None:
        pass

    async def dangerously_clear_all(self) -> None:
        self.rows.clear()

    async def _put_run(self, run: NewRun) -> None:
        await self._elsewhere()
        self._keep(run)

    async def _find_snapshot(self, workflow_name: str, run_id: str) -> dict[str, Any] | None:
        await self._elsewhere()
        return self._snapshot((workflow_name, run_id))

    async def _change_snapshot(self, workflow_name: str, run_id: str, change: SnapshotChanger) -> dict[str, Any] | None:
        await self._elsewhere()
        key = workflow_name, run_id
        changed = change(self._snapshot(key))
        if changed is None:
            return None
        if key in self.rows:
            run = replace(self.rows[key].run, updated_at=changed.updated_at)
        else:
            run = WorkflowRun(workflow_name=workflow_name, run_id=run_id, snapshot={}, created_at=changed.updated_at)
        self.rows[key] = Kept(run, changed.snapshot.text)
        written: dict[str, Any] = changed.snapshot.value
        return written

    async def _select_runs(self, query: RunQuery) -> tuple[list[WorkflowRun], int]:
        await self._elsewhere()
        found = [run for key in self.rows if (run := self._wanted(key, query)) is not None]
        found.sort(key=self._rank, reverse=True)
        end = None if query.limit is None else query.offset + query.limit
        return found[query.offset : end], len(found)

    async def _find_run(self, run_id: str, workflow_name: str | None) -> WorkflowRun | None:
        await self._elsewhere()
        keys = [key for key in self.rows if key[1] == run_id and workflow_name in (None, key[0])]
        newest = max(keys, key=lambda key: self._rank(self.rows[key].run), default=None)
        return None if newest is None else self._run(newest)

    async def _remove_run(self, workflow_name: str, run_id: str) -> None:
        await self._elsewhere()
        self.rows.pop((workflow_name, run_id), None)

    async def _elsewhere(self) -> None:
        """Let other callers run, as a database would."""
        await asyncio.sleep(0)

    def _keep(self, new: NewRun) -> None:
        key = new.workflow_name, new.run_id
        stored = self.rows.get(key)
        run = WorkflowRun(
            workflow_name=new.workflow_name,
            run_id=new.run_id,
            resource_id=new.resource_id if stored is None or new.resource_id is not None else stored.run.resource_id,
            snapshot={},
            created_at=new.created_at if stored is None else stored.run.created_at,
            updated_at=new.updated_at,
        )
        self.rows[key] = Kept(run, new.snapshot.text)

    def _snapshot(self, key: Key) -> dict[str, Any] | None:
        return self._decoded(key) if key in self.rows else None

    def _decoded(self, key: Key) -> dict[str, Any]:
        try:
            snapshot = unwrapped(decode(self.rows[key].text))
        except ValueError as error:
            raise self._corrupt(key) from error
        if not isinstance(snapshot, dict):
            raise self._corrupt(key)
        return snapshot

    def _corrupt(self, key: Key) -> CorruptRecordError:
        return CorruptRecordError(f"row {key!r} of mastra_workflow_snapshot cannot be read")

    def _run(self, key: Key) -> WorkflowRun:
        return replace(self.rows[key].run, snapshot=self._decoded(key))

    def _rank(self, run: WorkflowRun) -> Any:
        return run.created_at, run.run_id, run.workflow_name

    def _wanted(self, key: Key, query: RunQuery) -> WorkflowRun | None:
        run = self.rows[key].run
        if query.workflow_name not in (None, run.workflow_name) or query.resource_id not in (None, run.resource_id):
            return None
        if not within(run.created_at, query.span):
            return None
        if query.status is None and query.thread_id is None:
            return self._run(key)
        try:
            run = self._run(key)
        except CorruptRecordError:
            return None
        return run if self._matches(run.snapshot, query) else None

    def _matches(self, snapshot: dict[str, Any], query: RunQuery) -> bool:
        status = query.status is None or snapshot.get("status") == query.status
        return status and (query.thread_id is None or has_thread(snapshot, query.thread_id))
