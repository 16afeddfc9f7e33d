"""Statements that calls would run, collected without running them, and the plans that databases make for them.

``plans`` runs the calls themselves; this is for the many combinations of filters that lists of spans take.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, closing
from typing import Any, NamedTuple

import asyncpg

from mastra_store.backends.sqlite.dialect import register_functions

from .operations import Backend
from .plans import literal, nodes

SAMPLED = "statistics of a sample"
_SAMPLE = 400
"""How many rows of an index ``PRAGMA optimize`` looks at."""
MODES: dict[Backend, tuple[str, ...]] = {
    "sqlite": ("no statistics", "statistics", SAMPLED),
    "postgres": ("force_custom_plan", "force_generic_plan"),
}
_COUNT = "SELECT count(*)"
_LIMIT_PARAMETER = " LIMIT $"
_PLANNING = 25.0
"""What PostgreSQL adds to the cost of a plan that must be made anew for each call, or more."""
_ACCESS = re.compile(r"(?P<way>SCAN|SEARCH) (?P<name>\w+)(?: USING (?:COVERING )?INDEX (?P<by>\w+))?")
_BY_KEY = re.compile(r"\(\w+=\?( AND \w+=\?)?\)$")


class Statement(NamedTuple):
    """What a call would send."""

    case: str
    sql: str
    args: tuple[Any, ...]


class Access(NamedTuple):
    """How rows of a table are found: by an index or none, and whether the index is told what to look for."""

    table: str
    by: str | None
    sought: bool


class Planned(NamedTuple):
    """A statement with its plan; ``payload_sorts`` are sorts, before the page is cut off, that carry payloads."""

    statement: Statement
    mode: str
    text: list[str]
    accesses: list[Access]
    payload_sorts: list[str]
    cost: float = 0.0
    """As PostgreSQL reckons it."""

    def unindexed(self, table: str) -> list[str]:
        """Where the table is read without an index."""
        return ["no index" for access in self.accesses if access.table == table and access.by is None]

    def whole(self, table: str, partial: frozenset[str]) -> list[str]:
        """How the table is read from end to end, if it is: without an index, or through one that holds all rows."""
        return [
            access.by or "no index"
            for access in self.accesses
            if access.table == table and not access.sought and access.by not in partial
        ]


Call = Callable[[Any], Awaitable[Any]]
Explain = Callable[[Statement], Awaitable[list[Planned]]]


async def statements(storage: Any, calls: Mapping[str, Call]) -> list[Statement]:
    """What the calls would fetch. Nothing is run: they are told that there are no rows."""
    found: dict[str, Statement] = {}
    case = ""

    async def note(sql: str, *args: Any) -> list[Any]:
        found.setdefault(sql, Statement(case, sql, args))
        return [(0,)] if sql.startswith(_COUNT) else []

    database = storage._database
    database.fetch = note
    try:
        for case, call in calls.items():  # noqa: B007 - ``note`` reads it
            await call(storage)
    finally:
        del database.fetch
    return list(found.values())


@asynccontextmanager
async def explainer(backend: Backend, url: str, payloads: frozenset[str]) -> AsyncIterator[Explain]:
    """A function that plans a statement in each mode; ``payloads`` are the columns that no sort should carry."""
    if backend == "sqlite":
        with ExitStack() as stack:
            limits = zip(MODES[backend], (None, 0, _SAMPLE), strict=True)
            planners = {mode: stack.enter_context(closing(_planner(url, limit))) for mode, limit in limits}

            async def on_sqlite(statement: Statement) -> list[Planned]:
                return [_on_sqlite(planner, mode, statement) for mode, planner in planners.items()]

            yield on_sqlite
    else:
        server = await asyncpg.connect(url, statement_cache_size=0)
        try:
            yield lambda statement: _on_postgres(server, statement, payloads)
        finally:
            await server.close()


def chosen(found: list[Planned]) -> list[Planned]:
    """Without the general plans that PostgreSQL would not take, as those for the values at hand cost much less.

    They are general in the limit too, where it is a parameter: a tenth of all rows is assumed.
    """
    custom, generic = MODES["postgres"]
    special = {plan.statement.sql: plan.cost for plan in found if plan.mode == custom}
    return [
        plan
        for plan in found
        if plan.mode != generic
        or _LIMIT_PARAMETER not in plan.statement.sql
        or plan.cost < special[plan.statement.sql] + _PLANNING
    ]


async def partial_indexes(backend: Backend, url: str, table: str) -> frozenset[str]:
    """The indexes of a table that hold only some of its rows."""
    if backend == "sqlite":
        sql = "SELECT name FROM sqlite_master WHERE tbl_name = ? AND type = 'index' AND sql LIKE '% WHERE %'"
        with closing(_opened(url)) as file:
            return frozenset(row[0] for row in file.execute(sql, (table,)).fetchall())
    sql = "SELECT indexname FROM pg_indexes WHERE tablename = $1 AND indexdef LIKE '% WHERE %'"
    connection = await asyncpg.connect(url)
    try:
        return frozenset(row[0] for row in await connection.fetch(sql, table))
    finally:
        await connection.close()


def columns_read(url: str, statement: Statement, table: str) -> set[str]:
    """The columns of a table that SQLite opens for a statement, conditions and orders included."""
    read: set[str] = set()

    def note(action: int, first: str | None, second: str | None, *_: Any) -> int:
        if action == sqlite3.SQLITE_READ and first == table and second:
            read.add(second)
        return sqlite3.SQLITE_OK

    with closing(_opened(url)) as connection:
        connection.set_authorizer(note)
        connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.args).fetchall()
    return read


async def columns_computed(url: str, statement: Statement, columns: frozenset[str]) -> set[str]:
    """Those of the columns that PostgreSQL's plan returns from any of its steps."""
    connection = await asyncpg.connect(url)
    try:
        tree = await _tree(connection, "force_custom_plan", statement)
    finally:
        await connection.close()
    outputs = [output for node in nodes(tree) for output in node.get("Output", ())]
    return {column for column in columns if any(_names(output, column) for output in outputs)}


