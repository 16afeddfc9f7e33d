"""``python -m benchmarks.explain``: which indexes the queries of the memory domain use; 1 when one scans a table."""

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Explain and judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.explain", description=__doc__)
    parser.add_argument("--backend", choices=(*BACKENDS, "all"), default="all")
    parser.add_argument("--messages", type=int, default=100_000, help="size of the data set (100000)")
    parser.add_argument("--plans", action="store_true", help="print the plans too")
    options = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 170)
    backends = BACKENDS if options.backend == "all" else (options.backend,)
    faults = 0
    for backend in backends:
        found = _explain(backend, Dataset.of_messages(options.messages))
        _show(console, backend, found, with_plans=options.plans)
        faults += sum(bool(plan.faults) for plan in found)
    console.print(f"[red]{faults} full scans" if faults else "[green]an index serves every query")
    return 1 if faults else 0


def _explain(backend: Backend, dataset: Dataset) -> list[Plan]:
    with databases_of(backend) as databases:
        url = databases.create("explain")
        create_schema(url)
        databases.load(url, dataset)
        return asyncio.run(plans(backend, url))


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
