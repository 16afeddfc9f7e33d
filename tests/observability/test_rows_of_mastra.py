"""Spans as ``@mastra/libsql`` leaves them in SQLite: JSONB blobs, and tables of the first layout (O3, O19 to O28)."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mastra_store import ObservabilityStorage, Span, Store
from mastra_store.conformance.scenes import at

FIRST_LAYOUT = """
CREATE TABLE mastra_ai_spans (
  traceId TEXT NOT NULL, spanId TEXT NOT NULL, parentSpanId TEXT, name TEXT NOT NULL, scope TEXT,
  spanType TEXT NOT NULL, attributes TEXT, metadata TEXT, links TEXT, input TEXT, output TEXT, error TEXT,
  startedAt TEXT NOT NULL, endedAt TEXT, createdAt TEXT NOT NULL, updatedAt TEXT, isEvent INTEGER NOT NULL
)
"""
WHEN = "2024-01-01T12:00:00.000Z"


def jsonb(value: Any) -> bytes:
    """SQLite's JSONB, for values of few bytes."""
    if value is None or isinstance(value, bool):
        return bytes([{None: 0, True: 1, False: 2}[value]])
    if isinstance(value, str):
        return _element(10, value.encode())
    if isinstance(value, (int, float)):
        return _element(3 if isinstance(value, int) else 5, repr(value).encode())
    if isinstance(value, Mapping):
        return _element(12, b"".join(jsonb(part) for pair in value.items() for part in pair))
    return _element(11, b"".join(map(jsonb, value)))


def _element(kind: int, body: bytes) -> bytes:
    return bytes([0xC0 | kind, len(body)]) + body  # the size in one byte of its own


def insert(path: Path, **columns: Any) -> None:
    """A row of another program."""
    row = {"name": "old", "spanType": "agent_run", "isEvent": 0, "startedAt": WHEN, "createdAt": WHEN, **columns}
    names, places = ", ".join(row), ", ".join("?" * len(row))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"INSERT INTO mastra_ai_spans ({names}) VALUES ({places})", list(row.values()))


async def found(storage: ObservabilityStorage, **filters: Any) -> list[str]:
    """Ids of the traces that all lists find."""
    traces = await storage.list_traces(filters=filters, per_page=None, order_by="started_at")
    light = await storage.list_traces_light(filters=filters, per_page=None, order_by="started_at")
    ids = [span.trace_id for span in traces.spans]
    assert [span.trace_id for span in light.spans] == ids
    assert traces.total == light.total == len(ids)
    return ids


@pytest.mark.asyncio
async def test_payloads_in_jsonb(tmp_path: Path) -> None:
    """What is stored as a blob reads and filters like what is stored as text."""
    path = tmp_path / "mastra.db"
    payload = {"k": 1, "l": "x", "n": None, "t": True}
    async with Store(id="spans", default=f"sqlite:///{path}") as store:
        spans = store.observability
        assert await found(spans) == []
        same: dict[str, Any] = {"metadata": payload, "scope": payload, "tags": ["a", "b'"], "input": "7", "output": [1]}
        insert(path, traceId="blob", spanId="s", error=jsonb(None), **{name: jsonb(same[name]) for name in same})
        insert(path, traceId="failed", spanId="s", error=jsonb({"message": "no"}), metadata=jsonb({"k": "1"}))
        insert(path, traceId="zero", spanId="s", error=jsonb(0), tags=jsonb(["a"]), metadata=jsonb(None))
        await spans.create_span(
            span=Span(trace_id="own", span_id="s", name="n", span_type="x", started_at=at(1), **same)
        )
        blob, own = [await spans.get_root_span(trace_id=id) for id in ("blob", "own")]
        assert blob is not None
        assert own is not None
        assert {name: getattr(blob, name) for name in same} == {name: getattr(own, name) for name in same} == same
        assert (blob.error, own.error) == (None, None)
        both = ["blob", "own"]
        for wanted in ({"k": 1}, {"k": 1.0}, {"l": "x"}, {"n": None}, {"t": True}, {"k": 1, "t": True}):
            assert await found(spans, metadata=wanted) == both, wanted
            assert await found(spans, scope=wanted) == both, wanted
        for wanted in ({"k": True}, {"t": 1}, {"x": None}, {"l": "X"}):
            assert await found(spans, metadata=wanted) == [], wanted
        assert await found(spans, metadata={"k": "1"}) == ["failed"]
        assert await found(spans, tags=["a"]) == ["blob", "zero", "own"]
        assert await found(spans, tags=["b'", "a"]) == both
        assert await found(spans, status="running") == both
        assert await found(spans, status="error") == ["failed", "zero"]
        assert await found(spans, has_child_error=True) == ["failed", "zero"]
        assert await found(spans, has_child_error=False) == both
        light = await spans.list_traces_light(order_by="started_at")
        previews = {span.trace_id: (span.input_preview, span.status, span.metadata) for span in light.spans}
        assert previews == {
            "blob": ("7", "running", payload),
            "failed": (None, "error", {"k": "1"}),
            "zero": (None, "error", None),
            "own": ("7", "running", payload),
        }


@pytest.mark.asyncio
async def test_tables_of_the_first_layout(tmp_path: Path) -> None:
    """O28: rows older than most columns are read with None for them, listed, updated and replaced."""
    path = tmp_path / "mastra.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(FIRST_LAYOUT)
    insert(path, traceId="bare", spanId="s")
    insert(path, traceId="full", spanId="s", metadata=jsonb({"k": 1}), input='"text"', error="null", endedAt=WHEN)
    insert(path, traceId="full", spanId="child", parentSpanId="s", spanType="tool_call", updatedAt=WHEN)
    async with Store(id="spans", default=f"sqlite:///{path}") as store:
        spans = store.observability
        assert await found(spans) == ["bare", "full"]
        assert await found(spans, metadata={"k": 1}) == ["full"]
        assert await found(spans, user_id="u") == []
        assert (await spans.list_branches()).total == 3
        bare = await spans.get_span(trace_id="bare", span_id="s")
        assert bare is not None
        expected = Span(
            trace_id="bare", span_id="s", name="old", span_type="agent_run", started_at=at(0), created_at=at(0)
        )
        assert bare == expected
        full = await spans.get_trace(trace_id="full")
        assert full is not None
        assert [(span.span_id, span.input, span.error) for span in full.spans] == [
            ("child", None, None),
            ("s", "text", None),
        ]
        await spans.update_span(trace_id="bare", span_id="s", updates={"user_id": "u", "tags": ["a"]})
        assert await found(spans, user_id="u", tags=["a"]) == ["bare"]
        await spans.create_span(span=expected)
        again = await spans.get_span(trace_id="bare", span_id="s")
        assert again is not None
        assert (again.user_id, again.created_at, again.updated_at is not None) == (None, at(0), True)
        assert (await spans.list_traces()).total == 2