def _opened(url: str) -> sqlite3.Connection:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    register_functions(connection)
    return connection


def _planner(url: str, limit: int | None) -> sqlite3.Connection:
    """An empty copy with statistics of the original, of so many rows or of all (0): plans depend on nothing else."""
    planner = sqlite3.connect(":memory:")
    register_functions(planner)
    with closing(_opened(url)) as original:
        for (sql,) in original.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC"
        ).fetchall():
            planner.execute(sql)
        if limit is not None:
            original.execute("BEGIN")
            original.execute(f"PRAGMA analysis_limit = {limit}")
            original.execute("ANALYZE")
            rows = original.execute("SELECT tbl, idx, stat FROM sqlite_stat1").fetchall()
            original.execute("ROLLBACK")
            planner.execute("ANALYZE")  # makes the table of statistics
            planner.execute("DELETE FROM sqlite_stat1")
            planner.executemany("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", rows)
            planner.execute("ANALYZE sqlite_master")  # reads them
    return planner


def _on_sqlite(connection: sqlite3.Connection, mode: str, statement: Statement) -> Planned:
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.args).fetchall()
    tables = {alias: table for table, alias in re.findall(r'"?(mastra_\w+)"? AS (\w+)', statement.sql)}
    accesses: list[Access] = []
    sorts: list[str] = []
    for _, parent, _, text in rows:
        if match := _ACCESS.match(text):
            name = str(match["name"])
            accesses.append(Access(tables.get(name, name), match["by"], match["way"] == "SEARCH"))
        if parent == 0 and text.endswith("FOR ORDER BY"):
            # What is sorted outermost carries all columns, so it must be a page that its keys have found. (Where
            # only the "right part" of the order is sorted, that are rows of the same time.)
            outermost = next(line for _, above, _, line in rows if above == 0 and _ACCESS.match(line))
            if " IN (SELECT" not in statement.sql or not _BY_KEY.search(outermost):
                sorts.append(text)
    return Planned(statement, mode, [f"{row[1]}/{row[0]}: {row[3]}" for row in rows], accesses, sorts)


