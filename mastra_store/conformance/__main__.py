"""``python -m mastra_store.conformance --url URL``: run the checks against a database, and print a table per domain."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import replace

from ..errors import StoreError
from .catalog import RULES, all_checks
from .harness import Harness, domains_of
from .registry import Check
from .report import Report
from .runner import DEADLINE, run
from .urls import is_in_memory, url_harness

_WARNING = """\
The suite WRITES INTO this database and CLEARS its tables: every thread, message, run, score and span in it is deleted.
Run it on a database that holds nothing you need, and say --yes.
"""


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m mastra_store.conformance", description=__doc__, epilog=_WARNING)
    parser.add_argument("--url", default="sqlite://:memory:", help="the database to examine (default: %(default)s)")
    parser.add_argument("--domain", choices=list(RULES), help="default: every domain that the database provides")
    parser.add_argument("--rule", action="append", metavar="M17", help="only checks of this rule; may be repeated")
    parser.add_argument("--deadline", type=float, default=DEADLINE, help="seconds per check (default: %(default)g)")
    parser.add_argument("--json", action="store_true", help="print the list of reports as JSON")
    parser.add_argument("--list", action="store_true", help="list the checks and run none")
    parser.add_argument("--yes", action="store_true", help="this database may be written into and cleared")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; 0 when all went well, 1 when a check failed, 2 when it could not be run."""
    options = arguments(argv)
    try:
        checks = all_checks(options.domain, options.rule)
    except ValueError as error:
        return _refuse(f"{error}\n")
    if options.list:
        sys.stdout.writelines(f"{one.domain}: {one}: {one.title}\n" for one in checks)
        return 0
    if not options.yes and not is_in_memory(options.url):
        return _refuse(_WARNING)
    try:
        reports = asyncio.run(_reports(url_harness(options.url), checks, options))
    except (StoreError, LookupError) as error:
        return _refuse(f"The database cannot be examined: {error}\n")
    _show(reports, as_json=options.json)
    return max(report.exit_code for report in reports)


async def _reports(harness: Harness, checks: Sequence[Check], options: argparse.Namespace) -> list[Report]:
    """One report per domain; without ``--domain``, of those of the wanted ones that the database provides."""
    rules_of: dict[str, set[str]] = {}
    for one in checks:
        rules_of.setdefault(one.domain, set()).update(one.rules)
    async with harness.open() as subject:
        domains = (
            [options.domain] if options.domain else await domains_of(subject, filter(rules_of.__contains__, RULES))
        )
    if not domains:
        raise LookupError(f"it provides none of the domains {', '.join(rules_of)}")
    reports = []
    for domain in domains:
        rules = options.rule and [rule for rule in options.rule if rule in rules_of[domain]]
        named = replace(harness, name=f"{harness.name} {domain}")
        reports.append(await run(named, rules, domain=domain, deadline=options.deadline))
    return reports


def _show(reports: Sequence[Report], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(f"{json.dumps([report.to_dict() for report in reports], indent=2)}\n")
        return
    for number, report in enumerate(reports):
        sys.stdout.write("\n" if number else "")
        report.write(sys.stdout)


def _refuse(why: str) -> int:
    sys.stderr.write(why)
    return 2


if __name__ == "__main__":
    sys.exit(main())
