"""SQLite: JSON columns as the JSONB blobs that ``@mastra/libsql`` writes: read, filtered, updated (format 4.1)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mastra_store import Store
from tests.resilience.domains import score, span
from tests.resilience.support import LONG_AGO

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("quiet_loop")]

PAYLOADS: list[Any] = [
    None, True, False, 0, -7, 2**53, 10**400, 0.5, -1e308, 5e-324, "", "text", 'quo"te\\ \n\0', "é漢😀", "\ud800", "{}",
    [], {}, [[], {}, None], {"": {"__proto__": [1, "x"]}}, {"k" * 300: "v" * 70_000}, ["x"] * 300,
]  # fmt: skip


def blob(value: Any, wide: bool = False) -> bytes:
    """A value as SQLite's JSONB; ``wide`` writes every size in eight bytes, which is legal as well."""
    if isinstance(value, dict):
        return _element(12, b"".join(blob(part, wide) for pair in value.items() for part in pair), wide)
    if isinstance(value, list):
        return _element(11, b"".join(blob(item, wide) for item in value), wide)
    text = json.dumps(value)
    if isinstance(value, str):
        return _element(8 if "\\" in text else 7, text[1:-1].encode(), wide)
    if value is None or isinstance(value, bool):
        return _element({None: 0, True: 1, False: 2}[value], b"", wide)
    return _element(3 if isinstance(value, int) else 5, text.encode(), wide)


def _element(kind: int, payload: bytes, wide: bool) -> bytes:
    if wide:
        return bytes([15 << 4 | kind]) + len(payload).to_bytes(8, "big") + payload
    if len(payload) < 12:
        return bytes([len(payload) << 4 | kind]) + payload
    width, code = next((w, c) for w, c in ((1, 12), (2, 13), (4, 14)) if len(payload) < 256**w)
    return bytes([code << 4 | kind]) + len(payload).to_bytes(width, "big") + payload


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.db"


@pytest_asyncio.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    async with Store(id="app", default=f"sqlite:///{path}") as opened:
        yield opened


