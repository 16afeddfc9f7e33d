"""The scores model group (table, columns and indexes of Mastra's storage format)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..instants import now
from .base import Index, StoredModel, beginning
from .columns import InstantColumn, NumberColumn, TextColumn, UnwrappedJsonColumn, WrappedJsonColumn


def _own(text: Callable[[str], str]) -> tuple[Index, ...]:
    scorer, run, entity, type = map(text, ('"scorerId"', '"runId"', '"entityId"', '"entityType"'))
    return (
        Index("mastra_store_scorers_scorer_created", (scorer, '"createdAt"')),
        Index("mastra_store_scorers_run_created", (run, '"createdAt"')),
        Index("mastra_store_scorers_entity_created", (entity, type, '"createdAt"')),
    )


class Score(StoredModel):
    """A row of ``mastra_scorers``."""

    id = TextColumn(primary_key=True)
    scorer_id = TextColumn(source_field="scorerId")
    trace_id = TextColumn(source_field="traceId", null=True)
    span_id = TextColumn(source_field="spanId", null=True)
    run_id = TextColumn(source_field="runId")
    scorer = WrappedJsonColumn()
    preprocess_step_result = WrappedJsonColumn(source_field="preprocessStepResult", null=True)
    extract_step_result = UnwrappedJsonColumn(source_field="extractStepResult", null=True)
    analyze_step_result = WrappedJsonColumn(source_field="analyzeStepResult", null=True)
    score = NumberColumn()
    reason = TextColumn(null=True)
    metadata = WrappedJsonColumn(null=True)
    preprocess_prompt = TextColumn(source_field="preprocessPrompt", null=True)
    extract_prompt = TextColumn(source_field="extractPrompt", null=True)
    generate_score_prompt = TextColumn(source_field="generateScorePrompt", null=True)
    generate_reason_prompt = TextColumn(source_field="generateReasonPrompt", null=True)
    analyze_prompt = TextColumn(source_field="analyzePrompt", null=True)
    reason_prompt = TextColumn(source_field="reasonPrompt", null=True)
    input = WrappedJsonColumn(null=True, required_on=("postgres",))
    output = WrappedJsonColumn(null=True, required_on=("postgres",))
    additional_context = WrappedJsonColumn(source_field="additionalContext", null=True)
    request_context = WrappedJsonColumn(source_field="requestContext", null=True)
    entity_type = TextColumn(source_field="entityType", null=True)
    entity = WrappedJsonColumn(null=True)
    entity_id = TextColumn(source_field="entityId", null=True)
    source = TextColumn()
    resource_id = TextColumn(source_field="resourceId", null=True)
    thread_id = TextColumn(source_field="threadId", null=True)
    organization_id = TextColumn(source_field="organizationId", null=True)
    project_id = TextColumn(source_field="projectId", null=True)
    batch_id = TextColumn(source_field="batchId", null=True)
    dataset_id = TextColumn(source_field="datasetId", null=True)
    dataset_item_id = TextColumn(source_field="datasetItemId", null=True)
    created_at = InstantColumn(source_field="createdAt", default=now)
    updated_at = InstantColumn(source_field="updatedAt", default=now)

    loose_on = ("sqlite",)
    capped = ("scorer_id", "run_id", "entity_id", "entity_type")
    default_indexes = {
        "postgres": (
            Index("mastra_scores_trace_id_span_id_created_at_idx", ('"traceId"', '"spanId"', '"createdAt" DESC')),
        ),
    }
    own_indexes = {
        "sqlite": (*_own(str), Index("mastra_store_scorers_span_created", ('"traceId"', '"spanId"', '"createdAt"'))),
        "postgres": _own(beginning),
    }

    class Meta:
        """Table name."""

        abstract = True
        table = "mastra_scorers"


class ScoreModels(NamedTuple):
    """The model classes of one database, for ad-hoc queries: ``await models.Score.filter(source="LIVE").count()``."""

    Score: type[Score]


MODELS: tuple[type[StoredModel], ...] = (Score,)
