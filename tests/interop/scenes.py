"""Scenes: what one side writes (and the other changes), and what both must read. Each domain is a table of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .python_side import Call

# Whose turn it is. Every scene is played twice, with the roles exchanged.
ONE, OTHER = "one", "other"
Turn = tuple[str, Call]

PYTHON, TYPESCRIPT = "python", "typescript"
BOTH = (PYTHON, TYPESCRIPT)

# What stands for a time of the last minutes and for a random id in what is read.
NOW = {"$now": True}
RANDOM = "a random id"
# Both sides must answer alike, and not with an error; what it is, the rules and the conformance suite say.
ALIKE: Any = {"alike": ...}


def as_answered(result: Any) -> Any:
    """The whole result is looked at."""
    return result


class Read(NamedTuple):
    """A call, and the result that it must have on both sides, or on those named where the packages stray.

    ``view`` is what is looked at of each result, where the rest is not the matter or not alike.
    """

    call: Call
    expected: Any
    sides: tuple[str, ...] = BOTH
    view: Callable[[Any], Any] = as_answered


class Script(NamedTuple):
    """Turns of the two sides, and reads with the answer that both must give to each."""

    turns: list[Turn]
    reads: list[Read]


class Stage(NamedTuple):
    """Where a scene is played: ids begin with ``prefix``, so that playings keep apart; ``writer`` is the first side."""

    prefix: str
    backend: str
    writer: str


class Scene(NamedTuple):
    """What to play, named by the rule that it proves."""

    name: str
    write: Callable[[Stage], Script]


def at(second: int, millisecond: int = 0) -> dict[str, str]:
    """An instant long ago."""
    return {"$date": f"2020-02-03T04:{second // 60:02}:{second % 60:02}.{millisecond:03}Z"}
