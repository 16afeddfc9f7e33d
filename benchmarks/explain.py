"""``python -m benchmarks.explain``: which indexes the queries that read use; 1 when one scans messages or spans."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from .databases import create_schema, databases_of
from .dataset import Dataset
from .operations import BACKENDS, Backend
from .plans import Plan, plans
from .span_filters import list_statements, list_tables
from .statements import chosen, explainer, partial_indexes
from .tables import tables_of

_SPANS, _RUNS, _SCORES = "mastra_ai_spans", "mastra_workflow_snapshot", "mastra_scorers"


def main(arguments: Sequence[str] | None = None) -> int:
    """Explain and judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.explain", description=__doc__)
    parser.add_argument("--backend", choices=(*BACKENDS, "all"), default="all")
    parser.add_argument("--messages", type=int, default=100_000, help="size of the data set (100000)")
    parser.add_argument("--spans", type=int, default=100_000, help="how many spans to plan lists of them for (100000)")
    parser.add_argument("--plans", action="store_true", help="print the plans too")
    options = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 170)
    backends = BACKENDS if options.backend == "all" else (options.backend,)
    faults = 0
    for backend in backends:
        found = _explain(backend, Dataset.of_messages(options.messages))
        _show(console, backend, found, with_plans=options.plans)
        faults += sum(bool(plan.faults) for plan in found)
        faults += asyncio.run(_explain_lists(console, backend, options.spans, with_plans=options.plans))
    console.print(f"[red]{faults} full scans" if faults else "[green]an index serves every query")
    return 1 if faults else 0


def _explain(backend: Backend, dataset: Dataset) -> list[Plan]:
    with databases_of(backend) as databases:
        url = databases.create("explain")
        create_schema(url)
        databases.load(url, tables_of(dataset))
        return asyncio.run(plans(backend, url))


async def _explain_lists(console: Console, backend: Backend, spans: int, *, with_plans: bool) -> int:
    """All filters of lists of spans, alone and in pairs, and lists of runs and scores. Returns how many scan spans."""
    with databases_of(backend) as databases:
        url = databases.create("lists")
        await asyncio.to_thread(create_schema, url)
        await asyncio.to_thread(databases.load, url, list_tables(backend, spans))
        partial = await partial_indexes(backend, url, _SPANS)
        async with explainer(backend, url, frozenset()) as explain:
            found = [[plan for one in some for plan in await explain(one)] for some in await list_statements(url)]
    whole = [plan for plan in chosen(found[0]) if plan.whole(_SPANS, partial)]
    whole += [plan for plan in chosen(found[2]) if plan.unindexed(_SCORES)]
    runs = [plan for plan in chosen(found[1]) if plan.unindexed(_RUNS)]
    console.print(
        f"{backend}: {len(found[0]):,} plans of lists of spans, {len(found[2])} of scores: {len(whole)} full scans; "
        f"{len(found[1])} of runs: {len(runs)} look into snapshots without an index"
    )
    for plan in [*whole, *runs] if with_plans else whole:
        console.print(
            f"{plan.statement.case}, {plan.mode}:", plan.statement.sql, *plan.text, "", sep="\n", markup=False
        )
    return len(whole)


def _show(console: Console, backend: Backend, found: list[Plan], *, with_plans: bool) -> None:
    table = Table(title=backend, title_justify="left")
    for name in ("query", "planned with", "indexes", "sorts all", "full scans"):
        table.add_column(name)
    for plan in found:
        table.add_row(
            plan.case, plan.mode, "\n".join(plan.indexes), "yes" if plan.sorts else "", f"[red]{', '.join(plan.faults)}"
        )
    console.print(table)
    for plan in found:
        if plan.faults or with_plans:
            console.print(f"{plan.case}, {plan.mode}:", plan.sql, *plan.text, "", sep="\n", markup=False)


if __name__ == "__main__":
    sys.exit(main())
