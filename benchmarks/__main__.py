"""``python -m benchmarks``: all contestants side by side."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from . import runs, spans
from .checks import DifferentAnswersError
from .contestants import ENTRIES, NPM, OURS, Entry
from .dataset import Dataset
from .operations import BACKENDS, BY_NAME, OPERATIONS, Backend
from .packages import Packages, PackagesUnavailableError, npm_packages
from .processes import ContestantError
from .report import as_json, lines, show, show_growth, summary
from .rounds import Key, Plan, arena, measure

_SMALL, _LARGE = 20_000, 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; 1 when a contestant fails or answers wrongly."""
    options = _parse(arguments)
    console = Console(width=None if sys.stdout.isatty() else 170)
    try:
        report = _run(options, console)
    except (ContestantError, DifferentAnswersError) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1))
        console.print(f"written to {options.json}", markup=False)
    return 0


def _run(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    report: dict[str, Any] = {"machine": _machine(), "options": vars(options), "backends": {}}
    plan = Plan([BY_NAME[name] for name in options.ops], options.callers, options.rounds, options.seconds)
    packages = _packages(options, console)
    if packages is not None:
        report["npm"] = json.loads((packages.folder / "package.json").read_text())["dependencies"]
    entries = [entry for entry in ENTRIES if packages is not None or entry != NPM]
    for backend in options.backends:
        found: dict[str, Any] = {}
        report["backends"][backend] = found
        if not options.only_growth:
            domains = tuple(dict.fromkeys(operation.domain for operation in plan.operations))
            dataset = Dataset.of_messages(options.messages, domains)
            found |= _compare(backend, entries, packages, dataset, plan, console)
        if options.growth or options.only_growth:
            found["growth"] = _growth(backend, options.large, plan, console)
    return report


def _compare(
    backend: Backend, entries: list[Entry], packages: Packages | None, dataset: Dataset, plan: Plan, console: Console
) -> dict[str, Any]:
    with console.status("") as status, arena(backend, dict.fromkeys(entries, dataset), packages, status.update) as all:
        samples = measure(all, dataset, plan, lambda text: status.update(f"{backend}: {text}"))
        runs_on = all.databases.version()
    results = lines(backend, samples, plan)
    show(console, backend, results)
    rounds = f"better quartile of {plan.rounds} rounds with slots of {plan.seconds} s"
    console.print(f"{backend}: {summary(results)} ({runs_on}, {_size(dataset)}, {rounds})\n")
    return {"database": runs_on, "data": _size(dataset), "results": as_json(results, samples)}


def _size(dataset: Dataset) -> str:
    sizes = {
        "memory": f"{dataset.messages_count:,} messages",
        "workflows": f"{runs.READ_RUNS + runs.WRITTEN_RUNS} runs",
        "observability": f"{spans.stored_count():,} spans",
    }
    return ", ".join(text for domain, text in sizes.items() if domain in dataset.domains) or "no data"


def _growth(backend: Backend, messages: int, plan: Plan, console: Console) -> dict[str, Any]:
    """Last 10 of a thread in a small and a large table, all alive at the same time; the small one twice."""
    small, large = Dataset.of_messages(_SMALL), Dataset.of_messages(messages)
    sizes = {"small": small, "large": large, "small again": small}
    entries = {OURS._replace(name=name): dataset for name, dataset in sizes.items()}
    alone = Plan([BY_NAME["last_10"]], [1], max(plan.rounds, 3), plan.seconds)
    with console.status("") as status, arena(backend, entries, None, status.update) as both:
        samples = measure(both, small, alone, lambda text: status.update(f"{backend}: {text}"))
    micros = {name: samples.best(Key("last_10", 1, name)) or 0.0 for name in sizes}
    show_growth(console, backend, micros, (small.messages_count, large.messages_count))
    return {
        "messages": {name: dataset.messages_count for name, dataset in sizes.items()},
        "microseconds": micros,
        "ratio": micros["large"] / micros["small"],
        "noise": micros["small again"] / micros["small"],
        "rounds": {key.contestant: values for key, values in samples.values.items()},
    }


def _packages(options: argparse.Namespace, console: Console) -> Packages | None:
    """The npm packages, or a line that says why they are left out."""
    if options.only_growth:
        return None
    if "node" in options.without:
        console.print("npm packages left out: --without node")
        return None
    try:
        with console.status("npm packages: installing unless they are there"):
            return npm_packages()
    except PackagesUnavailableError as error:
        console.print(f"npm packages left out: {error}", style="yellow", markup=False)
        return None


def _machine() -> dict[str, Any]:
    distributions = ("mastra-store", "asyncpg", "aiosqlite", "msgspec", "tortoise-orm")
    return {
        "python": sys.version,
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "versions": {name: _version(name) for name in distributions},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except ImportError:
        return None


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--backend", choices=(*BACKENDS, "all"), default="all")
    parser.add_argument("--ops", type=_names, default=list(BY_NAME), help=f"some of {','.join(BY_NAME)}")
    parser.add_argument("--rounds", type=int, help="how many rounds (12)")
    parser.add_argument("--seconds", type=float, help="length of a slot (0.25)")
    parser.add_argument("--callers", type=_numbers, default=[1, 32], help="numbers of concurrent callers (1,32)")
    parser.add_argument("--messages", type=int, default=_SMALL, help=f"size of the data set ({_SMALL})")
    parser.add_argument("--growth", action="store_true", help="then compare last_10 in a small and a large table")
    parser.add_argument("--only-growth", action="store_true", help="nothing but that")
    parser.add_argument("--large", type=int, default=_LARGE, help=f"messages in the large table ({_LARGE})")
    parser.add_argument("--json", metavar="FILE", help="write everything, single rounds included, to a file")
    parser.add_argument("--quick", action="store_true", help="3 short rounds: to see that it runs, not to compare")
    parser.add_argument("--without", choices=("node",), action="append", default=[], help="leave a contestant out")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (3 if options.quick else 12)
    options.seconds = options.seconds or (0.05 if options.quick else 0.25)
    options.backends = BACKENDS if options.backend == "all" else (options.backend,)
    return options


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in BY_NAME]:
        known = ", ".join(operation.name for operation in OPERATIONS)
        raise argparse.ArgumentTypeError(f"unknown operations {unknown}; known are {known}")
    return [name for name in BY_NAME if name in names]


def _numbers(text: str) -> list[int]:
    numbers = [int(part) for part in text.split(",")]
    if any(number < 1 for number in numbers):
        raise argparse.ArgumentTypeError("callers must be positive")
    return numbers


if __name__ == "__main__":
    sys.exit(main())
