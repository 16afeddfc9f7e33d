"""The workflows domain on PostgreSQL."""

from __future__ import annotations

from typing import Unpack

from ..sql.workflows import SqlWorkflows
from .database import PostgresDatabase, open_database
from .options import PostgresArguments


class WorkflowsPG(SqlWorkflows[PostgresDatabase]):
    """Run snapshots in PostgreSQL, in the format of ``@mastra/pg``.

    Takes ``url`` or ``pool`` and the other arguments of ``PostgresStore``.
    """

    def __init__(self, *, disable_init: bool = False, **options: Unpack[PostgresArguments]) -> None:
        super().__init__(disable_init=disable_init)
        self._attach(open_database(**options), owned=True)
