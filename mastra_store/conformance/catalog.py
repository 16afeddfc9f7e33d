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
    common_times,
    memory_copies,
    memory_includes,
    memory_legacy,
    memory_lists,
    memory_messages,
    memory_resources,
    memory_threads,
    memory_updates,
    score_concurrency,
    score_errors,
    score_lists,
    score_records,
    score_rows,
    span_deleting,
    span_filters,
    span_lists,
    span_payloads,
    span_previews,
    span_reading,
    span_writing,
    workflow_concurrency,
    workflow_errors,
    workflow_lists,
    workflow_results,
    workflow_rows,
    workflow_runs,
    workflow_states,
    workflow_threads,
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
WORKFLOW_RULES = (
    *(f"W{number}" for number in range(1, 16)),
    "W15a",
    *(f"W{number}" for number in range(16, 25)),
)
SCORE_RULES = tuple(f"S{number}" for number in range(1, 14))
SPAN_RULES = tuple(f"O{number}" for number in range(1, 29))


def _common(*but: str) -> tuple[str, ...]:
    return tuple(rule for rule in COMMON_RULES if rule not in but)


RULES: dict[str, tuple[str, ...]] = {
    "memory": (*COMMON_RULES, *MEMORY_RULES),
    "workflows": (*_common("G6"), *WORKFLOW_RULES),  # the order of its list is fixed
    "scores": (*_common("G6", "G17"), *SCORE_RULES),  # that of its lists too; nothing can be updated or deleted
    "observability": (*COMMON_RULES, *SPAN_RULES),
}
"""The rules of each domain: the common ones that say something about it, and its own."""

_UNSEEN_ANYWHERE = {
    "G1": "that bad paging is refused before the database is touched; only the refusal is seen",
    "G10": "what a failure in the middle of writing leaves: the public methods cannot provoke one",
    "G14": "that other domains are untouched: only one domain is under test",
    "G15": "FAILED and its cause: the public methods cannot provoke a driver error",
}
UNSEEN: dict[str, dict[str, str]] = {
    "memory": {
        **_UNSEEN_ANYWHERE,
        "G5": "where records without the ordered field go: threads and messages always have theirs",
        "M20": "that a thread is bumped once and not twice, and that the bump comes last",
        "M38": "that a thread is bumped once and not twice",
        "M45": "that copy_thread moves no payload through the client",
    },
    "workflows": {
        **_UNSEEN_ANYWHERE,
        "G5": "where records without the ordered field go: runs always have theirs",
        "W21": "that an update of one run does not wait for that of another",
    },
    "scores": {
        **_UNSEEN_ANYWHERE,
        "G5": "where records without the ordered field go: scores always have theirs",
        "G7": "ranges: scores cannot be listed by time",
        "S12": "that deleting what a score is about leaves it: only one domain is under test",
    },
    "observability": dict(_UNSEEN_ANYWHERE),
}
"""By domain: parts of rules that a caller of the public methods cannot see."""


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
