"""Creating what is missing in a PostgreSQL schema, exactly as ``@mastra/pg`` declares it (storage format 2 and 3)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import asyncpg

from ...errors import StoreError
from ...models.base import Index, StoredModel
from ..sql.schema import ColumnSpec, TableSpec, missing_columns, repeated_keys, table_spec
from .names import constraint_name, index_name
from .triggers import missing_trigger

if TYPE_CHECKING:
    from .database import PostgresDatabase, PostgresSession

_ATTEMPTS = 5
# Another program that creates the same things at the same moment, without our lock.
_RACES = (
    asyncpg.UniqueViolationError,
    asyncpg.DuplicateTableError,
    asyncpg.DuplicateColumnError,
    asyncpg.DuplicateSchemaError,
    asyncpg.DuplicateObjectError,
)
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('mastra_store.init'), hashtext($1))"
_SCHEMA = "SELECT 1 FROM pg_namespace WHERE nspname = $1"
_COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
"""
_NAMES = """
    SELECT indexname FROM pg_indexes WHERE schemaname = $1
    UNION SELECT tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1
"""


async def create_missing(database: PostgresDatabase, definitions: tuple[type[StoredModel], ...]) -> None:
    """Look first: a role without the right to create anything may use a schema that is complete."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            await _create_missing(database, definitions)
        except StoreError as error:
            if attempt == _ATTEMPTS or not isinstance(error.__cause__, _RACES):
                raise
            await asyncio.sleep(0.05 * attempt)
        else:
            return


async def _create_missing(database: PostgresDatabase, definitions: tuple[type[StoredModel], ...]) -> None:
    tables = [table_spec(model, database.dialect) for model in definitions]
    async with database.session() as session:
        if not await _statements(session, database.schema, tables):
            return
    async with database.session() as session:
        await session.execute(_LOCK, database.schema)
        for statement in await _statements(session, database.schema, tables):
            try:
                await session.execute(statement)
            except StoreError as error:
                if " ADD CONSTRAINT " in statement and isinstance(error.__cause__, asyncpg.UniqueViolationError):
                    raise repeated_keys(statement) from error
                raise


async def _statements(session: PostgresSession, schema: str, tables: list[TableSpec]) -> list[str]:
    """What would bring the schema up to date."""
    found: dict[str, dict[str, str]] = {}
    for table, column, type in await session.fetch(_COLUMNS, schema):
        found.setdefault(table, {})[column] = type
    names = {row[0] for row in await session.fetch(_NAMES, schema)}
    statements = [] if await session.fetch(_SCHEMA, schema) else [f'CREATE SCHEMA IF NOT EXISTS "{schema}"']
    for table in tables:
        statements += _missing(table, schema, found.get(table.name, {}), names)
    return statements


def _missing(table: TableSpec, schema: str, present: Mapping[str, str], names: set[str]) -> Iterator[str]:
    """``present`` are the table's columns and their types, ``names`` those of all indexes, constraints and triggers."""
    name = f'"{schema}"."{table.name}"'
    if present:
        for column in missing_columns(table, present):
            yield from _add_column(name, column)
    else:
        lines = ", ".join(_declaration(column, key=table.is_key(column)) for column in table.columns)
        yield f"CREATE TABLE IF NOT EXISTS {name} ({lines})"
    yield from _missing_key(table, schema, names)
    yield from missing_trigger(table.name, schema, names)
    for index in table.indexes:
        full = index_name(index, schema)
        if full not in names and present.get(index.looks_into, "jsonb") == "jsonb":
            yield _create_index(name, full, index)


def _missing_key(table: TableSpec, schema: str, names: set[str]) -> Iterator[str]:
    """A key that has a name of its own. Where old rows repeat a key the statement fails, and nothing is changed."""
    if not table.key_clause:
        return
    name, full = f'"{schema}"."{table.name}"', constraint_name(table.key_name, schema)
    if full not in names:
        yield f'ALTER TABLE {name} ADD CONSTRAINT "{full}" {table.key_clause}'
        if table.key_clause.startswith("UNIQUE"):  # so that a table without primary key can be replicated
            yield f'ALTER TABLE {name} REPLICA IDENTITY USING INDEX "{full}"'


def _create_index(table: str, name: str, index: Index) -> str:
    unique = "UNIQUE " if index.unique else ""
    method = "" if index.method == "btree" else f"USING {index.method} "
    where = f" WHERE {index.where}" if index.where else ""
    columns = ", ".join(_indexed(part) for part in index.columns)
    return f'CREATE {unique}INDEX IF NOT EXISTS "{name}" ON {table} {method}({columns}){where}'


def _indexed(part: str) -> str:
    return f"({part})" if "(" in part else part


def _declaration(column: ColumnSpec, *, key: bool) -> str:
    default = " DEFAULT now()" if column.twin_of else ""
    null = "" if column.null else " NOT NULL"
    return f'"{column.name}" {column.type}{default}{null}{" PRIMARY KEY" if key else ""}'


def _add_column(name: str, column: ColumnSpec) -> Iterator[str]:
    if column.twin_of:
        # Filled from the plain column before it gets its default, so that old rows keep their own time.
        yield f'ALTER TABLE {name} ADD COLUMN IF NOT EXISTS "{column.name}" {column.type}'
        yield f'UPDATE {name} SET "{column.name}" = "{column.twin_of}" AT TIME ZONE \'UTC\''
        yield f'ALTER TABLE {name} ALTER COLUMN "{column.name}" SET DEFAULT now()'
    else:
        default = "" if column.null else f" NOT NULL DEFAULT {_default(column.type)}"
        yield f'ALTER TABLE {name} ADD COLUMN IF NOT EXISTS "{column.name}" {column.type}{default}'


def _default(type: str) -> str:
    """What Mastra gives old rows in a required column that is added."""
    defaults = {"text": "''", "jsonb": "'{}'", "timestamp": "now()", "boolean": "false"}
    return defaults.get(type, "0")
