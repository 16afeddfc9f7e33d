"""Creating what is missing in a SQLite database, exactly as ``@mastra/libsql`` declares it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from ...models.base import Index, StoredModel
from ..sql.schema import ColumnSpec, TableSpec, missing_columns, repeated_keys, table_spec
from .dialect import SqliteDialect


def missing(connection: sqlite3.Connection, definitions: Iterable[type[StoredModel]]) -> list[str]:
    """The statements that would bring the database up to date; empty when nothing is to be done."""
    dialect = SqliteDialect()
    return [text for model in definitions for text in _missing(connection, table_spec(model, dialect))]


def create(connection: sqlite3.Connection, definitions: Iterable[type[StoredModel]]) -> None:
    """Create what is missing. Looks again, as another process may have been quicker."""
    for statement in missing(connection, definitions):
        try:
            connection.execute(statement)
        except sqlite3.IntegrityError as error:
            raise repeated_keys(statement) from error


def _missing(connection: sqlite3.Connection, table: TableSpec) -> Iterator[str]:
    present = {row[1] for row in connection.execute(f'PRAGMA table_info("{table.name}")')}
    if present:
        yield from (_add_column(table, column) for column in missing_columns(table, present))
    else:
        yield _create_table(table)
    indexes = {row[1] for row in connection.execute(f'PRAGMA index_list("{table.name}")')}
    yield from (_create_index(table, index) for index in table.indexes if index.name not in indexes)


def _create_table(table: TableSpec) -> str:
    lines = [_declaration(column, key=table.is_key(column)) for column in table.columns]
    lines += [table.key_clause] if table.key_clause else []
    body = ",\n  ".join(lines)
    return f'CREATE TABLE IF NOT EXISTS "{table.name}" (\n  {body}\n)'


def _create_index(table: TableSpec, index: Index) -> str:
    unique = "UNIQUE " if index.unique else ""
    where = f" WHERE {index.where}" if index.where else ""
    columns = ", ".join(index.columns)
    return f'CREATE {unique}INDEX IF NOT EXISTS "{index.name}" ON "{table.name}" ({columns}){where}'


def _declaration(column: ColumnSpec, *, key: bool) -> str:
    null = "" if column.null else " NOT NULL"
    return f'"{column.name}" {column.type}{null}{" PRIMARY KEY" if key else ""}'


def _add_column(table: TableSpec, column: ColumnSpec) -> str:
    """SQLite adds a NOT NULL column only with a default, which old rows then show."""
    zero = "''" if column.type == "TEXT" else "0"
    default = "" if column.null else f" NOT NULL DEFAULT {zero}"
    return f'ALTER TABLE "{table.name}" ADD COLUMN "{column.name}" {column.type}{default}'