async def _on_postgres(connection: asyncpg.Connection, statement: Statement, payloads: frozenset[str]) -> list[Planned]:
    await connection.execute(f"PREPARE planned AS {statement.sql}")
    try:
        trees = {mode: await _planned(connection, mode, statement) for mode in MODES["postgres"]}
    finally:
        await connection.execute("DEALLOCATE planned")
    return [_judged(statement, mode, tree, payloads) for mode, tree in trees.items()]


async def _tree(connection: asyncpg.Connection, mode: str, statement: Statement) -> dict[str, Any]:
    await connection.execute(f"PREPARE planned AS {statement.sql}")
    try:
        return await _planned(connection, mode, statement)
    finally:
        await connection.execute("DEALLOCATE planned")


async def _planned(connection: asyncpg.Connection, mode: str, statement: Statement) -> dict[str, Any]:
    values = f"({', '.join(map(literal, statement.args))})" if statement.args else ""
    await connection.execute(f"SET plan_cache_mode = {mode}")
    text = await connection.fetchval(f"EXPLAIN (VERBOSE, FORMAT JSON) EXECUTE planned{values}")
    tree: dict[str, Any] = json.loads(text)[0]["Plan"]
    return tree


def _judged(statement: Statement, mode: str, tree: dict[str, Any], payloads: frozenset[str]) -> Planned:
    accesses, sorts = [], []
    for node, limited in _with_limits(tree):
        kind = node["Node Type"]
        if "Relation Name" in node and kind != "Bitmap Heap Scan":
            accesses.append(Access(node["Relation Name"], node.get("Index Name"), "Index Cond" in node))
        if kind == "Bitmap Index Scan":
            table = _table_above(tree, node)
            accesses.append(Access(table, node["Index Name"], "Index Cond" in node))
        if kind == "Sort" and limited:  # an incremental sort sorts rows of the same time
            carried = [name for name in payloads if any(_names(output, name) for output in node["Output"])]
            sorts += [f"{kind} of {', '.join(carried)}"] if carried else []
    return Planned(statement, mode, list(_outline(tree, 0)), accesses, sorts, tree["Total Cost"])


def _with_limits(tree: dict[str, Any], limited: bool = False) -> Iterator[tuple[dict[str, Any], bool]]:
    """Each step, and whether what it returns is cut off later."""
    yield tree, limited
    for child in tree.get("Plans", ()):
        apart = child.get("Parent Relationship") in ("InitPlan", "SubPlan")
        yield from _with_limits(child, (limited or tree["Node Type"] == "Limit") and not apart)


def _table_above(tree: dict[str, Any], wanted: dict[str, Any]) -> str:
    """The table whose rows a bitmap is made for."""
    heaps = [node for node in nodes(tree) if node["Node Type"] == "Bitmap Heap Scan"]
    return str(next(heap["Relation Name"] for heap in reversed(heaps) if any(node is wanted for node in nodes(heap))))


def _names(output: str, column: str) -> bool:
    return re.search(rf'(?<![\w"]){re.escape(column)}(?![\w"])|"{re.escape(column)}"', output) is not None


def _outline(tree: dict[str, Any], depth: int) -> Iterator[str]:
    what = (tree["Node Type"], tree.get("Index Name"), tree.get("Relation Name"), tree.get("Index Cond"))
    yield "  " * depth + " ".join(part for part in what if part)
    for child in tree.get("Plans", ()):
        yield from _outline(child, depth + 1)
