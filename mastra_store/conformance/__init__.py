"""The rules of the contract as runnable checks, for this package's backends and for anybody else's.

A storage is examined through a ``Harness``, which says how to open it and what it can do::

    report = await run(Harness(name="mine", open=open_my_storage), domain="scores")
    print(report.to_text())

With pytest, each check can be a test of its own (see ``mastra_store.conformance.pytest_support``). From the shell:
``python -m mastra_store.conformance --url sqlite://:memory:``. There is one catalogue of checks per domain.
"""

from .catalog import RULES, UNSEEN, all_checks
from .expect import CheckFailedError
from .harness import CAPABILITIES, MEANS, Harness, RawRow
from .registry import Check, check
from .report import Report, Result, State
from .runner import NotCheckedError, examine, run, run_check

__all__ = [
    "CAPABILITIES",
    "MEANS",
    "RULES",
    "UNSEEN",
    "Check",
    "CheckFailedError",
    "Harness",
    "NotCheckedError",
    "RawRow",
    "Report",
    "Result",
    "State",
    "all_checks",
    "check",
    "examine",
    "run",
    "run_check",
]
