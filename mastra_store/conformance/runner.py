"""Running checks: one by one over one open storage, each under a deadline, each ending in one of five states."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from time import perf_counter

from ..domains import DomainStorage
from ..errors import StoreError, UnsupportedOperationError
from .catalog import all_checks
from .expect import CheckFailedError
from .harness import CAPABILITIES, MEANS, Harness, storage_of
from .registry import Check
from .report import Report, Result, State

DEADLINE = 60.0
"""Seconds a check may take unless told otherwise; none should come near."""


class NotCheckedError(Exception):
    """The check could not be run; its ``state`` says whether storage or harness lacks something."""

    def __init__(self, state: State, message: str) -> None:
        super().__init__(message)
        self.state = state


async def run_check(
    check: Check, storage: DomainStorage, harness: Harness | None = None, *, deadline: float = DEADLINE
) -> None:
    """Run one check over an open storage; raises ``CheckFailedError`` when the rule does not hold.

    Without a harness the storage is taken to have every capability. Raises ``NotCheckedError`` when something that the
    check needs is missing. Other exceptions come from the storage.
    """
    _require(check, harness)
    try:
        async with asyncio.timeout(deadline) as limit:
            if check.empty:
                await storage.dangerously_clear_all()
            await check(storage, harness)
    except TimeoutError:
        if not limit.expired():
            raise
        raise CheckFailedError(f"not finished after {deadline:g} seconds") from None


async def examine(
    check: Check, storage: DomainStorage, harness: Harness | None = None, *, deadline: float = DEADLINE
) -> Result:
    """Run one check and say how it ended; raises nothing but cancellation."""
    started = perf_counter()

    def ended(state: State, message: str = "") -> Result:
        return Result(check, state, perf_counter() - started, message)

    try:
        await run_check(check, storage, harness, deadline=deadline)
    except NotCheckedError as missing:
        return ended(missing.state, str(missing))
    except CheckFailedError as failure:
        return ended(State.FAILED, str(failure))
    except UnsupportedOperationError as refusal:
        return ended(State.UNSUPPORTED, str(refusal))
    except StoreError as error:
        return ended(State.FAILED, f"{type(error).__name__} {error.code}: {error}")
    except Exception as error:  # noqa: BLE001 - whatever a foreign storage raises is a result, and the next check runs
        return ended(State.ERROR, f"{type(error).__name__}: {error}")
    return ended(State.PASSED)


async def run(
    harness: Harness, only: Iterable[str] | None = None, *, domain: str = "memory", deadline: float = DEADLINE
) -> Report:
    """Run all checks of one domain, or those of the rules named in ``only``, over one storage.

    The database that the harness opens is written into and cleared.
    """
    checks = all_checks(domain, only)
    async with harness.open() as subject:
        storage = await storage_of(subject, domain)
        results = [await examine(one, storage, harness, deadline=deadline) for one in checks]
    return Report(harness.name, results, complete=only is None)


def _require(check: Check, harness: Harness | None) -> None:
    means = harness.means if harness else frozenset[str]()
    capabilities = harness.capabilities if harness else CAPABILITIES.keys()
    missing = sorted(need for need in check.needs if need in MEANS and need not in means)
    if missing:
        raise NotCheckedError(State.NOT_CHECKED, "; ".join(f"needs {name}: {MEANS[name]}" for name in missing))
    lacking = sorted(need for need in check.needs if need in CAPABILITIES and need not in capabilities)
    if lacking:
        raise NotCheckedError(State.UNSUPPORTED, "; ".join(f"lacks {name}: {CAPABILITIES[name]}" for name in lacking))
