"""What the scenario leaves in the columns when our side plays it: the forms that Mastra's packages rely on."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from mastra_store import Score, Span
from tests.golden.playing import play
from tests.interop.databases import Database, connected
from tests.schema.catalogue import TABLES

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SPAN_PAYLOADS = ["scope", "metadata", "tags", "attributes", "links", "input", "output", "error", "requestContext"]
# On PostgreSQL Mastra keeps these as a JSON string which holds JSON, and extractStepResult alone natively.
WRAPPED = [
    *("scorer", "preprocessStepResult", "analyzeStepResult", "metadata", "input", "output"),
    *("additionalContext", "requestContext", "entity"),
]
JSON_COLUMNS = {
    "mastra_threads": ["metadata"],
    "mastra_messages": ["content"],
    "mastra_resources": ["metadata"],
    "mastra_workflow_snapshot": ["snapshot"],
    "mastra_scorers": [*WRAPPED, "extractStepResult"],
    "mastra_ai_spans": SPAN_PAYLOADS,
}
Rows = dict[str, list[Mapping[str, Any]]]


async def _play(database: Database) -> None:
    async with database.open() as store:
        await play(store)


async def _rows(database: Database) -> Rows:
    """All rows of the tables that are there so far, as the driver gives them; JSON is text."""
    statements = {table: f'SELECT * FROM "{table}"' for tables in TABLES.values() for table in tables}
    if database.backend == "sqlite":
        with closing(sqlite3.connect(database.path)) as connection:
            connection.row_factory = sqlite3.Row
            return {table: [*map(dict, connection.execute(text))] for table, text in statements.items()}
    async with connected(database) as server:
        return {table: [dict(row) for row in await server.fetch(text)] for table, text in statements.items()}


@pytest.mark.asyncio
async def test_format_4_sqlite_holds_json_as_text_and_instants_as_iso_text(tmp_path: Any) -> None:
    database = Database.at(f"sqlite:///{tmp_path}/mastra.db")
    await _play(database)
    found = await _rows(database)
    assert sum(map(len, found.values())) > 30
    for table, rows in found.items():
        for column, value in ((column, value) for row in rows for column, value in row.items()):
            if column in ("isEvent", "score"):
                assert type(value) is {"isEvent": int, "score": float}[column], (column, value)
                continue
            assert value is None or isinstance(value, str), (table, column, value)
            if column.endswith("At") and column != "endedAt":
                assert INSTANT.fullmatch(value or ""), (table, column, value)
            elif column in JSON_COLUMNS[table] and value is not None:
                assert json.loads(value) is not None, (table, column, value)
    assert {row["isEvent"] for row in found["mastra_ai_spans"]} == {0, 1}
    assert all(INSTANT.fullmatch(row["endedAt"]) for row in found["mastra_ai_spans"] if row["endedAt"] is not None)
    assert all(json.loads(row["content"])["format"] == 2 for row in found["mastra_messages"])


@pytest.mark.asyncio
async def test_format_3_postgres_holds_json_as_mastra_does_and_instants_twice(postgres: Any) -> None:
    database = Database.at(postgres.create_database())
    async with connected(database) as server:  # far from UTC, which must not show in our rows
        name = await server.fetchval("SELECT current_database()")
        await server.execute(f"ALTER DATABASE \"{name}\" SET timezone TO 'Asia/Tokyo'")
    await _play(database)
    _assert_form(await _rows(database))


@pytest.mark.asyncio
async def test_format_3_rows_of_mastra_have_that_form_too(golden_postgres: Database) -> None:
    rows = await _rows(golden_postgres)
    del rows["mastra_resources"]  # saveResource and updateResource of @mastra/pg differ in the form
    del rows["mastra_messages"]  # legacy contents are stored as they were given
    _assert_form(rows)


def _assert_form(found: Rows) -> None:
    for table, rows in found.items():
        assert len(rows) > 2, table
        for row in rows:
            for column, value in row.items():
                wrapped = table == "mastra_scorers" and column in WRAPPED
                if table == "mastra_ai_spans" and column in ("createdAt", "updatedAt"):
                    continue  # the trigger's: wall clock of the session
                if f"{column}Z" in row:  # the twin of an end that is not known must not be its default, the present
                    assert (value and value.replace(tzinfo=UTC)) == row[f"{column}Z"], (table, column, value)
                elif column in JSON_COLUMNS[table] and value is not None:
                    assert isinstance(json.loads(value), str) or not wrapped, (table, column, value)
                    assert json.loads(json.loads(value) if wrapped else value) is not None, (table, column, value)
    assert {row["isEvent"] for row in found["mastra_ai_spans"]} == {False, True}
    assert any(row["extractStepResult"] for row in found["mastra_scorers"])


@pytest.mark.asyncio
async def test_format_1_3_message_type_is_v2_when_none_is_given(database: Database) -> None:
    await _play(database)
    types = {row["id"]: row["type"] for row in (await _rows(database))["mastra_messages"]}
    assert types["msg-1"] == "v2"
    assert types["msg-5-system"] == "text"
    assert types["msg-7-v1array"] == "tool-call"


@pytest.mark.asyncio
async def test_S5_an_absent_input_or_output_is_json_null_where_the_column_must_have_a_value(database: Database) -> None:
    score = Score(scorer_id="s", entity_id="e", run_id="r", scorer={}, entity={}, source="TEST", score=1, output=None)
    async with database.open() as store:
        await store.scores.save_score(score=score)
    [row] = (await _rows(database))["mastra_scorers"]
    null = "null" if database.backend == "postgres" else None
    assert (row["input"], row["output"]) == (null, null)
    given = {"scorer", "entity", "input", "output"} if null else {"scorer", "entity"}
    assert {column for column in JSON_COLUMNS["mastra_scorers"] if row[column] is not None} == given


@pytest.mark.asyncio
async def test_O3_a_span_payload_that_is_none_is_sql_null(database: Database) -> None:
    bare = Span(trace_id="t", span_id="s", name="n", span_type="generic", started_at=datetime.now(UTC))
    full = replace(bare, input=0, output="", error={}, tags=[])
    async with database.open() as store:
        await store.observability.create_span(span=bare)
        created = await _rows(database)
        await store.observability.create_span(span=full)
        filled = await _rows(database)
        updates = dict.fromkeys(("input", "output", "error", "tags"))
        await store.observability.update_span(trace_id="t", span_id="s", updates=updates)
        cleared = await _rows(database)
    assert [_filled(rows) for rows in (created, filled, cleared)] == [
        set(),
        {"input", "output", "error", "tags"},
        set(),
    ]


def _filled(found: Rows) -> set[str]:
    [row] = found["mastra_ai_spans"]
    return {column for column in SPAN_PAYLOADS if row[column] is not None}
