"""What is measured, and the targets that it is measured against."""

from __future__ import annotations

from typing import Literal, NamedTuple

Backend = Literal["sqlite", "postgres"]
BACKENDS: tuple[Backend, ...] = ("sqlite", "postgres")

Domain = Literal["memory", "workflows", "observability", "scores"]

Pick = Literal["thread", "writer", "resource", "message", "run", "written run", "long trace", "nothing"]
"""What a call is about: a thread to read, a thread to write to, a resource, a message with neighbours, a run to load,
a run to write to, or a trace of 500 spans."""


class Bound(NamedTuple):
    """A target for one caller and one for many: the most that ours may cost, or the least that a rival must."""

    one: float
    many: float

    def of(self, callers: int) -> float:
        """The one that goes with this number of callers."""
        return self.one if callers == 1 else self.many


class Targets(NamedTuple):
    """``floor``: ours / hand-written SQL is at most this. ``npm``: the official package / ours is at least this."""

    floor: Bound
    npm: Bound


class Operation(NamedTuple):
    """One call of a domain."""

    name: str
    title: str
    pick: Pick
    targets: dict[Backend, Targets]
    """None where the call is measured only to be watched."""
    batch: int = 0
    """How many things a call saves; 0 for calls that read."""
    domain: Domain = "memory"

    @property
    def method(self) -> str:
        """The contestants' method; one saves messages, however many."""
        return "save" if self.batch and self.domain == "memory" else self.name


def _targets(one: float, many: float, npm_one: float, npm_many: float) -> Targets:
    return Targets(Bound(one, many), Bound(npm_one, npm_many))


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "save_1",
        "save 1 message",
        "writer",
        {"postgres": _targets(1.30, 1.30, 2.2, 2.0), "sqlite": _targets(1.35, 1.35, 1.5, 1.5)},
        batch=1,
    ),
    Operation(
        "save_20",
        "save 20 messages",
        "writer",
        {"postgres": _targets(1.25, 1.30, 1.6, 1.5), "sqlite": _targets(1.25, 1.30, 2.5, 1.6)},
        batch=20,
    ),
    Operation(
        "last_10",
        "last 10 of a thread",
        "thread",
        {"postgres": _targets(1.25, 1.30, 1.1, 1.15), "sqlite": _targets(1.20, 1.30, 1.4, 1.3)},
    ),
    Operation(
        "page_100",
        "page of 100",
        "thread",
        {"postgres": _targets(1.25, 1.25, 1.8, 1.8), "sqlite": _targets(1.15, 1.25, 1.9, 1.6)},
    ),
    Operation(
        "thread_by_id",
        "thread by id",
        "thread",
        {"postgres": _targets(1.20, 1.30, 1.1, 1.2), "sqlite": _targets(1.25, 1.50, 1.2, 1.4)},
    ),
    Operation(
        "threads_20",
        "20 of 200 threads of a resource",
        "resource",
        {"postgres": _targets(1.25, 1.30, 1.7, 1.6), "sqlite": _targets(1.15, 1.20, 1.1, 1.2)},
    ),
    Operation(
        "window_5_5",
        "message with 5 before and 5 after",
        "message",
        {"postgres": _targets(1.30, 1.30, 1.9, 1.8), "sqlite": _targets(1.20, 1.35, 1.8, 1.35)},
    ),
    Operation(
        "load_20kb",
        "load 20 KB snapshot",
        "run",
        {"postgres": _targets(1.20, 1.15, 1.2, 1.1), "sqlite": _targets(1.20, 1.40, 1.4, 1.7)},
        domain="workflows",
    ),
    Operation(
        "persist_20kb",
        "persist 20 KB snapshot",
        "written run",
        {"postgres": _targets(1.10, 1.10, 1.0, 0.95), "sqlite": _targets(1.25, 1.35, 2.2, 2.2)},
        batch=1,
        domain="workflows",
    ),
    Operation("update_step", "update one step result", "written run", {}, batch=1, domain="workflows"),
    Operation(
        "traces_20",
        "page of 20 traces",
        "nothing",
        {"postgres": _targets(1.30, 1.30, 1.4, 1.1), "sqlite": _targets(1.15, 1.25, 3.5, 3.5)},
        domain="observability",
    ),
    Operation("structure_500", "structure of a 500-span trace", "long trace", {}, domain="observability"),
    Operation(
        "spans_100",
        "100 spans in one batch",
        "nothing",
        {"postgres": _targets(1.15, 1.20, 1.15, 1.1), "sqlite": _targets(1.20, 1.25, 2.0, 1.8)},
        batch=100,
        domain="observability",
    ),
    Operation("score_1", "save 1 score", "nothing", {}, batch=1, domain="scores"),
)
"""In the order in which they are measured: saved spans are in the way of lists of traces."""
BY_NAME = {operation.name: operation for operation in OPERATIONS}

GROWTH_LIMIT = 1.2
"""Last 10 of a thread in a large table may cost at most this many times the same in a small one."""
