"""What the scenario leaves in the columns when our side plays it: the forms that Mastra's packages rely on."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from tests.golden.scenario import steps
from tests.interop.databases import Database, connected
from tests.interop.python_side import answers
from tests.schema.catalogue import TABLES

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
JSON_COLUMNS = {"metadata", "content"}


async def _play(database: Database) -> None:
    async with database.open() as store:
        await answers(store, steps("write"))


@pytest.mark.asyncio
async def test_format_4_sqlite_holds_json_as_text_and_instants_as_iso_text(tmp_path: Any) -> None:
    database = Database.at(f"sqlite:///{tmp_path}/mastra.db")
    await _play(database)
    with closing(sqlite3.connect(database.path)) as connection:
        connection.row_factory = sqlite3.Row
        rows = [row for table in TABLES["memory"] for row in connection.execute(f"SELECT * FROM {table}")]
    assert len(rows) > 20
    for row in rows:
        for column in row.keys():  # noqa: SIM118
            value = row[column]
            assert value is None or isinstance(value, str), (column, value)
            if column.endswith("At"):
                assert INSTANT.fullmatch(value or ""), (column, value)
            elif column in JSON_COLUMNS and value is not None:
                assert isinstance(json.loads(value), dict), (column, value)


@pytest.mark.asyncio
async def test_format_3_postgres_holds_json_natively_and_instants_twice(postgres: Any) -> None:
    database = Database.at(postgres.create_database())
    await _play(database)
    async with connected(database) as connection:
        for table in TABLES["memory"]:
            total, right, formed = await connection.fetchrow(_counts(table)) or (0, 0, 0)
            assert (total > 3, right, formed) == (True, total, total), table


@pytest.mark.asyncio
async def test_format_1_3_message_type_is_v2_when_none_is_given(database: Database) -> None:
    await _play(database)
    async with database.open() as store:
        types = dict(await store.memory.models.Message.all().values_list("id", "type"))  # type: ignore[attr-defined]
    assert types["msg-1"] == "v2"
    assert types["msg-5-system"] == "text"
    assert types["msg-7-v1array"] == "tool-call"


def _counts(table: str) -> str:
    """Counts rows, those with equal twins, and those whose payload has the right form."""
    instants = ["createdAt"] if table == "mastra_messages" else ["createdAt", "updatedAt"]
    equal = " AND ".join(f"""("{name}" AT TIME ZONE 'UTC') IS NOT DISTINCT FROM "{name}Z" """ for name in instants)
    form = (
        "content::json IS NOT NULL"
        if table == "mastra_messages"
        else "coalesce(jsonb_typeof(metadata), 'object') = 'object'"
    )
    return f'SELECT count(*), count(*) FILTER (WHERE {equal}), count(*) FILTER (WHERE {form}) FROM "{table}"'
