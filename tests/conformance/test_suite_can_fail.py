"""Proof that the suite can fail: a correct storage passes every check, each mistake is caught by the rule it breaks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mastra_store.conformance import Check, CheckFailedError, Harness, State, all_checks, run, run_check
from mastra_store.conformance.pytest_support import run_as_test
from mastra_store.domains import DomainStorage

from . import broken_messages, broken_scores, broken_threads, broken_workflow_lists, broken_workflows  # noqa: F401
from .broken import BROKEN
from .mutations import MUTATIONS, Mutation
from .mutations_elsewhere import MORE_MUTATIONS
from .reference import InMemoryMemory
from .reference_scores import InMemoryScores
from .reference_workflows import InMemoryWorkflows

REFERENCES: dict[str, Any] = {
    "memory": InMemoryMemory,
    "workflows": InMemoryWorkflows,
    "scores": InMemoryScores,
}
CHECKS = [one for domain in REFERENCES for one in all_checks(domain)]
MISTAKES = [pytest.param(*one, id=f"{one[0].domain}-{one[0].__name__}-{one[1]}") for one in BROKEN]
ALL_MUTATIONS = [*(("memory", one) for one in MUTATIONS), *MORE_MUTATIONS]


def reference_harness(storage: Any) -> Harness:
    return Harness(
        name=type(storage).__name__,
        open=lambda: storage,
        open_second=storage.twin,
        raw_writer=storage.write_raw,
        raw_json_may_be_broken=True,
    )


async def assert_caught(storage: DomainStorage, rule: str) -> None:
    report = await run(reference_harness(storage), [rule], domain=storage.domain, deadline=10)
    assert any(result.state is State.FAILED for result in report.bad), [result.message for result in report.bad]
    assert report.exit_code == 1


@pytest.mark.parametrize("check", [pytest.param(one, id=f"{one.domain}-{one}") for one in CHECKS])
@pytest.mark.asyncio
async def test_the_reference_passes(check: Check) -> None:
    storage = REFERENCES[check.domain]()
    if "cross_process" not in check.needs:
        await run_as_test(check, storage, reference_harness(storage))


@pytest.mark.parametrize(("broken", "rule"), MISTAKES)
@pytest.mark.asyncio
async def test_a_mistake_is_caught(broken: type[DomainStorage], rule: str) -> None:
    await assert_caught(broken(), rule)


@pytest.mark.parametrize(("domain", "mutation"), ALL_MUTATIONS, ids=str)
@pytest.mark.asyncio
async def test_a_careless_rule_is_caught(domain: str, mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutation.module, mutation.name, mutation.replacement)
    await assert_caught(REFERENCES[domain](), mutation.rule)


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        ("memory", "counting_across_processes"),
        ("workflows", "results_of_processes"),
        ("scores", "scores_of_processes"),
    ],
)
@pytest.mark.asyncio
async def test_what_other_processes_lose_is_noticed(domain: str, name: str, tmp_path: Path) -> None:
    """The processes work on another database, so that nothing of theirs arrives."""
    (check,) = (one for one in all_checks(domain, ["G16"]) if one.name == name)
    storage = REFERENCES[domain]()
    elsewhere = replace(reference_harness(storage), url=f"sqlite:///{tmp_path}/another.db")
    with pytest.raises(CheckFailedError):
        await run_check(check, storage, elsewhere)


class WithoutUpdates(InMemoryWorkflows):
    """Supports no updates of snapshots, and says so."""

    def supports_concurrent_updates(self) -> bool:
        return False


@pytest.mark.asyncio
async def test_a_storage_may_lack_updates() -> None:
    report = await run(reference_harness(WithoutUpdates()), domain="workflows")
    assert report.bad == []
    assert report.counts["unsupported"] > 30
    states = {result.check.name: result.state for result in report.results}
    assert states["updates_are_promised_or_refused"] is State.PASSED
    assert states["results_bump"] is State.UNSUPPORTED


@pytest.mark.parametrize("domain", dict.fromkeys(storage.domain for storage, _ in BROKEN))
def test_the_mistakes_touch_most_rules(domain: str) -> None:
    broken = {rule for storage, rule in BROKEN if storage.domain == domain}
    broken |= {mutation.rule for of, mutation in ALL_MUTATIONS if of == domain}
    known = {rule for check in all_checks(domain) for rule in check.rules}
    assert broken <= known
    assert len(known - broken) <= 8, sorted(known - broken)
