"""What databases plan for the queries of the memory domain: collected from the calls themselves, and judged."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import asyncpg

from mastra_store import DateRange, MessageInclude, Store
from mastra_store.domains import MemoryStorage

from .dataset import message, resource_id, thread_id
from .operations import Backend

_MESSAGES, _THREADS = "mastra_messages", "mastra_threads"
_SCAN = re.compile(r"SCAN (?P<table>mastra_\w+)(?P<index>.* USING .*INDEX)?")
_INDEX = re.compile(r"USING (?:COVERING )?INDEX (\w+)")
_MODES = ("force_custom_plan", "force_generic_plan")
_UNPLANNED = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA", "--")


class Plan(NamedTuple):
    """How a statement would be run."""

    case: str
    mode: str
    """What the planner knew: statistics or not, values of parameters or not."""
    sql: str
    text: list[str]
    indexes: list[str]
    sorts: bool
    """Whether everything that matches is sorted before the page is cut off."""
    faults: list[str]
    """Full scans; empty when all is well."""


Calls = dict[str, Callable[[MemoryStorage], Awaitable[Any]]]


def list_calls() -> Calls:
    """Every shape of query that reads, by a name for people."""
    thread, resource = thread_id(7), resource_id(0)
    threads = [thread_id(number) for number in range(3)]
    span = DateRange(start=datetime(2026, 1, 1, 1, tzinfo=UTC), end=datetime(2026, 1, 1, 3, tzinfo=UTC))
    since = DateRange(start=datetime(2026, 1, 1, 5, tzinfo=UTC))
    wanted = {"model": "example-1"}
    ids = [message(number).id for number in range(20)]
    around = [MessageInclude(id=ids[3], with_previous_messages=5, with_next_messages=5), MessageInclude(id=ids[9])]
    return {
        "thread by id": lambda m: m.get_thread_by_id(thread_id=thread),
        "resource by id": lambda m: m.get_resource_by_id(resource_id=resource),
        "messages of a thread": lambda m: m.list_messages(thread_id=thread),
        "last 10 of a thread": lambda m: m.list_messages(thread_id=thread, per_page=10, order_by="-created_at"),
        "a later page": lambda m: m.list_messages(thread_id=thread, page=3, per_page=20),
        "a page past the end": lambda m: m.list_messages(thread_id=thread, page=9, per_page=20),
        "a whole thread": lambda m: m.list_messages(thread_id=thread, per_page=None),
        "without total": lambda m: m.list_messages(thread_id=thread, include_total=False),
        "thread and resource": lambda m: m.list_messages(thread_id=thread, resource_id=resource),
        "thread and dates": lambda m: m.list_messages(thread_id=thread, date_range=span),
        "thread, resource, date": lambda m: m.list_messages(thread_id=thread, resource_id=resource, date_range=since),
        "thread and metadata": lambda m: m.list_messages(thread_id=thread, metadata=wanted),
        "several threads": lambda m: m.list_messages(thread_id=threads, order_by="-created_at"),
        "several threads, resource": lambda m: m.list_messages(thread_id=threads, resource_id=resource),
        "several threads, dates": lambda m: m.list_messages(thread_id=threads, date_range=span),
        "messages of a resource": lambda m: m.list_messages_by_resource_id(resource_id=resource),
        "last of a resource": lambda m: m.list_messages_by_resource_id(resource_id=resource, order_by="-created_at"),
        "resource and dates": lambda m: m.list_messages_by_resource_id(resource_id=resource, date_range=span),
        "resource and metadata": lambda m: m.list_messages_by_resource_id(
            resource_id=resource, metadata=wanted, date_range=span
        ),
        "included messages": lambda m: m.list_messages(thread_id="none", per_page=0, include=around),
        "included, of a resource": lambda m: m.list_messages(
            thread_id="none", per_page=0, include=around, resource_id=resource
        ),
        "messages by id": lambda m: m.list_messages_by_id(message_ids=ids),
        "threads of a resource": lambda m: m.list_threads(resource_id=resource, per_page=20),
        "threads last updated": lambda m: m.list_threads(resource_id=resource, per_page=20, order_by="-updated_at"),
        "threads and metadata": lambda m: m.list_threads(resource_id=resource, metadata={"number": 3}),
        "all threads": lambda m: m.list_threads(per_page=20),
        "all threads last updated": lambda m: m.list_threads(per_page=20, order_by="-updated_at"),
    }


async def plans(backend: Backend, url: str, calls: Calls | None = None) -> list[Plan]:
    """The plans of everything that the calls run, each statement once per mode."""
    found: list[Plan] = []
    async with Store(id="plans", default=url) as store:
        explain = _explain_sqlite if backend == "sqlite" else _explain_postgres
        async with explain(store.memory, url) as plans_of:
            for case, call in (calls or list_calls()).items():
                found += [plan async for plan in plans_of(case, call)]
    return found


PlansOf = Callable[[str, Callable[[MemoryStorage], Awaitable[Any]]], AsyncIterator[Plan]]


@asynccontextmanager
async def _explain_sqlite(memory: Any, url: str) -> AsyncIterator[PlansOf]:
    """The driver tells what it runs, values filled in; planned without statistics and with them."""
    database = memory._database
    seen: list[str] = []

    async def trace(callback: Callable[[str], None] | None) -> None:
        for _ in range(database.options.readers):
            await database.read(lambda connection: connection.set_trace_callback(callback))

    async def statements(call: Callable[[MemoryStorage], Awaitable[Any]]) -> list[str]:
        seen.clear()
        await trace(seen.append)
        await call(memory)
        await trace(None)
        return [sql for sql in dict.fromkeys(seen) if not sql.startswith(_UNPLANNED)]

    async def plans_of(case: str, call: Callable[[MemoryStorage], Awaitable[Any]]) -> AsyncIterator[Plan]:
        for sql in await statements(call):
            for mode in ("no statistics", "statistics"):
                await database.write(_analyze if mode == "statistics" else _forget_statistics)
                rows = await database.write(partial(_query_plan, sql))
                yield _sqlite_plan(case, mode, sql, [row[3] for row in rows])

    yield plans_of


def _query_plan(sql: str, connection: sqlite3.Connection) -> list[Any]:
    return connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()


def _analyze(connection: sqlite3.Connection) -> None:
    connection.execute("ANALYZE")


def _forget_statistics(connection: sqlite3.Connection) -> None:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone():
        connection.execute("DELETE FROM sqlite_stat1")
        connection.execute("ANALYZE sqlite_master")


def _sqlite_plan(case: str, mode: str, sql: str, text: list[str]) -> Plan:
    """No list may walk through all messages; all threads may be walked through in the order of an index."""
    scans = [found for line in text if (found := _SCAN.search(line))]
    faults = [scan.group(0) for scan in scans if scan["table"] == _MESSAGES or not scan["index"]]
    indexes = [name for line in text for name in _INDEX.findall(line)]
    return Plan(case, mode, sql, text, indexes, "USE TEMP B-TREE FOR ORDER BY" in text, faults)


@asynccontextmanager
async def _explain_postgres(memory: Any, url: str) -> AsyncIterator[PlansOf]:
    """The statements that go to the server, planned with the values of their parameters and without."""
    database = memory._database
    fetch = database.fetch
    seen: list[tuple[str, tuple[Any, ...]]] = []

    async def note(sql: str, *args: Any) -> list[Any]:
        seen.append((sql, args))
        rows: list[Any] = await fetch(sql, *args)
        return rows

    connection = await asyncpg.connect(url)

    async def plans_of(case: str, call: Callable[[MemoryStorage], Awaitable[Any]]) -> AsyncIterator[Plan]:
        seen.clear()
        database.fetch = note
        await call(memory)
        database.fetch = fetch
        for sql, args in dict(seen).items():
            for mode in _MODES:
                yield await _postgres_plan(connection, case, mode, sql, args)

    try:
        yield plans_of
    finally:
        await connection.close()


async def _postgres_plan(connection: asyncpg.Connection, case: str, mode: str, sql: str, args: tuple[Any, ...]) -> Plan:
    """A small table of threads may well be read whole; what counts is that an index could serve."""
    knows = mode.removeprefix("force_").replace("_", " ")
    tree = await _plan_tree(connection, mode, sql, args)
    faults = _seq_scans(tree, _MESSAGES)
    if _seq_scans(tree, _THREADS):
        knows += ", threads not read whole"
        await connection.execute("SET enable_seqscan = off")
        tree = await _plan_tree(connection, mode, sql, args)
        await connection.execute("RESET enable_seqscan")
        faults += _seq_scans(tree, _THREADS)
    steps = list(nodes(tree))
    indexes = list(dict.fromkeys(node["Index Name"] for node in steps if "Index Name" in node))
    sorts = any(node["Node Type"] == "Sort" for node in steps)
    return Plan(case, knows, sql, _outline(tree, 0), indexes, sorts, faults)


async def _plan_tree(connection: asyncpg.Connection, mode: str, sql: str, args: tuple[Any, ...]) -> dict[str, Any]:
    await connection.execute(f"SET plan_cache_mode = {mode}")
    await connection.execute(f"PREPARE planned AS {sql}")
    try:
        values = f"({', '.join(map(literal, args))})" if args else ""
        rows = await connection.fetch(f"EXPLAIN (FORMAT JSON) EXECUTE planned{values}")
    finally:
        await connection.execute("DEALLOCATE planned")
    tree: dict[str, Any] = json.loads(rows[0][0])[0]["Plan"]
    return tree


def literal(value: Any) -> str:
    """A parameter as it stands in SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, datetime):
        value = value.isoformat()
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(literal, value))}]" if value else "'{}'"
    return "'" + str(value).replace("'", "''") + "'"


def _seq_scans(tree: dict[str, Any], table: str) -> list[str]:
    of_table = [node["Node Type"] for node in nodes(tree) if node.get("Relation Name") == table]
    return [f"{kind} on {table}" for kind in of_table if kind == "Seq Scan"]


def nodes(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All steps of a plan."""
    yield tree
    for child in tree.get("Plans", ()):
        yield from nodes(child)


def _outline(tree: dict[str, Any], depth: int) -> list[str]:
    what = (tree["Node Type"], tree.get("Index Name"), tree.get("Relation Name"))
    lines = ["  " * depth + " ".join(part for part in what if part)]
    return lines + [line for child in tree.get("Plans", ()) for line in _outline(child, depth + 1)]
