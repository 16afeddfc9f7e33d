"""The floor on SQLite: runs, spans and scores."""

from __future__ import annotations

import asyncio
import sqlite3
from abc import abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ..operations import Operation
from ..runs import WORKFLOW, NewSnapshot, ScoreRow, StepResult
from ..spans import SpanRow
from .floor_rows import (
    CREATED,
    ENDED,
    FIRST_JSON,
    SCORE_COLUMNS,
    SCORE_PLACES,
    SPAN_COLUMNS,
    STARTED,
    STRUCTURE_COLUMNS,
    TOTAL,
    UPDATED,
    decode,
    encode,
    excluded,
    merged,
    quoted,
    status,
)

Work = Callable[[sqlite3.Connection], Any]
_TIMES = ("createdAt", "updatedAt")
_SPAN = quoted((*SPAN_COLUMNS, *_TIMES))
_ROOTS = 'FROM mastra_ai_spans WHERE "parentSpanId" IS NULL'
_OF_TRACE = 'FROM mastra_ai_spans WHERE "traceId" = ? ORDER BY "startedAt", "spanId"'
_RUN = "workflow_name = ? AND run_id = ?"


def _marks(count: int) -> str:
    return ", ".join("?" * count)


_LOAD = f"SELECT snapshot FROM mastra_workflow_snapshot WHERE {_RUN}"
_PERSIST = (
    'INSERT INTO mastra_workflow_snapshot (workflow_name, run_id, "resourceId", snapshot, "createdAt", "updatedAt") '
    "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (workflow_name, run_id) DO UPDATE SET snapshot = excluded.snapshot, "
    '"resourceId" = COALESCE(excluded."resourceId", "resourceId"), "updatedAt" = excluded."updatedAt"'
)
_CHANGE = f'UPDATE mastra_workflow_snapshot SET snapshot = ?, "updatedAt" = ? WHERE {_RUN}'
_STORED_RUN = f'SELECT snapshot, "createdAt", "updatedAt" FROM mastra_workflow_snapshot WHERE {_RUN}'
_TRACES = (
    f"SELECT {_SPAN}, (SELECT count(*) {_ROOTS}) {_ROOTS} "
    'ORDER BY "startedAt" DESC, "traceId" DESC, "spanId" DESC LIMIT 20'
)
_STRUCTURE = f"SELECT {quoted(STRUCTURE_COLUMNS)} {_OF_TRACE}"
_STORED_SPANS = f"SELECT {_SPAN} {_OF_TRACE}"
_PUT_SPAN = (
    f"INSERT INTO mastra_ai_spans ({_SPAN}) VALUES ({_marks(TOTAL)}) "
    f'ON CONFLICT ("spanId", "traceId") DO UPDATE SET {excluded((*SPAN_COLUMNS[2:], "updatedAt"))}'
)
_SCORE = quoted((*SCORE_COLUMNS, *_TIMES))
_PUT_SCORE = (
    f"INSERT INTO mastra_scorers ({_SCORE}) VALUES ({_marks(len(SCORE_COLUMNS) + 2)}) "
    f"ON CONFLICT (id) DO UPDATE SET {excluded((*SCORE_COLUMNS[1:], *_TIMES))}"
)
_STORED_SCORE = f"SELECT {quoted(SCORE_COLUMNS)} FROM mastra_scorers WHERE id = ?"
_time = datetime.fromisoformat