def put(path: Path, table: str, column: str, value: bytes, where: str = "true") -> None:
    """Write a blob behind the Store's back."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(f'UPDATE {table} SET "{column}" = ? WHERE {where}', [value])
    connection.close()


SCORE_COLUMNS = ("scorer", "entity", "metadata", "input", "output", "additional_context", "request_context",
                 "preprocess_step_result", "extract_step_result", "analyze_step_result")  # fmt: skip
SPAN_COLUMNS = ("scope", "attributes", "metadata", "tags", "links", "input", "output", "error", "request_context")


def wire(name: str) -> str:
    """The stored name of an attribute."""
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


async def test_every_column_of_scores_and_spans(store: Store, path: Path) -> None:
    """G8, S5, O3: what the blob holds is what is read, by get and list alike."""
    await store.scores.save_score(score=score("a"))
    await store.observability.create_span(span=span("t", "s"))
    for wide in (False, True):
        for number, payload in enumerate(PAYLOADS[wide::2] if wide else PAYLOADS):
            for name in SCORE_COLUMNS:
                put(path, "mastra_scorers", wire(name), blob([payload, number], wide))
            for name in SPAN_COLUMNS:
                put(path, "mastra_ai_spans", wire(name), blob([payload, number], wide))
            one = await store.scores.get_score_by_id(id="a")
            (listed,) = (await store.scores.list_scores_by_run_id(run_id="r")).scores
            assert one == listed
            assert [getattr(one, name) for name in SCORE_COLUMNS] == [[payload, number]] * len(SCORE_COLUMNS)
            found = await store.observability.get_span(trace_id="t", span_id="s")
            assert [getattr(found, name) for name in SPAN_COLUMNS] == [[payload, number]] * len(SPAN_COLUMNS)
            (light,) = (await store.observability.list_traces_light()).spans
            assert [getattr(light, name) for name in ("metadata", "error")] == [[payload, number]] * 2


async def test_snapshots(store: Store, path: Path) -> None:
    """W4, W10, W11, W13, W18, W20: load, list by status and thread, both updates."""
    run: dict[str, Any] = {"workflow_name": "w", "run_id": "r"}
    memory = {"memoryInfo": {"threadId": "th 1"}}
    suspended = {"status": "suspended", "suspendPayload": {"__streamState": {"messageList": memory}}}
    for number, payload in enumerate(PAYLOADS):
        for context in ({"input": {"messageListState": memory}}, {"step": suspended}):
            snapshot = {"status": f"st-{number}é", "context": {**context, "x": payload}, "value": payload}
            await store.workflows.persist_workflow_snapshot(**run, snapshot={})
            put(path, "mastra_workflow_snapshot", "snapshot", blob(snapshot, wide=number % 2 == 0))
            assert await store.workflows.load_workflow_snapshot(**run) == snapshot
            assert (await store.workflows.list_workflow_runs()).runs[0].snapshot == snapshot
            assert (await store.workflows.list_workflow_runs(status=f"st-{number}é")).total == 1
            assert (await store.workflows.list_workflow_runs(status=f"st-{number}")).total == 0
            assert (await store.workflows.list_workflow_runs(thread_id="th 1")).total == 1
            assert (await store.workflows.list_workflow_runs(thread_id="th")).total == 0
            state = await store.workflows.update_workflow_state(
                **run, state={"result": {"a": 1}}, expected_status=f"st-{number}é"
            )
            assert state == {**snapshot, "result": {"a": 1}}
            put(path, "mastra_workflow_snapshot", "snapshot", blob(snapshot))
            merged = await store.workflows.update_workflow_results(**run, step_id="new", result={"p": payload})
            assert merged == {**context, "x": payload, "new": {"p": payload}}
            assert (await store.workflows.list_workflow_runs(status=f"st-{number}é", thread_id="th 1")).total == 1


async def test_filters_of_spans(store: Store, path: Path) -> None:
    """O19, O20, O23, O24: tags, metadata, scope, status and errors, matched and not matched."""
    await store.observability.create_span(span=span("t", "s", ended_at=LONG_AGO))
    put(path, "mastra_ai_spans", "tags", blob(["a", "é", "x y"]))
    for column in ("metadata", "scope"):
        put(path, "mastra_ai_spans", column, blob({"s": "v", "n": 1.0, "b": True, "z": None, "deep": {"a": 1}}))
    matching: list[dict[str, Any]] = [{"tags": ["é", "a"]}, {"tags": ["x y"]}, {"status": "success"}]
    others: list[dict[str, Any]] = [{"tags": ["a", "c"]}, {"tags": ["x"]}, {"status": "error"}, {"status": "running"}]
    for column in ("metadata", "scope"):
        matching += [{column: wanted} for wanted in ({"s": "v"}, {"n": 1}, {"b": True}, {"z": None})]
        others += [{column: wanted} for wanted in ({"s": "w"}, {"n": True}, {"b": 1}, {"y": None}, {"deep": 1})]
    for listing in (store.observability.list_traces, store.observability.list_traces_light):
        for filters in matching:
            assert (await listing(filters=filters)).total == 1, filters
        for filters in others:
            assert (await listing(filters=filters)).total == 0, filters
    for error, failed in ((blob({"message": "x"}), True), (blob(""), True), (blob(None), False), (blob(0), True)):
        put(path, "mastra_ai_spans", "error", error)
        page = await store.observability.list_traces(filters={"status": "error"})
        assert [one.status for one in page.spans] == ["error"] * failed
        page = await store.observability.list_traces(filters={"has_child_error": failed, "status": page.spans[0].status
                                                              if failed else "success"})  # fmt: skip
        assert page.total == 1


async def test_filters_pass_over_rubbish(store: Store, path: Path) -> None:
    """A blob that is no JSONB matches nothing, and the page of the others comes whole."""
    await store.observability.batch_create_spans(
        records=[span(id, "s", tags=["a"], metadata={"k": 1}, scope={"k": 1}) for id in ("bad", "good")]
    )
    for id in ("bad", "good"):
        await store.workflows.persist_workflow_snapshot(workflow_name="w", run_id=id, snapshot={"status": "x"})
    for rubbish in (b"", b"\xff", b"\xff" * 9, b"\xcb\x7b", b"\x1c\x17a", b"\xbb" * 3000, b"\x2dab", b"\x27\xff\xfe"):
        for column in ("tags", "metadata", "scope"):
            put(path, "mastra_ai_spans", column, rubbish, "\"traceId\" = 'bad'")
        put(path, "mastra_workflow_snapshot", "snapshot", rubbish, "run_id = 'bad'")
        for filters in ({"tags": ["a"]}, {"metadata": {"k": 1}}, {"scope": {"k": 1}}):
            assert [one.trace_id for one in (await store.observability.list_traces(filters=filters)).spans] == ["good"]
        page = await store.workflows.list_workflow_runs(status="x")
        assert [run.run_id for run in page.runs] == ["good"]
