"""Inserting and updating many rows in PostgreSQL: one statement, one array per column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...models.columns import Column
from ..sql.table import TableSql

_ARRAYS = {
    "text": "text",
    "json": "text",
    "instant": "timestamptz",
    "boolean": "boolean",
    "number": "double precision",
}


def insert_many(table: TableSql, tail: str = "") -> str:
    """``INSERT`` of the rows that ``columns_of`` turned into arrays; ``tail`` is what follows."""
    columns = list(table.columns.values())
    values = [value for number, column in enumerate(columns) for value in _values(column, f"new.c{number}")]
    return (
        f"INSERT INTO {table.name} AS stored ({', '.join(table.physical_columns())}) "
        f"SELECT {', '.join(values)} FROM {_unnested(columns)}{tail}"
    )


def update_many(table: TableSql, attributes: Sequence[str]) -> str:
    """``UPDATE`` of some attributes; arrays: those of the key, then the attributes."""
    keys = [column for column in table.columns.values() if column.column_name in table.key]
    columns = [*keys, *(table.columns[name] for name in attributes)]
    same = " AND ".join(f'stored."{column.column_name}" = new.c{number}' for number, column in enumerate(keys))
    sets = []
    for number, column in enumerate(columns[len(keys) :], start=len(keys)):
        names, _ = table.write(column, 0)
        pairs = zip(names, _values(column, f"new.c{number}"), strict=True)
        sets += [f"{name} = {value}" for name, value in pairs]
    return f"UPDATE {table.name} AS stored SET {', '.join(sets)} FROM {_unnested(columns)} WHERE {same}"


def columns_of(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """One list per column, as arrays take them."""
    return [list(column) for column in zip(*rows, strict=True)]


def _unnested(columns: Sequence[Column]) -> str:
    arrays = ", ".join(f"${number}::{_ARRAYS[column.kind]}[]" for number, column in enumerate(columns, start=1))
    return f"unnest({arrays}) AS new({', '.join(f'c{number}' for number in range(len(columns)))})"


def _values(column: Column, name: str) -> list[str]:
    """The expressions of the physical columns, instants as ``PostgresDialect.instant_values`` writes them."""
    if column.kind == "instant":
        return [f"({name} AT TIME ZONE 'UTC')", name]
    return [f"CAST({name} AS jsonb)"] if column.kind == "json" else [name]
