"""What a database says about its tables, in plain values: all that must equal the tables of Mastra's packages."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import asyncpg

from tests.interop.databases import Database, connected

# The tables of each domain that is there so far; a later domain is a row.
TABLES = {
    "memory": ("mastra_threads", "mastra_messages", "mastra_resources"),
    "workflows": ("mastra_workflow_snapshot",),
    "scores": ("mastra_scorers",),
    "observability": ("mastra_ai_spans",),
}
OURS = "mastra_store_"

Catalogue = dict[str, dict[str, Any]]

_RELATIONS = """
    SELECT c.oid, c.relname AS name, c.relkind::text AS kind, c.relpersistence::text AS persistence,
        c.relreplident::text AS identity, c.reloptions AS options
    FROM pg_class c WHERE c.relnamespace = $1::text::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
    ORDER BY c.relname
"""
_COLUMNS = """
    SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required,
        pg_get_expr(d.adbin, d.adrelid) AS "default",
        a.attidentity::text AS identity, a.attgenerated::text AS generated,
        (SELECT collname FROM pg_collation WHERE oid = a.attcollation) AS collation
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_CONSTRAINTS = """
    SELECT conname AS name, contype::text AS kind, pg_get_constraintdef(oid) AS definition
    FROM pg_constraint WHERE conrelid = $1 ORDER BY conname
"""
_INDEXES = """
    SELECT c.relname AS name, i.indisunique AS "unique", i.indisprimary AS "primary", i.indisvalid AS valid,
        am.amname AS method, i.indoption::text AS options, i.indcollation::text AS collations, c.reloptions AS storage,
        pg_get_expr(i.indpred, i.indrelid) AS condition, i.indnkeyatts AS keys,
        ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, true) FROM generate_series(1, i.indnatts) k) AS columns,
        ARRAY(SELECT opcname FROM unnest(i.indclass) k JOIN pg_opclass o ON o.oid = k) AS classes
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am am ON am.oid = c.relam
    WHERE i.indrelid = $1 ORDER BY c.relname
"""
_TRIGGERS = """
    SELECT tgname AS name, tgenabled::text AS enabled, pg_get_triggerdef(oid) AS definition,
        pg_get_functiondef(tgfoid) AS function
    FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal ORDER BY tgname
"""


async def catalogue(database: Database) -> Catalogue:
    """All tables by name."""
    if database.backend == "sqlite":
        with closing(sqlite3.connect(database.path)) as connection:
            return _sqlite(connection)
    async with connected(database) as server:
        return await _postgres(server, database.schema or "public")


async def rows(database: Database) -> dict[str, list[str]]:
    """All rows of all tables as text, in an order that does not depend on where they lie."""
    if database.backend == "sqlite":
        with closing(sqlite3.connect(database.path)) as connection:
            return {
                name: sorted(map(repr, connection.execute(f'SELECT * FROM "{name}"'))) for name in _sqlite(connection)
            }
    async with connected(database) as server:
        schema = database.schema or "public"
        names = [row["name"] for row in await server.fetch(_RELATIONS, f'"{schema}"')]
        statement = 'SELECT t::text FROM "{}"."{}" t ORDER BY 1'
        return {name: [row[0] for row in await server.fetch(statement.format(schema, name))] for name in names}


def of_domain(found: Catalogue, domain: str) -> Catalogue:
    """The tables of one domain."""
    return {name: found[name] for name in TABLES[domain]}


def without_ours(found: Catalogue) -> Catalogue:
    """The same without the indexes that only we have."""
    return {name: {**table, "indexes": _mastras(table["indexes"])} for name, table in found.items()}


def ours(found: Catalogue) -> set[str]:
    """The indexes that only we have."""
    return {name for table in found.values() for name in table["indexes"]} - {
        name for table in without_ours(found).values() for name in table["indexes"]
    }


def _mastras(indexes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: index for name, index in indexes.items() if not name.startswith(OURS)}


async def _postgres(connection: asyncpg.Connection, schema: str) -> Catalogue:
    found = {}
    for relation in await connection.fetch(_RELATIONS, f'"{schema}"'):
        table = dict(relation)
        oid = table.pop("oid")
        columns = [dict(row) for row in await connection.fetch(_COLUMNS, oid)]
        named = {
            what: {row["name"]: dict(row) for row in await connection.fetch(query, oid)}
            for what, query in (("constraints", _CONSTRAINTS), ("indexes", _INDEXES), ("triggers", _TRIGGERS))
        }
        found[table["name"]] = {"table": table, "columns": columns, **named}
    return found


def _sqlite(connection: sqlite3.Connection) -> Catalogue:
    connection.row_factory = sqlite3.Row
    tables = [
        dict(row) for row in connection.execute("PRAGMA main.table_list") if not row["name"].startswith("sqlite_")
    ]
    connection.row_factory = None
    return {table["name"]: _sqlite_table(connection, table) for table in tables}


def _sqlite_table(connection: sqlite3.Connection, table: dict[str, Any]) -> dict[str, Any]:
    name = table["name"]
    triggers = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
    return {
        "table": table,
        # position, name, type, not null, default, place in the key, hidden
        "columns": [list(row) for row in connection.execute(f'PRAGMA table_xinfo("{name}")')],
        "indexes": {
            row[1]: {
                "unique, origin, partial": list(row[2:]),
                # position, column, name, descending, collation, key
                "columns": [list(column) for column in connection.execute(f'PRAGMA index_xinfo("{row[1]}")')],
                "condition": _condition(connection, row[1]),
            }
            for row in connection.execute(f'PRAGMA index_list("{name}")')
        },
        "triggers": dict(connection.execute(triggers, (name,)).fetchall()),
    }


def _condition(connection: sqlite3.Connection, index: str) -> str:
    """What follows WHERE in a partial index."""
    row = connection.execute("SELECT coalesce(sql, '') FROM sqlite_master WHERE name = ?", (index,)).fetchone()
    return str(row[0]).partition(" WHERE ")[2]
