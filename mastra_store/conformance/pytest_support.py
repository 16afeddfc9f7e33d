"""Checks as pytest tests.

A test module needs a fixture that gives an open storage, and one test::

    @pytest.mark.parametrize("check", check_params("memory"))
    async def test_conforms(check: Check, memory: MemoryStorage) -> None:
        await run_as_test(check, memory, harness)

Test ids are ``M17-upsert_keeps_created_at`` and so on. Checks that have to be left out are skipped with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from ..domains import DomainStorage
from ..errors import UnsupportedOperationError
from .catalog import all_checks
from .harness import Harness
from .registry import Check
from .runner import DEADLINE, NotCheckedError, run_check


def check_params(
    domain: str | None = None, rules: Iterable[str] | None = None, *, known_failures: Mapping[str, str] | None = None
) -> list[Any]:
    """Parameters for ``pytest.mark.parametrize``, one per check.

    ``known_failures`` maps names of checks to reasons: these are expected to fail, and failing to fail is an error.
    """
    reasons = known_failures or {}
    checks = all_checks(domain, rules)
    stale = sorted(reasons.keys() - {check.name for check in checks})
    if stale:
        raise ValueError(f"known failures that are no checks: {', '.join(stale)}")
    return [pytest.param(check, id=str(check), marks=_marks(reasons.get(check.name))) for check in checks]


async def run_as_test(
    check: Check,
    storage: DomainStorage,
    harness: Harness | None = None,
    *,
    deadline: float = DEADLINE,
    may_be_unsupported: bool = False,
) -> None:
    """Run one check as the body of a test; skips it when storage or harness lacks something the check needs.

    An ``UnsupportedOperationError`` fails the test unless ``may_be_unsupported``: a storage that supports nothing would
    otherwise look perfect.
    """
    try:
        await run_check(check, storage, harness, deadline=deadline)
    except NotCheckedError as missing:
        pytest.skip(str(missing))
    except UnsupportedOperationError as refusal:
        if not may_be_unsupported:
            raise
        pytest.skip(str(refusal))


def _marks(reason: str | None) -> list[pytest.MarkDecorator]:
    return [] if reason is None else [pytest.mark.xfail(reason=reason, strict=True)]
