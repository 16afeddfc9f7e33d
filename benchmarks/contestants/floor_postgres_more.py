"""The floor on PostgreSQL: runs, spans and scores. Statements are prepared once; each call is one round trip."""

from __future__ import annotations

from abc import abstractmethod
from datetime import UTC, datetime
from typing import Any

from ..operations import Operation
from ..runs import PLAIN_JSON, SCORE_JSON, WORKFLOW, NewSnapshot, ScoreRow, StepResult
from ..spans import SpanRow
from .floor_rows import (
    ENDED,
    FIRST_JSON,
    SCORE_COLUMNS,
    SCORE_PLACES,
    SPAN_COLUMNS,
    SPAN_JSON,
    STRUCTURE_COLUMNS,
    TOTAL,
    decode,
    encode,
    excluded,
    quoted,
    status,
)

_INSTANTS = ("startedAt", "endedAt", "createdAt", "updatedAt")
_TWINS = ("startedAtZ", "endedAtZ")


def _read(column: str) -> str:
    if column in _INSTANTS:
        return f'COALESCE("{column}Z", "{column}" AT TIME ZONE \'UTC\')'
    return f'"{column}"::text' if column in SPAN_JSON else f'"{column}"'


def _array(number: int, column: str) -> str:
    kind = "timestamptz" if column in _INSTANTS else "boolean" if column == "isEvent" else "text"
    return f"${number}::{kind}[]"


def _of_array(column: str) -> str:
    if column in _INSTANTS:
        return f"n.\"{column}\" AT TIME ZONE 'UTC'"
    return f'n."{column}"::jsonb' if column in SPAN_JSON else f'n."{column}"'


def _put_spans() -> str:
    """The trigger sets creation and update."""
    columns = (*SPAN_COLUMNS, *_TWINS)
    values = [*map(_of_array, SPAN_COLUMNS), *(f'n."{twin[:-1]}"' for twin in _TWINS)]
    arrays = ", ".join(_array(number, column) for number, column in enumerate(SPAN_COLUMNS, start=1))
    return (
        f"INSERT INTO mastra_ai_spans ({quoted(columns)}) SELECT {', '.join(values)} "
        f"FROM unnest({arrays}) AS n({quoted(SPAN_COLUMNS)}) "
        f'ON CONFLICT ("traceId", "spanId") DO UPDATE SET {excluded(columns[2:])}'
    )


def _put_score() -> str:
    values = [
        f"${number}::text::jsonb" if place in SCORE_PLACES else f"${number}"
        for place, number in enumerate(range(1, len(SCORE_COLUMNS) + 1))
    ]
    moment = f"${len(SCORE_COLUMNS) + 1}::timestamptz"
    columns = (*SCORE_COLUMNS, "createdAt", "updatedAt", "createdAtZ", "updatedAtZ")
    values += [f"{moment} AT TIME ZONE 'UTC'"] * 2 + [moment] * 2
    return (
        f"INSERT INTO mastra_scorers ({quoted(columns)}) VALUES ({', '.join(values)}) "
        f"ON CONFLICT (id) DO UPDATE SET {excluded(columns[1:])}"
    )


_SPAN = ", ".join(map(_read, (*SPAN_COLUMNS, "createdAt", "updatedAt")))
_STRUCTURE = ", ".join(map(_read, STRUCTURE_COLUMNS))
_ROOTS = 'FROM mastra_ai_spans WHERE "parentSpanId" IS NULL'
_OF_TRACE = 'FROM mastra_ai_spans WHERE "traceId" = $1 ORDER BY "startedAt", "spanId" COLLATE "C"'
_NOW = "$4::timestamptz AT TIME ZONE 'UTC', $4::timestamptz"

