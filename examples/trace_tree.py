"""The trace of a small agent run: written as it happens, in batches, then drawn as a tree.

python examples/trace_tree.py [URL]

Needs the extra ``cli`` (rich). The agent is played: its clock is a fixed one, so that every run looks the same.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from mastra_store import LightSpan, LightTrace, ObservabilityStorage, Span, SpanUpdate, Store

TRACE = "trace-weather"
BEGIN = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
COLOURS = {"success": "green", "error": "red", "running": "yellow"}

console = Console(highlight=False)


class Exporter:
    """Collects what happens, and writes it in two batches: spans that started, then changes of those that ended."""

    def __init__(self, observability: ObservabilityStorage) -> None:
        self._observability = observability
        self._started: list[Span] = []
        self._ended: list[SpanUpdate] = []

    def started(self, at: int, span_id: str, name: str, kind: str, parent: str | None = None, **given: Any) -> None:
        """A span that begins ``at`` so many milliseconds."""
        self._started.append(
            Span(
                trace_id=TRACE,
                span_id=span_id,
                parent_span_id=parent,
                name=name,
                span_type=kind,
                started_at=moment(at),
                **given,
            )
        )

    def ended(self, at: int, span_id: str, **result: Any) -> None:
        """Its end, and what came out of it."""
        updates = {"ended_at": moment(at), **result}
        self._ended.append(SpanUpdate(trace_id=TRACE, span_id=span_id, updates=updates))

    async def flush(self) -> None:
        """Two calls, whatever has come together; each is written whole or not at all."""
        started, self._started = self._started, []
        ended, self._ended = self._ended, []
        await self._observability.batch_create_spans(records=started)
        await self._observability.batch_update_spans(records=ended)


async def main(url: str) -> None:
    """Play the run, look at it half way and at its end, and find what went wrong."""
    async with Store(id="traces", default=url) as store:
        observability = store.observability
        await observability.batch_delete_traces(trace_ids=[TRACE])  # of an earlier run
        exporter = Exporter(observability)
        await first_half(exporter)
        await draw(observability, "Half way")
        await second_half(exporter)
        await draw(observability, "At the end")
        await find_errors(observability)


async def first_half(exporter: Exporter) -> None:
    """The agent asks its model, which wants two tools; the first one answers."""
    question = {"messages": [{"role": "user", "content": "Will it rain in Oslo?"}]}
    exporter.started(0, "run", "weather agent", "agent_run", input=question, thread_id="t1", tags=["demo"])
    exporter.started(5, "plan", "ask the model", "model_generation", "run")
    exporter.ended(405, "plan", output={"tools": ["geocode", "forecast"]})
    exporter.started(410, "geocode", "geocode", "tool_call", "run", input={"place": "Oslo"})
    exporter.ended(530, "geocode", output={"lat": 59.9, "lon": 10.7})
    exporter.started(540, "forecast", "forecast", "tool_call", "run", input={"lat": 59.9, "lon": 10.7})
    exporter.started(545, "http", "GET /forecast", "generic", "forecast")
    await exporter.flush()


async def second_half(exporter: Exporter) -> None:
    """The second tool fails; the agent says so, and so it ends well."""
    exporter.ended(2545, "http", error={"message": "timed out after 2 s"})
    exporter.ended(2550, "forecast", error={"message": "the service does not answer"})
    exporter.started(2560, "answer", "ask the model", "model_generation", "run")
    exporter.ended(3000, "answer", output={"text": "I could not find out."})
    exporter.ended(3010, "run", output={"text": "I could not find out."})
    await exporter.flush()


async def draw(observability: ObservabilityStorage, title: str) -> None:
    """The structure of the trace, which is read without inputs and outputs."""
    trace = await observability.get_structure(trace_id=TRACE)
    if trace is not None:
        console.print(f"\n[bold]{title}")
        for tree in trees(trace):
            console.print(tree)


def trees(trace: LightTrace) -> list[Tree]:
    """One tree per root. Spans come ordered by their start, so that children stand in the order of events."""
    drawn = {span.span_id: Tree(line(span)) for span in trace.spans}
    roots = []
    for span in trace.spans:
        parent = drawn.get(span.parent_span_id or "")
        if parent is None:  # a root, or a span whose parent has not been written yet
            roots.append(drawn[span.span_id])
        else:
            parent.children.append(drawn[span.span_id])
    return roots


def line(span: LightSpan) -> Text:
    """Name, status, duration, and the error if there is one."""
    text = Text.assemble(span.name, " ", (span.status, COLOURS[span.status]))
    if span.ended_at is not None:
        text.append(f" {milliseconds(span.ended_at - span.started_at)} ms", "dim")
    if isinstance(span.error, Mapping):
        text.append(f" {span.error['message']}", "red")
    return text


async def find_errors(observability: ObservabilityStorage) -> None:
    """A root is not failed because a child is; ``has_child_error`` looks at all spans of a trace."""
    page = await observability.list_traces_light(filters={"tags": ["demo"], "has_child_error": True})
    for root in page.spans:
        console.print(f"\n{root.trace_id}: {root.status}, with errors inside; it was asked: {root.input_preview}")
    branch = await observability.get_branch(trace_id=TRACE, span_id="forecast")
    if branch is not None:
        failed = branch.spans[0]
        console.print(f"the failed call, with payloads: {failed.name} {failed.input}")


def moment(at: int) -> datetime:
    """An instant of the played run."""
    return BEGIN + timedelta(milliseconds=at)


def milliseconds(duration: timedelta) -> int:
    """Whole ones."""
    return duration // timedelta(milliseconds=1)


if __name__ == "__main__":
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("MASTRA_STORE_URL")
    asyncio.run(main(given or "sqlite:///./traces.db"))
