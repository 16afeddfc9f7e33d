"""Plain Tortoise: runs, spans and scores."""

from __future__ import annotations

from typing import Any

from tortoise import fields
from tortoise.models import Model
from tortoise.transactions import in_transaction

from .. import meaning
from ..dataset import Dataset
from ..operations import Operation
from ..runs import WORKFLOW, NewSnapshot, ScoreRow, StepResult, snapshots, stored_runs
from ..spans import SpanRow, stored_spans
from .base import Contestant
from .floor_rows import merged, status

_BATCH = 500


def _name() -> Any:
    return fields.CharField(max_length=255, null=True)


def _json() -> Any:
    return fields.JSONField(null=True)


class Run(Model):
    """A workflow run."""

    id = fields.BigIntField(primary_key=True)
    workflow_name = fields.CharField(max_length=64)
    run_id = fields.CharField(max_length=64)
    resource_id = _name()
    snapshot: dict[str, Any] = fields.JSONField()
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now=True)

    class Meta:
        """Table and key."""

        table = "run"
        unique_together = (("workflow_name", "run_id"),)


class Span(Model):
    """A span."""

    id = fields.BigIntField(primary_key=True)
    trace_id = fields.CharField(max_length=64)
    span_id = fields.CharField(max_length=64)
    parent_span_id = _name()
    started_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)
    name = fields.CharField(max_length=255)
    span_type = fields.CharField(max_length=64)
    is_event = fields.BooleanField()
    entity_type = _name()
    entity_id = _name()
    entity_name = _name()
    entity_version_id = _name()
    parent_entity_type = _name()
    parent_entity_id = _name()
    parent_entity_name = _name()
    parent_entity_version_id = _name()
    root_entity_type = _name()
    root_entity_id = _name()
    root_entity_name = _name()
    root_entity_version_id = _name()
    user_id = _name()
    organization_id = _name()
    resource_id = _name()
    run_id = _name()
    session_id = _name()
    thread_id = _name()
    request_id = _name()
    experiment_id = _name()
    environment = _name()
    service_name = _name()
    source = _name()
    scope = _json()
    attributes = _json()
    metadata = _json()
    request_context = _json()
    tags = _json()
    links = _json()
    input = _json()
    output = _json()
    error = _json()
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now=True)

    class Meta:
        """Table, key and indexes."""

        table = "span"
        unique_together = (("trace_id", "span_id"),)
        indexes = (("parent_span_id", "started_at"), ("trace_id", "started_at"))

    @property
    def status(self) -> str:
        """As lists of traces tell it."""
        return status(self.error, self.ended_at)


class Score(Model):
    """A score."""

    id = fields.CharField(primary_key=True, max_length=64)
    scorer_id = fields.CharField(max_length=255, db_index=True)
    entity_id = fields.CharField(max_length=255)
    run_id = fields.CharField(max_length=255, db_index=True)
    scorer = _json()
    entity = _json()
    source = fields.CharField(max_length=16)
    score = fields.FloatField()
    output = _json()
    input = _json()
    entity_type = _name()
    trace_id = _name()
    span_id = _name()
    reason = fields.TextField(null=True)
    metadata = _json()
    additional_context = _json()
    request_context = _json()
    preprocess_step_result = _json()
    extract_step_result = _json()
    analyze_step_result = _json()
    preprocess_prompt = fields.TextField(null=True)
    extract_prompt = fields.TextField(null=True)
    analyze_prompt = fields.TextField(null=True)
    generate_score_prompt = fields.TextField(null=True)
    generate_reason_prompt = fields.TextField(null=True)
    reason_prompt = fields.TextField(null=True)
    resource_id = _name()
    thread_id = _name()
    organization_id = _name()
    project_id = _name()
    batch_id = _name()
    dataset_id = _name()
    dataset_item_id = _name()
    created_at = fields.DatetimeField(auto_now_add=True)
    updated_at = fields.DatetimeField(auto_now=True)

    class Meta:
        """Table and indexes."""

        table = "score"
        indexes = (("trace_id", "span_id"), ("entity_id", "entity_type"))


_REPLACED_SPAN = (*SpanRow._fields[2:], "updated_at")
_REPLACED_SCORE = (*ScoreRow._fields[1:], "updated_at")
_LIGHT = (
    *("id", "trace_id", "span_id", "parent_span_id", "started_at", "ended_at", "name", "span_type", "is_event"),
    *("entity_type", "entity_id", "entity_name", "created_at", "updated_at", "error"),
)


class TortoiseMore(Contestant):
    """The domains beside memory."""

    async def load_more(self, dataset: Dataset) -> None:
        """Runs and spans."""
        async with in_transaction():
            if "workflows" in dataset.domains:
                runs = [
                    Run(
                        workflow_name=WORKFLOW,
                        run_id=row.run_id,
                        resource_id=row.resource_id,
                        snapshot=snapshots()[row.snapshot],
                        created_at=row.created_at,
                    )
                    for row in stored_runs()
                ]
                await Run.bulk_create(runs, batch_size=_BATCH)
            if "observability" in dataset.domains:
                await Span.bulk_create([Span(**row._asdict()) for row in stored_spans()], batch_size=_BATCH)

    def prepare(self, operation: Operation, given: Any) -> Any:
        if operation.name == "spans_100":
            return [Span(**row._asdict()) for row in given]
        return Score(**given._asdict()) if operation.name == "score_1" else given

    async def load_20kb(self, run_id: str) -> dict[str, Any] | None:
        run = await Run.get_or_none(workflow_name=WORKFLOW, run_id=run_id)
        return run.snapshot if run else None

    async def persist_20kb(self, given: NewSnapshot) -> Run:
        run, _ = await Run.update_or_create(
            defaults={"snapshot": given.snapshot}, workflow_name=WORKFLOW, run_id=given.run_id
        )
        return run

    async def update_step(self, given: StepResult) -> dict[str, Any]:
        run_id, step, result, shared = given
        async with in_transaction():
            run = await Run.select_for_update().get(workflow_name=WORKFLOW, run_id=run_id)
            run.snapshot = merged(run.snapshot, step, result, shared)
            await run.save(update_fields=["snapshot", "updated_at"])
        context: dict[str, Any] = run.snapshot["context"]
        return context

    async def traces_20(self, _: str) -> tuple[list[Span], int]:
        roots = Span.filter(parent_span_id__isnull=True)
        return await roots.order_by("-started_at", "-trace_id", "-span_id").limit(20), await roots.count()

    async def structure_500(self, trace_id: str) -> list[Span]:
        return await Span.filter(trace_id=trace_id).order_by("started_at", "span_id").only(*_LIGHT)

    async def spans_100(self, spans: list[Span]) -> None:
        async with in_transaction():
            await Span.bulk_create(spans, on_conflict=("trace_id", "span_id"), update_fields=_REPLACED_SPAN)

    async def score_1(self, score: Score) -> None:
        await Score.bulk_create([score], on_conflict=("id",), update_fields=_REPLACED_SCORE)

    def answer_more(self, operation: Operation, result: Any) -> Any:
        """What a result means."""
        return meaning.answer(operation, result)

    async def stored(self, operation: Operation, pick: str) -> Any:
        if operation.domain == "workflows":
            run = await Run.get(workflow_name=WORKFLOW, run_id=pick)
            return run.snapshot, run.created_at, run.updated_at
        if operation.domain == "observability":
            return await Span.filter(trace_id=pick).order_by("started_at")
        return await Score.get(id=pick)
