"""What the floors of both dialects have in common: columns in the order of the fields, and rows with decoded JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from .. import meaning
from ..operations import Operation
from ..runs import SCORE_JSON, ScoreRow
from ..spans import JSON_FIELDS, SpanRow
from ..words import camel

SPAN_COLUMNS = tuple(map(camel, SpanRow._fields))
SCORE_COLUMNS = tuple(map(camel, ScoreRow._fields))
STRUCTURE_COLUMNS = (
    *("traceId", "spanId", "parentSpanId", "startedAt", "endedAt", "name", "spanType", "isEvent"),
    *("entityType", "entityId", "entityName", "createdAt", "updatedAt", "error"),
)
"""The error stands last, as it is decoded."""
SPAN_JSON = frozenset(map(camel, JSON_FIELDS))
FIRST_JSON = len(SPAN_COLUMNS) - len(JSON_FIELDS)
"""Spans have their JSON last."""
STARTED, ENDED = SPAN_COLUMNS.index("startedAt"), SPAN_COLUMNS.index("endedAt")
CREATED, UPDATED = len(SPAN_COLUMNS), len(SPAN_COLUMNS) + 1
TOTAL = UPDATED + 1
SCORE_PLACES = tuple(ScoreRow._fields.index(name) for name in SCORE_JSON)

decode = msgspec.json.Decoder().decode
encode = msgspec.json.Encoder().encode


def quoted(columns: Sequence[str]) -> str:
    """A list of columns."""
    return ", ".join(f'"{column}"' for column in columns)


def excluded(columns: Sequence[str]) -> str:
    """The assignments of an upsert."""
    return ", ".join(f'"{column}" = excluded."{column}"' for column in columns)


def status(error: Any, ended: Any) -> str:
    """As lists of traces tell it."""
    return "error" if error is not None else "running" if ended is None else "success"


class Light(tuple[Any, ...]):
    """A row of a structure, with names for those who compare answers."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[STRUCTURE_COLUMNS.index(camel(name))]
        except ValueError:
            raise AttributeError(name) from None


class Full(tuple[Any, ...]):
    """A span, with names for those who compare answers; the status stands last."""

    def __getattr__(self, name: str) -> Any:
        return self[-1] if name == "status" else getattr(SpanRow._make(self[: len(SPAN_COLUMNS)]), name)


def answer(operation: Operation, result: Any) -> Any:
    """Outside of what is timed: names are put to the rows."""
    if operation.name == "traces_20":
        result = [Full(row) for row in result[0]], result[1]
    elif operation.name == "structure_500":
        result = [Light(row) for row in result]
    return meaning.answer(operation, result)


def merged(snapshot: dict[str, Any], step: str, result: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """A snapshot with another result of a step, for results whose output is no list."""
    snapshot["context"][step] = result
    snapshot["requestContext"] = {**(snapshot.get("requestContext") or {}), **context}
    return snapshot
