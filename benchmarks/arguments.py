"""What the calls of an operation are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import runs, spans
from .dataset import contents, new_messages
from .operations import Operation

_MAKERS: dict[str, Callable[[str, int], Any]] = {
    "persist_20kb": runs.new_snapshot,
    "update_step": runs.new_result,
    "spans_100": lambda _, first: spans.new_spans(first),
    "score_1": lambda _, number: runs.new_score(number),
}


def argument(operation: Operation, pick: str, first: int) -> Any:
    """The pick itself for calls that read; for others things never saved before, numbered from ``first`` on."""
    if not operation.batch:
        return pick
    if operation.domain == "memory":
        return new_messages(pick, first, operation.batch)
    return _MAKERS[operation.name](pick, first)


def material() -> dict[str, Any]:
    """What a contestant in another language makes the same arguments of."""
    return {
        "contents": contents(),
        "snapshots": runs.snapshots(),
        "results": runs.results(),
        "spans": spans.templates(),
        "scores": [row._asdict() for row in runs.score_rows()],
    }