class MoreOnSqlite:
    """The domains beside memory."""

    @abstractmethod
    def _read(self, work: Work) -> asyncio.Future[Any]:
        """Run a function on a reading thread."""

    @abstractmethod
    def _write(self, work: Work) -> asyncio.Future[Any]:
        """Run a function in a transaction on the writing thread."""

    async def load_20kb(self, run_id: str) -> dict[str, Any] | None:
        row = await self._read(lambda connection: connection.execute(_LOAD, (WORKFLOW, run_id)).fetchone())
        return decode(row[0]) if row else None

    async def persist_20kb(self, given: NewSnapshot) -> None:
        stamp = _text(datetime.now(UTC))
        values = (WORKFLOW, given.run_id, None, encode(given.snapshot).decode(), stamp, stamp)
        await self._write(lambda connection: connection.execute(_PERSIST, values).rowcount)

    async def update_step(self, given: StepResult) -> dict[str, Any]:
        run, step, result, shared = given

        def work(connection: sqlite3.Connection) -> dict[str, Any]:
            stored = connection.execute(_LOAD, (WORKFLOW, run)).fetchone()[0]
            snapshot = merged(decode(stored), step, result, shared)
            values = (encode(snapshot).decode(), _text(datetime.now(UTC)), WORKFLOW, run)
            connection.execute(_CHANGE, values)
            context: dict[str, Any] = snapshot["context"]
            return context

        found: dict[str, Any] = await self._write(work)
        return found

    async def traces_20(self, _: str) -> tuple[list[Any], int]:
        rows = await self._read(lambda connection: connection.execute(_TRACES).fetchall())
        return [_span(row) for row in rows], rows[0][TOTAL]

    async def structure_500(self, trace_id: str) -> list[Any]:
        rows = await self._read(lambda connection: connection.execute(_STRUCTURE, (trace_id,)).fetchall())
        return [_light(row) for row in rows]

    async def spans_100(self, spans: list[SpanRow]) -> None:
        stamp = _text(datetime.now(UTC))
        rows = [_values(span, stamp) for span in spans]
        await self._write(lambda connection: connection.executemany(_PUT_SPAN, rows).rowcount)

    async def score_1(self, score: ScoreRow) -> ScoreRow:
        stamp = _text(datetime.now(UTC))
        values: list[Any] = [*score, stamp, stamp]
        for place in SCORE_PLACES:
            if values[place] is not None:
                values[place] = encode(values[place]).decode()
        await self._write(lambda connection: connection.execute(_PUT_SCORE, values).rowcount)
        return score

    async def stored(self, operation: Operation, pick: str) -> Any:
        if operation.domain == "workflows":
            row = await self._read(lambda connection: connection.execute(_STORED_RUN, (WORKFLOW, pick)).fetchone())
            return decode(row[0]), _time(row[1]), _time(row[2])
        if operation.domain == "observability":
            rows = await self._read(lambda connection: connection.execute(_STORED_SPANS, (pick,)).fetchall())
            return [SpanRow._make(_span(row)[: len(SPAN_COLUMNS)]) for row in rows]
        values = list(await self._read(lambda connection: connection.execute(_STORED_SCORE, (pick,)).fetchone()))
        for place in SCORE_PLACES:
            values[place] = None if values[place] is None else decode(values[place])
        return ScoreRow._make(values)


def _values(span: SpanRow, stamp: str) -> list[Any]:
    values: list[Any] = [*span, stamp, stamp]
    values[STARTED] = _text(span.started_at)
    values[ENDED] = span.ended_at and _text(span.ended_at)
    for place in range(FIRST_JSON, CREATED):
        if values[place] is not None:
            values[place] = encode(values[place]).decode()
    return values


def _span(row: Any) -> list[Any]:
    values = list(row[:TOTAL])
    for place in (STARTED, ENDED, CREATED, UPDATED):
        values[place] = values[place] and _time(values[place])
    values[7] = bool(values[7])
    for place in range(FIRST_JSON, CREATED):
        if values[place] is not None:
            values[place] = decode(values[place])
    values.append(status(values[CREATED - 1], values[ENDED]))
    return values


def _light(row: Any) -> tuple[Any, ...]:
    trace, span, parent, started, ended, name, kind, event, *entity, created, updated, error = row
    times = _time(started), ended and _time(ended), name, kind, bool(event)
    return (trace, span, parent, *times, *entity, _time(created), _time(updated), error and decode(error))


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"
