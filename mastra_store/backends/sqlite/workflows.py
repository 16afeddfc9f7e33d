"""The workflows domain on SQLite."""

from __future__ import annotations

import sqlite3
from typing import Any, cast

from ...domains.workflow_plans import SnapshotChanger
from ..sql.workflows import SqlWorkflows
from .database import SqliteDatabase
from .url import open_options


class WorkflowsLibSQL(SqlWorkflows[SqliteDatabase]):
    """Run snapshots in a SQLite file (or in memory), in the format of ``@mastra/libsql``.

    ``url`` as in ``Store``: ``sqlite:///app.db``, ``file:./app.db``, ``:memory:``.
    """

    def __init__(self, *, url: str, disable_init: bool = False) -> None:
        super().__init__(disable_init=disable_init)
        self._attach(SqliteDatabase(open_options(url)), owned=True)

    async def _change_snapshot(self, workflow_name: str, run_id: str, change: SnapshotChanger) -> dict[str, Any] | None:
        """Reading, merging and writing are one function on the writer's thread, within its one transaction."""
        key = self._key(workflow_name, run_id)

        def work(connection: sqlite3.Connection) -> dict[str, Any] | None:
            row = connection.execute(self._sql.find_snapshot, key).fetchone()
            changed = change(self._snapshot(row[0], key) if row else None)
            if changed is None:
                return None
            connection.execute(*self._write(key, changed, new=not row))
            return cast(dict[str, Any], changed.snapshot.value)

        return await self._database.write(work)
