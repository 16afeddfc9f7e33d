"""Databases that the packages wrote read back deep-equal to what the packages answer, but for reviewed departures."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from mastra_store.backends.sqlite import jsonb
from tests.golden.scenario import RUNS, departures, expected_answer, mastras_answer, resolved, steps
from tests.interop.databases import Database
from tests.interop.python_side import Call, answer
from tests.interop.values import differences

READS = steps("read")
WRITES = steps("write")


@pytest.mark.asyncio
@pytest.mark.parametrize("step", READS, ids=lambda step: f"{step['step']}-{step['method']}")
async def test_golden_step_reads_back_equal(golden: Database, step: Call) -> None:
    written = [mastras_answer(write["step"], golden.adapter) for write in WRITES]
    [asked] = resolved([step], written)
    async with golden.open() as store:
        got = await answer(store, asked)
    assert differences(got, expected_answer("read", step["step"], golden.adapter)) == []


def test_every_departure_names_a_step_that_is_compared() -> None:
    for entry in departures():
        for run in entry.runs:
            compared = WRITES if run == "write" else READS
            assert run in RUNS
            assert set(entry.steps) <= {step["step"] for step in compared}, entry


def test_format_4_1_every_jsonb_blob_of_the_golden_file_decodes(golden_sqlite: Database) -> None:
    with closing(sqlite3.connect(golden_sqlite.path)) as connection:
        blobs = list(_blobs(connection))
    assert len(blobs) == 124
    assert all(isinstance(jsonb.loads(blob), (dict, list, str, int, float)) for blob in blobs)
    assert sum(isinstance(jsonb.loads(blob), dict) for blob in blobs) > 50


def _blobs(connection: sqlite3.Connection) -> list[bytes]:
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    rows = (row for table in tables for row in connection.execute(f'SELECT * FROM "{table}"'))
    return [value for row in rows for value in row if isinstance(value, bytes)]
