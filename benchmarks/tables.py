"""Rows of Mastra's tables, as both dialects load them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from .dataset import Dataset, content_texts
from .operations import Domain
from .runs import PLAIN_JSON, SCORE_JSON, WORKFLOW, ScoreRow, snapshots, stored_runs
from .spans import JSON_FIELDS, SpanRow, stored_spans
from .words import camel

INSTANTS = frozenset({"createdAt", "updatedAt", "startedAt", "endedAt"})
"""The columns that hold instants; PostgreSQL has a twin of each."""
_LOADED_AT = datetime(2026, 6, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder().encode


class Table(NamedTuple):
    """A table and what stands in it: instants as aware datetimes, JSON as text."""

    name: str
    columns: tuple[str, ...]
    rows: Iterable[tuple[Any, ...]]


def tables_of(dataset: Dataset) -> Iterator[Table]:
    """All that a data set puts into a database."""
    for domain in dataset.domains:
        yield from _TABLES[domain](dataset)


def span_table(spans: Iterable[SpanRow]) -> Table:
    """Spans."""
    columns = tuple(map(camel, SpanRow._fields))
    rows = ((*with_json(row, JSON_FIELDS), _LOADED_AT, _LOADED_AT) for row in spans)
    return Table("mastra_ai_spans", (*columns, "createdAt", "updatedAt"), rows)


def score_table(scores: Iterable[tuple[ScoreRow, datetime]], *, wrapped: bool) -> Table:
    """Scores, each with its time; ``wrapped`` as PostgreSQL holds them."""
    twice = tuple(name for name in SCORE_JSON if name != PLAIN_JSON) if wrapped else ()
    rows = ((*with_json(row, SCORE_JSON, twice), moment, moment) for row, moment in scores)
    return Table("mastra_scorers", (*map(camel, ScoreRow._fields), "createdAt", "updatedAt"), rows)


def run_table(runs: Iterable[tuple[str, str, str | None, str, datetime]]) -> Table:
    """Workflow runs: workflow, run, resource, snapshot as text, time."""
    columns = ("workflow_name", "run_id", "resourceId", "snapshot", "createdAt", "updatedAt")
    return Table("mastra_workflow_snapshot", columns, ((*run, run[-1]) for run in runs))


def with_json(row: Any, fields: tuple[str, ...], twice: tuple[str, ...] = ()) -> list[Any]:
    """A row with JSON as text, some of it as a JSON string that holds JSON."""
    values = list(row)
    for name in fields:
        place = row._fields.index(name)
        if values[place] is not None:
            text = _encode(values[place]).decode()
            values[place] = _encode(text).decode() if name in twice else text
    return values


def _memory(dataset: Dataset) -> Iterator[Table]:
    threads = (
        (row.id, row.resource_id, row.title, _encode(row.metadata).decode(), row.created_at, row.created_at)
        for row in dataset.threads()
    )
    yield Table("mastra_threads", ("id", "resourceId", "title", "metadata", "createdAt", "updatedAt"), threads)
    texts = content_texts()
    messages = (
        (row.id, row.thread_id, texts[row.content], row.role, "v2", row.created_at, row.resource_id)
        for row in dataset.messages()
    )
    columns = ("id", "thread_id", "content", "role", "type", "createdAt", "resourceId")
    yield Table("mastra_messages", columns, messages)


def _workflows(dataset: Dataset) -> Iterator[Table]:
    texts = [_encode(snapshot).decode() for snapshot in snapshots()]
    runs = ((WORKFLOW, row.run_id, row.resource_id, texts[row.snapshot], row.created_at) for row in stored_runs())
    yield run_table(runs)


def _observability(dataset: Dataset) -> Iterator[Table]:
    yield span_table(stored_spans())


def _scores(dataset: Dataset) -> Iterator[Table]:
    return iter(())


_TABLES: dict[Domain, Callable[[Dataset], Iterator[Table]]] = {
    "memory": _memory,
    "workflows": _workflows,
    "observability": _observability,
    "scores": _scores,
}
