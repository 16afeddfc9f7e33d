"""``python -m benchmarks.profile last_10 --backend sqlite``: where the time of an operation goes, by function.

The profiler makes Python functions look dearer than they are: compare shares, and take the latency from the line above
the tables, which is measured without it.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from itertools import count, cycle
from statistics import median
from time import perf_counter_ns
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from .arguments import argument
from .contestants import make
from .contestants.base import Contestant
from .databases import create_schema, databases_of
from .dataset import Dataset
from .operations import BACKENDS, BY_NAME, Operation
from .tables import tables_of

_WAITING = ("select.epoll", "select.poll", "acquire", "_queue.SimpleQueue", "kqueue")
_OWNERS = (  # the first that occurs in the name of a file or built-in function
    ("mastra_store", "/mastra_store/"),
    ("benchmark", "/benchmarks/"),
    ("asyncpg", "asyncpg"),
    ("aiosqlite", "aiosqlite"),
    ("sqlite3", "sqlite3."),
    ("JSON", "msgspec"),
    ("asyncio", "asyncio"),
    ("asyncio", "selectors.py"),
    ("asyncio", "socket"),
)


class Function(NamedTuple):
    """Own time and number of calls of a function, per operation."""

    owner: str
    name: str
    calls: float
    micros: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("operation", choices=list(BY_NAME))
    parser.add_argument("--backend", choices=BACKENDS, default="sqlite")
    parser.add_argument("--contestant", choices=("ours", "floor", "tortoise"), default="ours")
    parser.add_argument("--calls", type=int, default=1000, help="how many calls to profile (1000)")
    parser.add_argument("--top", type=int, default=25, help="how many functions to print (25)")
    options = parser.parse_args(arguments)
    console = Console(width=None if sys.stdout.isatty() else 150)
    with databases_of(options.backend) as databases:
        url = databases.create("profile")
        if options.contestant != "tortoise":
            create_schema(url)
            databases.load(url, tables_of(_dataset(BY_NAME[options.operation])))
        asyncio.run(_profile(make(options.contestant, options.backend, url), options, console))
    return 0


async def _profile(contestant: Contestant, options: argparse.Namespace, console: Console) -> None:
    """Whatever happens, the contestant is closed: threads left open would keep the process alive."""
    await contestant.open()
    try:
        await contestant.load(_dataset(BY_NAME[options.operation]))
        await _measure(contestant, options, console)
    finally:
        await contestant.close()


async def _measure(contestant: Contestant, options: argparse.Namespace, console: Console) -> None:
    operation = BY_NAME[options.operation]
    run = _runner(contestant, operation)
    await run(options.calls // 4)
    latencies = await run(options.calls)
    console.print(
        f"{options.contestant}, {options.backend}, {operation.title}: median {median(latencies) / 1000:.0f} us, "
        f"fastest {min(latencies) / 1000:.0f} us"
    )
    loop = cProfile.Profile()
    loop.enable()
    await run(options.calls)
    loop.disable()
    _show(console, "event loop", _functions(pstats.Stats(loop), options.calls), options.top)
    if options.contestant == "ours" and options.backend == "sqlite":
        threads = await _profile_threads(contestant, lambda: run(options.calls))
        _show(console, "threads of the driver", _functions(threads, options.calls), options.top)


def _dataset(operation: Operation) -> Dataset:
    return Dataset(domains=(operation.domain,))


def _runner(contestant: Contestant, operation: Operation) -> Callable[[int], Awaitable[list[int]]]:
    """A function that makes so many calls, one after another, and returns their times in nanoseconds."""
    call = getattr(contestant, operation.method)
    picks = cycle(_dataset(operation).picks(operation, 512, seed=0))
    numbers = count(1_000_000, operation.batch or 1)

    async def run(calls: int) -> list[int]:
        times = []
        for pick in (next(picks) for _ in range(calls)):
            given = contestant.prepare(operation, argument(operation, pick, next(numbers)))
            start = perf_counter_ns()
            await call(given)
            times.append(perf_counter_ns() - start)
        return times

    return run


async def _profile_threads(contestant: Any, run: Callable[[], Awaitable[Any]]) -> pstats.Stats:
    """The same on the threads that hold the connections (one profiler each, taken together)."""
    database = contestant.memory._database
    lanes = [database.write, *[database.read] * database.options.readers]
    profilers = [cProfile.Profile() for _ in lanes]
    for lane, profiler in zip(lanes, profilers, strict=True):
        await lane(lambda _, profiler=profiler: profiler.enable())
    await run()
    for lane, profiler in zip(lanes, profilers, strict=True):
        await lane(lambda _, profiler=profiler: profiler.disable())
    merged = pstats.Stats(profilers[0])
    for profiler in profilers[1:]:
        merged.add(profiler)
    return merged


def _functions(stats: pstats.Stats, calls: int) -> list[Function]:
    """Functions by own time, dearest first."""
    found = [
        Function(_owner(*place), _name(*place), entry[1] / calls, entry[2] / calls * 1e6)
        for place, entry in stats.stats.items()  # type: ignore[attr-defined]
    ]
    return sorted(found, key=lambda function: -function.micros)


def _show(console: Console, title: str, functions: list[Function], top: int) -> None:
    shares: dict[str, float] = defaultdict(float)
    for function in functions:
        shares[function.owner] += function.micros
    parts = sorted(shares.items(), key=lambda share: -share[1])
    console.print(f"\n{title}, us per call: " + ", ".join(f"{owner} {micros:.1f}" for owner, micros in parts))
    table = Table()
    table.add_column("whose")
    table.add_column("function")
    table.add_column("calls", justify="right")
    table.add_column("own us", justify="right")
    for function in functions[:top]:
        table.add_row(function.owner, function.name, f"{function.calls:.1f}", f"{function.micros:.1f}")
    console.print(table)


def _owner(file: str, line: int, function: str) -> str:
    place = f"{file} {function}"
    if any(name in function for name in _WAITING):
        return "waiting"
    return next((owner for owner, part in _OWNERS if part in place), "other")


def _name(file: str, line: int, function: str) -> str:
    if file == "~":
        return function
    return f"{'/'.join(file.split('/')[-3:])}:{line} {function}"


if __name__ == "__main__":
    sys.exit(main())
