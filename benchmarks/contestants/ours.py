"""This package, through ``Store``."""

from __future__ import annotations

from copy import copy
from typing import Any

from mastra_store import (
    LightSpan,
    Message,
    MessageInclude,
    MessagePage,
    Score,
    Span,
    Store,
    Thread,
    ThreadPage,
    TraceSpan,
)

from .. import meaning
from ..dataset import NewMessage
from ..operations import Operation
from ..runs import WORKFLOW, NewSnapshot, ScoreRow, StepResult
from ..spans import SpanRow
from .base import Contestant


class Ours(Contestant):
    """A Store with nothing set."""

    async def open(self) -> None:
        self.store = Store(id="benchmark", default=self.url)
        await self.store.init()
        self.memory, self.workflows = self.store.memory, self.store.workflows
        self.observability, self.scores = self.store.observability, self.store.scores
        self._templates: list[Span] = []

    async def close(self) -> None:
        await self.store.close()

    async def save(self, messages: list[NewMessage]) -> list[Message]:
        records = [
            Message(id=id, thread_id=thread, resource_id=resource, role=role, content=content, created_at=created)
            for id, thread, resource, role, content, created in messages
        ]
        return await self.memory.save_messages(messages=records)

    async def last_10(self, thread_id: str) -> MessagePage:
        return await self.memory.list_messages(thread_id=thread_id, per_page=10, order_by="-created_at")

    async def page_100(self, thread_id: str) -> MessagePage:
        return await self.memory.list_messages(thread_id=thread_id, per_page=100)

    async def thread_by_id(self, thread_id: str) -> Thread | None:
        return await self.memory.get_thread_by_id(thread_id=thread_id)

    async def threads_20(self, resource_id: str) -> ThreadPage:
        return await self.memory.list_threads(resource_id=resource_id, per_page=20)

    async def window_5_5(self, message_id: str) -> MessagePage:
        include = [MessageInclude(id=message_id, with_previous_messages=5, with_next_messages=5)]
        # The thread only says where the page would come from; a page of nothing leaves the included messages.
        return await self.memory.list_messages(thread_id="none", per_page=0, include=include)

    def prepare(self, operation: Operation, given: Any) -> Any:
        if operation.name == "spans_100":
            return self._records(given)
        return _score(given) if operation.name == "score_1" else given

    async def load_20kb(self, run_id: str) -> dict[str, Any] | None:
        return await self.workflows.load_workflow_snapshot(workflow_name=WORKFLOW, run_id=run_id)

    async def persist_20kb(self, given: NewSnapshot) -> None:
        run, snapshot = given
        await self.workflows.persist_workflow_snapshot(workflow_name=WORKFLOW, run_id=run, snapshot=snapshot)

    async def update_step(self, given: StepResult) -> dict[str, Any]:
        run, step, result, context = given
        return await self.workflows.update_workflow_results(
            workflow_name=WORKFLOW, run_id=run, step_id=step, result=result, request_context=context
        )

    async def traces_20(self, _: str) -> tuple[list[TraceSpan], int]:
        page = await self.observability.list_traces(per_page=20)
        return page.spans, page.total

    async def structure_500(self, trace_id: str) -> list[LightSpan]:
        trace = await self.observability.get_structure(trace_id=trace_id)
        return trace.spans if trace else []

    async def spans_100(self, spans: list[Span]) -> None:
        await self.observability.batch_create_spans(records=spans)

    async def score_1(self, score: Score) -> Score:
        return await self.scores.save_score(score=score)

    def answer(self, operation: Operation, result: Any) -> Any:
        if operation.domain != "memory":
            return meaning.answer(operation, result)
        if isinstance(result, ThreadPage):
            return [thread.id for thread in result.threads], result.total
        if isinstance(result, MessagePage):
            counted = operation.name != "window_5_5"
            return [message.id for message in result.messages], result.total if counted else None
        if isinstance(result, Thread):
            return [result.id], None
        return [message.id for message in result or []], None

    async def bumped(self, thread_id: str) -> bool:
        thread = await self.memory.get_thread_by_id(thread_id=thread_id)
        return thread is not None and thread.updated_at > thread.created_at

    async def stored(self, operation: Operation, pick: str) -> Any:
        if operation.domain == "workflows":
            run = await self.workflows.get_workflow_run_by_id(workflow_name=WORKFLOW, run_id=pick)
            return run and (run.snapshot, run.created_at, run.updated_at)
        if operation.domain == "observability":
            trace = await self.observability.get_trace(trace_id=pick)
            return trace.spans if trace else []
        return await self.scores.get_score_by_id(id=pick)

    def _records(self, rows: list[SpanRow]) -> list[Span]:
        """Copies that differ in ids and times, as rows of one place in a batch do: the quickest way to make them."""
        if not self._templates:
            self._templates = [Span(**row._asdict()) for row in rows]
        spans = [copy(span) for span in self._templates]
        for span, row in zip(spans, rows, strict=True):
            span.trace_id, span.span_id, span.parent_span_id, span.started_at, span.ended_at = row[:5]
        return spans


def _score(row: ScoreRow) -> Score:
    return Score(**row._asdict())
