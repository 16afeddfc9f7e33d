"""What came of a run: as a table for people, as a mapping for programs, as an exit code for the shell."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from typing import Any, NamedTuple, TextIO

from .catalog import RULES, UNSEEN
from .registry import Check


class State(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"
    """The storage says it cannot do this, or lacks a capability that the rules let it lack."""
    NOT_CHECKED = "not checked"
    """The harness offers no means to find out."""
    ERROR = "error"
    """An exception that is none of the store's own."""


BAD = (State.FAILED, State.ERROR)
_COLOURS = {State.PASSED: "green", State.UNSUPPORTED: "yellow", State.NOT_CHECKED: "yellow"}


class Result(NamedTuple):
    """How one check ended, and why."""

    check: Check
    state: State
    seconds: float
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Rules, name, state, seconds and message, fit for JSON."""
        return {
            "id": str(self.check),
            "domain": self.check.domain,
            "rules": list(self.check.rules),
            "check": self.check.name,
            "state": str(self.state),
            "seconds": round(self.seconds, 4),
            "message": self.message,
        }


@dataclass(frozen=True)
class Report:
    """The results of one run over one domain. ``complete`` says that no rule was left out on purpose."""

    name: str
    results: Sequence[Result]
    complete: bool = True

    @property
    def counts(self) -> dict[str, int]:
        """Number of checks by state, states without any included."""
        counted = Counter(result.state for result in self.results)
        return {str(state): counted[state] for state in State}

    @property
    def bad(self) -> list[Result]:
        """The checks that failed or ended in an error."""
        return [result for result in self.results if result.state in BAD]

    @property
    def exit_code(self) -> int:
        """0 when something was checked and nothing was bad, else 1."""
        return 1 if self.bad or not self.results else 0

    def unchecked_rules(self) -> list[str]:
        """Rules of which no check passed or failed, in a complete run."""
        looked_at = (result.check for result in self.results if result.state in (State.PASSED, *BAD))
        seen = {(check.domain, rule) for check in looked_at for rule in check.rules}
        return [rule for domain in self._domains() for rule in RULES[domain] if (domain, rule) not in seen]

    def unseen_parts(self) -> dict[str, str]:
        """Parts of rules that no check can see."""
        return {rule: why for domain in self._domains() for rule, why in UNSEEN[domain].items()}

    def to_dict(self) -> dict[str, Any]:
        """Everything, fit for JSON."""
        return {
            "name": self.name,
            "exit_code": self.exit_code,
            "counts": self.counts,
            "unchecked_rules": self.unchecked_rules() if self.complete else [],
            "unseen_parts": self.unseen_parts() if self.complete else {},
            "results": [result.to_dict() for result in self.results],
        }

    def to_json(self) -> str:
        """``to_dict`` as JSON text; lone surrogates in messages become escapes."""
        return json.dumps(self.to_dict(), indent=2)

    def to_text(self) -> str:
        """A plain table: rules, check, result, and the reason where it is not a pass."""
        rows = [(*_cells(result), result.message) for result in self.results]
        widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
        lines = ["  ".join((*map(str.ljust, row[:3], widths), row[3])).rstrip() for row in rows]
        return "\n".join([*lines, "", *self.summary()])

    def summary(self) -> list[str]:
        """The last lines of the table: counts, and what was not looked at."""
        counts = ", ".join(f"{count} {state}" for state, count in self.counts.items() if count)
        lines = [f"{self.name}: {len(self.results)} checks: {counts or 'none'}"]
        if self.complete and (rules := self.unchecked_rules()):
            lines.append(f"rules not checked: {', '.join(rules)}")
        return lines

    def write(self, stream: TextIO) -> None:
        """Print the table, in colours when the stream is a terminal and rich is installed."""
        if stream.isatty() and find_spec("rich") is not None:
            self._write_rich(stream)
        else:
            stream.write(f"{self.to_text()}\n")

    def _domains(self) -> list[str]:
        return sorted({result.check.domain for result in self.results})

    def _write_rich(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table("rule", "check", "result", "why")
        for result in self.results:
            rules, name, state = _cells(result)
            table.add_row(rules, name, Text(state, _COLOURS.get(result.state, "red")), Text(result.message))
        console = Console(file=stream)
        console.print(table)
        for line in self.summary():
            console.print(line, markup=False)


def _cells(result: Result) -> tuple[str, str, str]:
    return " ".join(result.check.rules), result.check.name, str(result.state)
