"""The workflows model group: run snapshots (table, columns and indexes of Mastra's storage format)."""

from __future__ import annotations

from typing import NamedTuple

from ..instants import now
from .base import CompositeModel, Index, Key, StoredModel, beginning
from .columns import InstantColumn, JsonColumn, TextColumn

# Mastra writes the plain createdAt of snapshots as local time; the instant itself is what orders them.
_CREATED = 'COALESCE("createdAtZ", "createdAt" AT TIME ZONE \'UTC\')'
_STEP_THREAD = '$.context.* ? (@.status == "suspended").suspendPayload.__streamState.messageList.memoryInfo.threadId'
_INPUT_THREAD = "$.context.input.messageListState.memoryInfo.threadId"
_FIRST_THREAD = (
    f"COALESCE(jsonb_path_query_first(snapshot, '{_STEP_THREAD}') #>> '{{}}', "
    "snapshot #>> '{context,input,messageListState,memoryInfo,threadId}')"
)
# Mastra's path would also look into arrays; in strict mode what has another shape is no place (W11).
_MEMORY = "suspendPayload.__streamState.messageList.memoryInfo.threadId"
_STEP_THREADS = f'strict $.context.* ? (@.status == "suspended" && exists(@.{_MEMORY})).{_MEMORY}'
THREAD_IDS = " || ".join(
    f"jsonb_path_query_array(snapshot::jsonb, '{path}', '{{}}', true)"
    for path in (_STEP_THREADS, f"strict {_INPUT_THREAD}")
)
"""PostgreSQL's expression for all thread ids that a snapshot records (W11)."""


class WorkflowSnapshot(CompositeModel):
    """A row of ``mastra_workflow_snapshot``."""

    workflow_name = TextColumn()
    run_id = TextColumn(primary_key=True)
    resource_id = TextColumn(source_field="resourceId", null=True)
    snapshot = JsonColumn()
    created_at = InstantColumn(source_field="createdAt", default=now)
    updated_at = InstantColumn(source_field="updatedAt", default=now)

    key = Key(
        ("workflow_name", "run_id"),
        {"sqlite": "UNIQUE (workflow_name, run_id)", "postgres": "UNIQUE (workflow_name, run_id)"},
        "mastra_workflow_snapshot_workflow_name_run_id_key",
    )
    loose_on = ("sqlite",)
    capped = ("resource_id",)
    default_indexes = {
        "postgres": (
            Index("mastra_workflow_snapshot_name_createdat_idx", ("workflow_name", '"createdAt" DESC')),
            Index(
                "mastra_workflow_snapshot_name_status_createdat_idx",
                ("workflow_name", "(snapshot ->> 'status')", '"createdAt" DESC'),
                looks_into="snapshot",
                naming="lowered",
            ),
            Index(
                "mastra_workflow_snapshot_threadid_idx",
                (_FIRST_THREAD,),
                looks_into="snapshot",
                naming="hashed",
            ),
        ),
    }
    own_indexes = {
        "sqlite": (
            Index("mastra_store_snapshots_run", ("run_id",)),
            Index("mastra_store_snapshots_name_created", ("workflow_name", '"createdAt"')),
            Index("mastra_store_snapshots_resource_created", ('"resourceId"', '"createdAt"')),
            Index("mastra_store_snapshots_created", ('"createdAt"',)),
        ),
        "postgres": (
            Index("mastra_store_snapshots_run", ("run_id",)),
            Index("mastra_store_snapshots_name_created", ("workflow_name", _CREATED)),
            Index("mastra_store_snapshots_resource_created", (beginning('"resourceId"'), _CREATED)),
            Index("mastra_store_snapshots_created", (_CREATED,)),
            Index(
                "mastra_store_snapshots_status_created",
                ("(snapshot ->> 'status')", _CREATED),
                "jsonb_typeof(snapshot -> 'status') = 'string'",
                looks_into="snapshot",
            ),
            Index("mastra_store_snapshots_threads", (THREAD_IDS,), method="gin", looks_into="snapshot"),
        ),
    }

    class Meta:
        """Table name."""

        abstract = True
        table = "mastra_workflow_snapshot"


class WorkflowModels(NamedTuple):
    """The model classes of one database: ``await models.WorkflowSnapshot.filter(workflow_name="w").count()``."""

    WorkflowSnapshot: type[WorkflowSnapshot]


MODELS: tuple[type[StoredModel], ...] = (WorkflowSnapshot,)
