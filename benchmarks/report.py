"""What came out: tables for people, JSON for programs."""

from __future__ import annotations

from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from .contestants import AGAIN, FLOOR, NPM, OURS, TORTOISE
from .operations import GROWTH_LIMIT, Backend, Operation
from .rounds import Key, Plan, Samples

_PACKAGES = {"sqlite": "@mastra/libsql", "postgres": "@mastra/pg"}


class Line(NamedTuple):
    """One operation with one number of callers: microseconds, ratios and what they should be."""

    operation: Operation
    callers: int
    micros: dict[str, float]
    floor_target: float | None
    npm_target: float | None

    def ratio(self, above: str, below: str) -> float | None:
        """One contestant's time as a multiple of another's."""
        if above not in self.micros or below not in self.micros:
            return None
        return self.micros[above] / self.micros[below]

    @property
    def to_floor(self) -> float | None:
        """Ours / floor."""
        return self.ratio(OURS.name, FLOOR.name)

    @property
    def to_npm(self) -> float | None:
        """Npm / ours."""
        return self.ratio(NPM.name, OURS.name)

    @property
    def floor_met(self) -> bool | None:
        """Whether ours is as near to the floor as it should be."""
        if self.to_floor is None or self.floor_target is None:
            return None
        return round(self.to_floor, 2) <= self.floor_target

    @property
    def npm_met(self) -> bool | None:
        """Whether ours is as much faster than the official package as it should be."""
        if self.to_npm is None or self.npm_target is None:
            return None
        return round(self.to_npm, 2) >= self.npm_target


def lines(backend: Backend, samples: Samples, plan: Plan) -> list[Line]:
    """The results of a backend."""
    found = []
    for callers in plan.callers:
        for operation in plan.operations:
            names = (OURS.name, FLOOR.name, TORTOISE.name, NPM.name, AGAIN.name)
            times = {name: samples.best(Key(operation.name, callers, name)) for name in names}
            micros = {name: value for name, value in times.items() if value is not None}
            targets = operation.targets.get(backend)
            bounds = (targets.floor.of(callers), targets.npm.of(callers)) if targets else (None, None)
            found.append(Line(operation, callers, micros, *bounds))
    return found


def show(console: Console, backend: Backend, results: list[Line]) -> None:
    """One table per number of callers."""
    for callers in dict.fromkeys(line.callers for line in results):
        what = "median latency, 1 caller" if callers == 1 else f"time per call, {callers} callers"
        table = Table(title=f"{backend}: {what}, microseconds", title_justify="left")
        table.add_column("operation", no_wrap=True)
        for name in ("ours", "floor", "tortoise", "npm"):
            table.add_column(name, justify="right")
        for name in ("ours / floor", "target", f"{_PACKAGES[backend]} / ours", "target", "tortoise / ours", "noise"):
            table.add_column(name, justify="right")
        for line in results:
            if line.callers == callers:
                table.add_row(*_cells(line))
        console.print(table)


def show_growth(console: Console, backend: Backend, micros: dict[str, float], sizes: tuple[int, int]) -> None:
    """How the last 10 of a thread cost in a small and in a large table."""
    small, large = micros["small"], micros["large"]
    console.print(
        f"{backend}: last 10 of a thread among {sizes[0]:,} messages: {small:.0f} us, among {sizes[1]:,}: {large:.0f}, "
        f"{large / small:.2f} times, target <= {GROWTH_LIMIT} {_mark(large / small <= GROWTH_LIMIT)}, "
        f"noise {micros['small again'] / small:.2f}"
    )


def as_json(results: list[Line], samples: Samples) -> list[dict[str, Any]]:
    """All there is to say about each line, the rounds included."""
    return [
        {
            "operation": line.operation.name,
            "callers": line.callers,
            "microseconds": line.micros,
            "ours_to_floor": line.to_floor,
            "ours_to_floor_target": line.floor_target,
            "ours_to_floor_met": line.floor_met,
            "npm_to_ours": line.to_npm,
            "npm_to_ours_target": line.npm_target,
            "npm_to_ours_met": line.npm_met,
            "tortoise_to_ours": line.ratio(TORTOISE.name, OURS.name),
            "noise": line.ratio(AGAIN.name, OURS.name),
            "rounds": {name: samples.values[Key(line.operation.name, line.callers, name)] for name in line.micros},
        }
        for line in results
    ]


def summary(results: list[Line]) -> str:
    """How many targets were met."""
    verdicts = [verdict for line in results for verdict in (line.floor_met, line.npm_met) if verdict is not None]
    return f"{sum(verdicts)} of {len(verdicts)} targets met"


def _cells(line: Line) -> list[str]:
    times = [_number(line.micros.get(name), 0) for name in (OURS.name, FLOOR.name, TORTOISE.name, NPM.name)]
    floor = [_number(line.to_floor, 2), _target("<=", line.floor_target, line.floor_met)]
    npm = [_number(line.to_npm, 2), _target(">=", line.npm_target, line.npm_met)]
    rest = [_number(line.ratio(TORTOISE.name, OURS.name), 1), _number(line.ratio(AGAIN.name, OURS.name), 2)]
    return [line.operation.title, *times, *floor, *npm, *rest]


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _target(way: str, target: float | None, met: bool | None) -> str:
    return "" if target is None else f"{way} {target:.2f} {_mark(met)}"


def _mark(met: bool | None) -> str:
    return {True: "[green]met[/]", False: "[red]not met[/]", None: "-"}[met]
