"""The measurement: all contestants alive at once, a short slot each in rotating order, many rounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from .arguments import material
from .checks import check
from .contestants import FLOOR, NPM, Entry
from .databases import Databases, create_schema, databases_of
from .dataset import Dataset
from .operations import Backend, Operation
from .packages import Packages
from .processes import Process, node_process, python_process
from .tables import tables_of

_PICKS = 512


class Plan(NamedTuple):
    """What to measure, and how long."""

    operations: list[Operation]
    callers: list[int]
    rounds: int
    seconds: float
    """Length of a slot."""


class Key(NamedTuple):
    """One measured thing."""

    operation: str
    callers: int
    contestant: str


class Samples(NamedTuple):
    """One value per round, in microseconds: the median latency with one caller, the time per call with many."""

    values: dict[Key, list[float]]

    def best(self, key: Key) -> float | None:
        """The better quartile of the rounds; ``None`` for what was not measured."""
        values = sorted(self.values.get(key, []))
        return values[(len(values) - 1) // 4] if values else None


class Arena(NamedTuple):
    """The processes of the contestants and the databases they work on."""

    databases: Databases
    processes: dict[str, Process]
    urls: dict[str, str]


@contextmanager
def arena(
    backend: Backend, entries: dict[Entry, Dataset], packages: Packages | None, say: Callable[[str], None]
) -> Iterator[Arena]:
    """All contestants, connected, each on its own database."""
    with ExitStack() as stack:
        databases = stack.enter_context(databases_of(backend))
        processes: dict[str, Process] = {}
        urls: dict[str, str] = {}
        for entry, dataset in entries.items():
            say(f"{backend}: {entry.name}: loading")
            url = urls[entry.name] = databases.create(entry.name)
            if entry == FLOOR:
                create_schema(url)
            process = stack.enter_context(_process(entry, backend, url, packages))
            process.ask({"do": "open", "material": material()})
            if not process.ask({"do": "load", **dataset._asdict()}, timeout=1800)["loaded"]:
                databases.load(url, tables_of(dataset))
            processes[entry.name] = process
        yield Arena(databases, processes, urls)
        for process in processes.values():
            process.ask({"do": "close"})


def measure(arena: Arena, dataset: Dataset, plan: Plan, say: Callable[[str], None]) -> Samples:
    """Check all contestants against the data set, then time them."""
    say("checking that all give the same answers")
    check(arena.processes, dataset, plan.operations)
    samples = Samples({})
    for number in range(plan.rounds):
        _tidy(arena)
        for place, operation in enumerate(plan.operations):
            for callers in plan.callers:
                say(f"round {number + 1} of {plan.rounds}: {operation.title}, {_callers(callers)}")
                picks = dataset.picks(operation, _PICKS, seed=number)
                for name in _rotated(list(arena.processes), number + place):
                    value = _slot(arena.processes[name], operation, callers, plan.seconds, picks)
                    samples.values.setdefault(Key(operation.name, callers, name), []).append(value)
    return samples


def _slot(process: Process, operation: Operation, callers: int, seconds: float, picks: list[str]) -> float:
    request = {"do": "slot", "operation": operation.name, "callers": callers, "seconds": seconds, "picks": picks}
    reply = process.ask(request)
    value: float = reply["p50"] if callers == 1 else reply["each"]
    return value


def _tidy(arena: Arena) -> None:
    for url in arena.urls.values():
        arena.databases.tidy(url)


def _process(entry: Entry, backend: Backend, url: str, packages: Packages | None) -> Process:
    if entry.kind != NPM.kind:
        return python_process(entry.name, entry.kind, backend, url)
    if packages is None:
        raise ValueError("the npm packages take part only when they are installed")
    return node_process(entry.name, entry.kind, backend, url, packages.node, packages.folder)


def _rotated(names: list[str], by: int) -> list[str]:
    by %= len(names)
    return names[by:] + names[:by]


def _callers(number: int) -> str:
    return "1 caller" if number == 1 else f"{number} callers"
