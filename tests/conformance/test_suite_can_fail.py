"""Proof that the suite can fail: a correct storage passes every check, each mistake is caught by the rule it breaks."""

from dataclasses import replace
from pathlib import Path

import pytest

from mastra_store.conformance import Check, CheckFailedError, Harness, State, all_checks, run, run_check
from mastra_store.conformance.pytest_support import check_params, run_as_test

from . import broken_messages, broken_threads  # noqa: F401 - importing them adds to BROKEN
from .broken import BROKEN
from .mutations import MUTATIONS, Mutation
from .reference import InMemoryMemory


def reference_harness(storage: InMemoryMemory) -> Harness:
    return Harness(
        name=type(storage).__name__,
        open=lambda: storage,
        open_second=storage.twin,
        raw_message_writer=storage.write_raw,
    )


@pytest.mark.parametrize("check", check_params("memory"))
@pytest.mark.asyncio
async def test_the_reference_passes(check: Check) -> None:
    storage = InMemoryMemory()
    if "cross_process" not in check.needs:
        await run_as_test(check, storage, reference_harness(storage))


@pytest.mark.parametrize(("broken", "rule"), [pytest.param(*one, id=f"{one[0].__name__}-{one[1]}") for one in BROKEN])
@pytest.mark.asyncio
async def test_a_mistake_is_caught(broken: type[InMemoryMemory], rule: str) -> None:
    report = await run(reference_harness(broken()), [rule], deadline=10)
    assert any(result.state is State.FAILED for result in report.bad), [result.message for result in report.bad]
    assert report.exit_code == 1


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
@pytest.mark.asyncio
async def test_a_careless_rule_is_caught(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutation.module, mutation.name, mutation.replacement)
    report = await run(reference_harness(InMemoryMemory()), [mutation.rule], deadline=10)
    assert any(result.state is State.FAILED for result in report.bad), [result.message for result in report.bad]


@pytest.mark.asyncio
async def test_lost_increments_of_other_processes_are_noticed(tmp_path: Path) -> None:
    (check,) = (one for one in all_checks("memory", ["G16"]) if one.name == "counting_across_processes")
    elsewhere = replace(reference_harness(InMemoryMemory()), url=f"sqlite:///{tmp_path}/another.db")
    with pytest.raises(CheckFailedError, match="count"):
        await run_check(check, InMemoryMemory(), elsewhere)


def test_the_mistakes_touch_most_rules() -> None:
    broken = {rule for _, rule in BROKEN} | {mutation.rule for mutation in MUTATIONS}
    known = {rule for check in all_checks("memory") for rule in check.rules}
    assert broken <= known
    assert len(known - broken) <= 8, sorted(known - broken)
