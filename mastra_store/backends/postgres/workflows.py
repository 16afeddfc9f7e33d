"""The workflows domain on PostgreSQL."""

from __future__ import annotations

from typing import Any, Unpack

from ...domains.workflow_plans import SnapshotChanger
from ..sql.workflows import SqlWorkflows
from .database import PostgresDatabase, open_database
from .options import PostgresArguments
from .turns import Turns


class WorkflowsPG(SqlWorkflows[PostgresDatabase]):
    """Run snapshots in PostgreSQL, in the format of ``@mastra/pg``.

    Takes ``url`` or ``pool`` and the other arguments of ``PostgresStore``.
    """

    def __init__(self, *, disable_init: bool = False, **options: Unpack[PostgresArguments]) -> None:
        super().__init__(disable_init=disable_init)
        self._attach(open_database(**options), owned=True)

    def _bind_statements(self) -> None:
        super()._bind_statements()
        self._turns = Turns()

    async def _change_snapshot(self, workflow_name: str, run_id: str, change: SnapshotChanger) -> dict[str, Any] | None:
        """The lock is per run, and so is the wait for it: one caller of this process at a time (W21)."""
        async with self._turns.of((workflow_name, run_id)):
            return await super()._change_snapshot(workflow_name, run_id, change)