MORE_STATEMENTS = {
    "load_20kb": "SELECT snapshot::text FROM mastra_workflow_snapshot WHERE workflow_name = $1 AND run_id = $2",
    "persist_20kb": (
        'INSERT INTO mastra_workflow_snapshot AS s (workflow_name, run_id, snapshot, "resourceId", '
        '"createdAt", "createdAtZ", "updatedAt", "updatedAtZ") '
        f"VALUES ($1, $2, $3::text::jsonb, $5, {_NOW}, {_NOW}) ON CONFLICT (workflow_name, run_id) DO UPDATE SET "
        'snapshot = excluded.snapshot, "resourceId" = COALESCE(excluded."resourceId", s."resourceId"), '
        '"updatedAt" = excluded."updatedAt", "updatedAtZ" = excluded."updatedAtZ"'
    ),
    # A result whose output is no list replaces the one before, which the server can do by itself.
    "update_step": (
        f'UPDATE mastra_workflow_snapshot SET ("updatedAt", "updatedAtZ") = ROW ({_NOW}), snapshot = jsonb_set('
        "jsonb_set(snapshot, ARRAY['context', $3::text], $5::text::jsonb), '{requestContext}', "
        "COALESCE(snapshot -> 'requestContext', '{}') || $6::text::jsonb) "
        "WHERE workflow_name = $1 AND run_id = $2 AND jsonb_typeof(snapshot -> 'context') = 'object' "
        "RETURNING (snapshot -> 'context')::text"
    ),
    "stored_run": (
        f"SELECT snapshot::text, {_read('createdAt')}, {_read('updatedAt')} FROM mastra_workflow_snapshot "
        "WHERE workflow_name = $1 AND run_id = $2"
    ),
    "traces_20": (
        f"SELECT {_SPAN}, (SELECT count(*) {_ROOTS}) {_ROOTS} "
        'ORDER BY "startedAt" DESC, "traceId" COLLATE "C" DESC, "spanId" COLLATE "C" DESC LIMIT 20'
    ),
    "structure_500": f"SELECT {_STRUCTURE} {_OF_TRACE}",
    "stored_spans": f"SELECT {_SPAN} {_OF_TRACE}",
    "spans_100": _put_spans(),
    "score_1": _put_score(),
    "stored_score": f"SELECT {quoted(SCORE_COLUMNS)} FROM mastra_scorers WHERE id = $1",
}


class MoreOnPostgres:
    """The domains beside memory."""

    @abstractmethod
    async def _fetch(self, name: str, *args: Any) -> list[Any]:
        """Run one of the statements."""

    async def load_20kb(self, run_id: str) -> dict[str, Any] | None:
        rows = await self._fetch("load_20kb", WORKFLOW, run_id)
        return decode(rows[0][0]) if rows else None

    async def persist_20kb(self, given: NewSnapshot) -> None:
        text = encode(given.snapshot).decode()
        await self._fetch("persist_20kb", WORKFLOW, given.run_id, text, datetime.now(UTC), None)

    async def update_step(self, given: StepResult) -> dict[str, Any]:
        run, step, result, context = given
        texts = encode(result).decode(), encode(context).decode()
        rows = await self._fetch("update_step", WORKFLOW, run, step, datetime.now(UTC), *texts)
        found: dict[str, Any] = decode(rows[0][0])
        return found

    async def traces_20(self, _: str) -> tuple[list[Any], int]:
        rows = await self._fetch("traces_20")
        return [_span(row) for row in rows], rows[0][TOTAL]

    async def structure_500(self, trace_id: str) -> list[Any]:
        rows = await self._fetch("structure_500", trace_id)
        return [(*row[:-1], None if row[-1] is None else decode(row[-1])) for row in rows]

    async def spans_100(self, spans: list[SpanRow]) -> None:
        rows = {span[:2]: span for span in spans}.values()
        columns = list(zip(*rows, strict=True))
        for place in range(FIRST_JSON, len(columns)):
            columns[place] = tuple(None if value is None else encode(value).decode() for value in columns[place])
        await self._fetch("spans_100", *columns)

    async def score_1(self, score: ScoreRow) -> ScoreRow:
        values: list[Any] = list(score)
        for place, name in zip(SCORE_PLACES, SCORE_JSON, strict=True):
            if values[place] is not None:
                text = encode(values[place]).decode()
                values[place] = text if name == PLAIN_JSON else encode(text).decode()
        await self._fetch("score_1", *values, datetime.now(UTC))
        return score

    async def stored(self, operation: Operation, pick: str) -> Any:
        if operation.domain == "workflows":
            rows = await self._fetch("stored_run", WORKFLOW, pick)
            return decode(rows[0][0]), rows[0][1], rows[0][2]
        if operation.domain == "observability":
            return [SpanRow._make(_span(row)[: len(SPAN_COLUMNS)]) for row in await self._fetch("stored_spans", pick)]
        values = list((await self._fetch("stored_score", pick))[0])
        for place, name in zip(SCORE_PLACES, SCORE_JSON, strict=True):
            if values[place] is not None:
                value = decode(values[place])
                values[place] = value if name == PLAIN_JSON else decode(value)
        return ScoreRow._make(values)


def _span(row: Any) -> tuple[Any, ...]:
    payloads = [None if text is None else decode(text) for text in row[FIRST_JSON : len(SPAN_COLUMNS)]]
    return (*row[:FIRST_JSON], *payloads, *row[len(SPAN_COLUMNS) : TOTAL], status(payloads[-1], row[ENDED]))
