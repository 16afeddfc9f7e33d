"""``python -m mastra_store.conformance --url URL``: run the checks against a database and print a table."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from ..errors import StoreError
from .catalog import RULES, all_checks
from .runner import DEADLINE, run
from .urls import is_in_memory, url_harness

_WARNING = """\
The suite WRITES INTO this database and CLEARS its tables: every thread, message and resource in it is deleted.
Run it on a database that holds nothing you need, and say --yes.
"""


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m mastra_store.conformance", description=__doc__, epilog=_WARNING)
    parser.add_argument("--url", default="sqlite://:memory:", help="the database to examine (default: %(default)s)")
    parser.add_argument("--domain", default="memory", choices=sorted(RULES), help="default: %(default)s")
    parser.add_argument("--rule", action="append", metavar="M17", help="only checks of this rule; may be repeated")
    parser.add_argument("--deadline", type=float, default=DEADLINE, help="seconds per check (default: %(default)g)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
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
        sys.stdout.writelines(f"{one}: {one.title}\n" for one in checks)
        return 0
    if not options.yes and not is_in_memory(options.url):
        return _refuse(_WARNING)
    try:
        report = asyncio.run(
            run(url_harness(options.url), options.rule, domain=options.domain, deadline=options.deadline)
        )
    except (StoreError, LookupError) as error:
        return _refuse(f"The database cannot be examined: {error}\n")
    if options.json:
        sys.stdout.write(f"{report.to_json()}\n")
    else:
        report.write(sys.stdout)
    return report.exit_code


def _refuse(why: str) -> int:
    sys.stderr.write(why)
    return 2


if __name__ == "__main__":
    sys.exit(main())
