"""Every check there is, and every rule there is to check."""

from __future__ import annotations

from collections.abc import Iterable

from . import (  # noqa: F401 - importing them registers their checks
    common_concurrency,
    common_detachment,
    common_errors,
    common_ids,
    common_limits,
    common_paging,
    common_payloads,
    memory_copies,
    memory_includes,
    memory_legacy,
    memory_lists,
    memory_messages,
    memory_resources,
    memory_threads,
    memory_updates,
)
from .registry import Check, registered

COMMON_RULES = tuple(f"G{number}" for number in range(1, 18))
MEMORY_RULES = (
    *(f"M{number}" for number in range(1, 31)),
    "M30a",
    "M31",
    "M32",
    "M32a",
    "M32b",
    "M32c",
    *(f"M{number}" for number in range(33, 53)),
)
RULES: dict[str, tuple[str, ...]] = {"memory": (*COMMON_RULES, *MEMORY_RULES)}
"""The rules of each domain that has checks."""

UNSEEN: dict[str, str] = {
    "G1": "that bad paging is refused before the database is touched; only the refusal is seen",
    "G5": "where records without the ordered field go: threads and messages always have theirs",
    "G10": "what a failure in the middle of writing leaves: the public methods cannot provoke one",
    "G14": "that other domains are untouched: only one domain is under test",
    "G15": "FAILED and its cause: the public methods cannot provoke a driver error",
    "M20": "that a thread is bumped once and not twice, and that the bump comes last",
    "M38": "that a thread is bumped once and not twice",
    "M45": "that copy_thread moves no payload through the client",
}
"""Parts of rules that a caller of the public methods cannot see."""


def all_checks(domain: str | None = None, rules: Iterable[str] | None = None) -> list[Check]:
    """The checks of one domain (or of all), of some rules (or of all), in order of rule.

    Raises ``ValueError`` for a domain or rule that has no checks, so that a typing error cannot pass for success.
    """
    wanted = None if rules is None else frozenset(rules)
    if domain is not None and domain not in RULES:
        raise ValueError(f"no checks for the domain {domain!r}; there are some for {', '.join(RULES)}")
    found = [one for one in registered() if domain in (None, one.domain)]
    if wanted is None:
        return found
    unknown = wanted - {rule for one in found for rule in one.rules}
    if unknown:
        raise ValueError(f"no checks for {', '.join(sorted(unknown))}")
    return [one for one in found if wanted.intersection(one.rules)]
