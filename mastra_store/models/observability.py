"""The observability model group: spans (table, columns and indexes of Mastra's storage format)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..domains.span_types import BRANCH_TYPES
from ..instants import now
from .base import CompositeModel, Index, Key, StoredModel, beginning
from .columns import BooleanColumn, InstantColumn, JsonColumn, TextColumn

ROOT = '"parentSpanId" IS NULL'
BRANCH = f'"spanType" IN ({", ".join(repr(type) for type in BRANCH_TYPES)})'
HAS_ERROR = '"error" IS NOT NULL'
ENDED = {
    "sqlite": ('("endedAt" IS NULL)', '"endedAt"'),
    "postgres": ('COALESCE("endedAtZ", "endedAt" AT TIME ZONE \'UTC\')',),
}
"""What a list ordered by the end is ordered by; running spans come last when ascending (O18).

SQLite puts NULL first by itself. In PostgreSQL Mastra cannot clear a twin (O7), which is what it reads.
"""

_ROOTS_BY = {
    "thread_id": "threadId",
    "resource_id": "resourceId",
    "user_id": "userId",
    "organization_id": "organizationId",
    "run_id": "runId",
    "session_id": "sessionId",
    "request_id": "requestId",
    "experiment_id": "experimentId",
}


def _roots_by(column: str, text: Callable[[str], str]) -> Index:
    """For lists of the traces of one thread, one user, ..., newest first."""
    where = f'{ROOT} AND "{column}" IS NOT NULL'
    return Index(f"mastra_store_spans_root_{column.lower()}", (text(f'"{column}"'), '"startedAt"'), where)


def _own(text: Callable[[str], str]) -> tuple[Index, ...]:
    errors = Index("mastra_store_spans_errors", ('"traceId"',), HAS_ERROR)
    return (*(_roots_by(column, text) for column in _ROOTS_BY.values()), errors)


def _in_order(dialect: str) -> tuple[Index, ...]:
    """For lists in the order of start or end. SQLite takes them only when nothing is left to sort."""
    started = ('"startedAt"', '"traceId"', '"spanId"') if dialect == "sqlite" else ('"startedAt"',)
    roots = (Index("mastra_store_spans_root_started", started, ROOT),) if dialect == "sqlite" else ()
    return (
        *roots,
        Index("mastra_store_spans_branches", started, BRANCH),
        Index("mastra_store_spans_root_ended", ENDED[dialect], ROOT),
        Index("mastra_store_spans_branches_ended", ENDED[dialect], BRANCH),
    )


class Span(CompositeModel):
    """A row of ``mastra_ai_spans``."""

    trace_id = TextColumn(source_field="traceId")
    span_id = TextColumn(source_field="spanId", primary_key=True)
    name = TextColumn()
    span_type = TextColumn(source_field="spanType")
    is_event = BooleanColumn(source_field="isEvent", default=False)
    started_at = InstantColumn(source_field="startedAt")
    parent_span_id = TextColumn(source_field="parentSpanId", null=True)
    entity_type = TextColumn(source_field="entityType", null=True)
    entity_id = TextColumn(source_field="entityId", null=True)
    entity_name = TextColumn(source_field="entityName", null=True)
    parent_entity_type = TextColumn(source_field="parentEntityType", null=True)
    parent_entity_id = TextColumn(source_field="parentEntityId", null=True)
    parent_entity_name = TextColumn(source_field="parentEntityName", null=True)
    root_entity_type = TextColumn(source_field="rootEntityType", null=True)
    root_entity_id = TextColumn(source_field="rootEntityId", null=True)
    root_entity_name = TextColumn(source_field="rootEntityName", null=True)
    user_id = TextColumn(source_field="userId", null=True)
    organization_id = TextColumn(source_field="organizationId", null=True)
    resource_id = TextColumn(source_field="resourceId", null=True)
    run_id = TextColumn(source_field="runId", null=True)
    session_id = TextColumn(source_field="sessionId", null=True)
    thread_id = TextColumn(source_field="threadId", null=True)
    request_id = TextColumn(source_field="requestId", null=True)
    environment = TextColumn(null=True)
    service_name = TextColumn(source_field="serviceName", null=True)
    scope = JsonColumn(null=True)
    entity_version_id = TextColumn(source_field="entityVersionId", null=True)
    parent_entity_version_id = TextColumn(source_field="parentEntityVersionId", null=True)
    root_entity_version_id = TextColumn(source_field="rootEntityVersionId", null=True)
    experiment_id = TextColumn(source_field="experimentId", null=True)
    source = TextColumn(null=True)
    metadata = JsonColumn(null=True)
    tags = JsonColumn(null=True)
    attributes = JsonColumn(null=True)
    links = JsonColumn(null=True)
    input = JsonColumn(null=True)
    output = JsonColumn(null=True)
    error = JsonColumn(null=True)
    ended_at = InstantColumn(source_field="endedAt", null=True)
    request_context = JsonColumn(source_field="requestContext", null=True)
    created_at = InstantColumn(source_field="createdAt", default=now)
    updated_at = InstantColumn(source_field="updatedAt", null=True)

    key = Key(
        ("traceId", "spanId"),
        {"sqlite": "UNIQUE (spanId, traceId)", "postgres": 'PRIMARY KEY ("traceId", "spanId")'},
        "mastra_ai_spans_traceid_spanid_pk",
    )
    capped = tuple(_ROOTS_BY)
    default_indexes = {
        "sqlite": (
            Index("mastra_ai_spans_spanid_traceid_idx", ('"spanId"', '"traceId"'), unique=True),
            Index("mastra_ai_spans_roots_started_at_idx", ('"startedAt" DESC',), ROOT),
            Index("mastra_ai_spans_trace_started_at_idx", ('"traceId"', '"startedAt"')),
        ),
        "postgres": (
            Index("mastra_ai_spans_traceid_startedat_idx", ('"traceId"', '"startedAt" DESC')),
            Index("mastra_ai_spans_parentspanid_startedat_idx", ('"parentSpanId"', '"startedAt" DESC')),
            Index("mastra_ai_spans_name_idx", ("name",)),
            Index("mastra_ai_spans_spantype_startedat_idx", ('"spanType"', '"startedAt" DESC')),
            Index("mastra_ai_spans_root_spans_idx", ('"startedAt" DESC',), ROOT),
            Index("mastra_ai_spans_entitytype_entityid_idx", ('"entityType"', '"entityId"')),
            Index("mastra_ai_spans_entitytype_entityname_idx", ('"entityType"', '"entityName"')),
            Index("mastra_ai_spans_orgid_userid_idx", ('"organizationId"', '"userId"')),
            Index("mastra_ai_spans_metadata_gin_idx", ("metadata",), method="gin", looks_into="metadata"),
            Index("mastra_ai_spans_tags_gin_idx", ("tags",), method="gin", looks_into="tags"),
        ),
    }
    own_indexes = {
        "sqlite": (*_own(str), *_in_order("sqlite")),
        "postgres": (*_own(beginning), *_in_order("postgres")),
    }

    class Meta:
        """Table name."""

        abstract = True
        table = "mastra_ai_spans"


class ObservabilityModels(NamedTuple):
    """The model classes of one database, for ad-hoc queries: ``await models.Span.filter(span_type="tool_call")``."""

    Span: type[Span]


MODELS: tuple[type[StoredModel], ...] = (Span,)
