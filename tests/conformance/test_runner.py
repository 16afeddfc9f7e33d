"""The runner, the report and the command: every way a check can end is told apart, and nothing passes in silence."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from mastra_store.conformance import (
    CAPABILITIES,
    RULES,
    UNSEEN,
    CheckFailedError,
    Harness,
    NotCheckedError,
    Report,
    Result,
    State,
    all_checks,
    examine,
    run,
    run_check,
)
from mastra_store.conformance.__main__ import main
from mastra_store.conformance.expect import equal, raises, same
from mastra_store.conformance.harness import domains_of, storage_of
from mastra_store.conformance.pytest_support import check_params, run_as_test
from mastra_store.conformance.registry import Check, check
from mastra_store.domains import DomainStorage, MemoryStorage
from mastra_store.errors import NotFoundError, UnsupportedOperationError, ValidationError

from .reference import InMemoryMemory
from .reference_scores import InMemoryScores


def made(function: Any, *needs: str, empty: bool = False) -> Check:
    """A check that is in no catalogue."""
    name = function.__name__
    return Check(name=name, domain="memory", rules=("M1",), needs=frozenset(needs), empty=empty, function=function)


async def fine(memory: MemoryStorage) -> None:
    """Expects nothing."""


async def wrong(memory: MemoryStorage) -> None:
    equal({"a": 1, "b": 2}, {"a": True, "b": 2})


async def unsupported(memory: MemoryStorage) -> None:
    raise UnsupportedOperationError("not here")


async def refused(memory: MemoryStorage) -> None:
    raise ValidationError("not like this", operation="SAVE_THREAD")


async def broken(memory: MemoryStorage) -> None:
    raise KeyError("a mistake")


async def endless(memory: MemoryStorage) -> None:
    await asyncio.sleep(60)


async def impatient(memory: MemoryStorage) -> None:
    raise TimeoutError("the storage's own")


@pytest.mark.parametrize(
    ("function", "state", "message"),
    [
        (fine, State.PASSED, ""),
        (wrong, State.FAILED, "'a': got 1, expected True"),
        (unsupported, State.UNSUPPORTED, "not here"),
        (refused, State.FAILED, "ValidationError SAVE_THREAD_INVALID_ARGUMENT: not like this"),
        (broken, State.ERROR, "KeyError: 'a mistake'"),
        (endless, State.FAILED, "not finished after 0.01 seconds"),
        (impatient, State.ERROR, "TimeoutError: the storage's own"),
    ],
)
@pytest.mark.asyncio
async def test_states(function: Any, state: State, message: str) -> None:
    result = await examine(made(function), InMemoryMemory(), deadline=0.01)
    assert (result.state, result.message) == (state, message)


@pytest.mark.asyncio
async def test_cancellation_is_no_result() -> None:
    task = asyncio.create_task(examine(made(endless), InMemoryMemory()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.asyncio
async def test_missing_capabilities_are_unsupported_and_missing_means_not_checked() -> None:
    storage = InMemoryMemory()
    poor = Harness(name="poor", open=InMemoryMemory, capabilities=frozenset())
    lacking = await examine(made(fine, "transactions"), storage, poor)
    assert (lacking.state, lacking.message[:18]) == (State.UNSUPPORTED, "lacks transactions")
    blind = await examine(made(fine, "raw_rows"), storage, poor)
    assert (blind.state, blind.message[:14]) == (State.NOT_CHECKED, "needs raw_rows")
    assert (await examine(made(fine, *CAPABILITIES), storage)).state is State.PASSED
    with pytest.raises(NotCheckedError):
        await run_check(made(fine, "second_connection"), storage)


@pytest.mark.asyncio
async def test_checks_that_need_an_empty_domain_get_one() -> None:
    storage = InMemoryMemory()
    await storage.update_resource(resource_id="left over")
    await run_check(made(fine), storage)
    assert storage.resources
    await run_check(made(fine, empty=True), storage)
    assert not storage.resources


@pytest.mark.asyncio
async def test_a_run_counts_and_names_what_it_did_not_check() -> None:
    report = await run(Harness(name="alone", open=InMemoryMemory), ["M32b", "M14"])
    assert report.counts == {"passed": 3, "failed": 0, "unsupported": 0, "not checked": 3, "error": 0}
    assert report.exit_code == 0
    assert "not checked" in report.to_text()
    assert report.to_text().endswith("alone: 6 checks: 3 passed, 3 not checked")
    data = json.loads(report.to_json())
    assert data["counts"] == report.counts
    assert {result["state"] for result in data["results"]} == {"passed", "not checked"}
    assert data["unchecked_rules"] == []


def test_a_complete_report_names_unchecked_rules() -> None:
    results = [Result(one, State.PASSED, 0.0) for one in all_checks("memory") if "M32b" not in one.rules]
    report = Report("most", results)
    assert report.unchecked_rules() == ["M32b"]
    assert report.to_text().splitlines()[-1] == "rules not checked: M32b"
    assert report.to_dict()["unseen_parts"] == UNSEEN["memory"]
    assert {result["domain"] for result in report.to_dict()["results"]} == {"memory"}


def test_rules_of_one_domain_do_not_count_for_another() -> None:
    results = [Result(one, State.PASSED, 0.0) for one in all_checks("scores")]
    results += [Result(one, State.UNSUPPORTED, 0.0) for one in all_checks("workflows", ["G1"])]
    assert Report("both", results).unchecked_rules() == list(RULES["workflows"])


def test_a_report_of_nothing_is_no_success() -> None:
    assert Report("nothing", []).exit_code == 1
    one = all_checks("memory", ["M14"])[0]
    assert [Report("one", [Result(one, state, 0.0)]).exit_code for state in State] == [0, 1, 0, 0, 1]


def test_a_report_on_a_terminal_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    result = Result(all_checks("memory", ["M14"])[0], State.FAILED, 0.0, "[red]why[/red]")
    Report("terminal", [result]).write(stream)
    assert "M14" in stream.getvalue()
    assert "[red]why" in stream.getvalue()


@pytest.mark.parametrize("domain", RULES)
def test_every_rule_has_a_check(domain: str) -> None:
    checks = all_checks(domain)
    assert {rule for one in checks for rule in one.rules} == set(RULES[domain])
    assert set(UNSEEN[domain]) <= set(RULES[domain])
    assert len({str(one) for one in checks}) == len(checks)
    assert [str(one) for one in checks if not one.title.endswith(".")] == []


def test_checks_are_chosen_by_rule() -> None:
    assert "M17-upsert_keeps_created_at" in map(str, all_checks(rules=["M17"]))
    assert all("M17" in one.rules for one in all_checks("memory", ["M17"]))
    with pytest.raises(ValueError, match="M99"):
        all_checks("memory", ["M17", "M99"])
    with pytest.raises(ValueError, match="weather"):
        all_checks("weather")


def test_a_check_needs_a_rule_and_a_name_of_its_own() -> None:
    with pytest.raises(ValueError, match="rule"):
        check()(fine)

    async def check_saving_nothing(memory: MemoryStorage) -> None:
        """Another one of that name."""

    with pytest.raises(ValueError, match="saving_nothing"):
        check("M14")(check_saving_nothing)

    async def check_weather(storage: DomainStorage) -> None:
        """A new one."""

    for rules, domains in (
        (["M14"], "scores"),
        (["G1", "M14"], "scores"),
        (["W1", "G1", "M1"], ("workflows", "scores")),
    ):
        with pytest.raises(ValueError, match=r"no rules of|needs a rule"):
            check(*rules, domain=domains)(check_weather)
    assert "weather" not in {one.name for one in all_checks()}


def test_a_check_of_several_domains_has_the_rules_of_each() -> None:
    found = {one.domain: one.rules for one in all_checks() if one.name == "pages_hold_their_rows"}
    assert {domain: found[domain] for domain in ("memory", "workflows", "scores")} == {
        "memory": ("G2", "M10", "M32"),
        "workflows": ("G2", "W9"),
        "scores": ("G2", "S7"),
    }


def test_harnesses_know_their_capabilities() -> None:
    with pytest.raises(ValueError, match="flying"):
        Harness(name="wrong", open=InMemoryMemory, capabilities=frozenset({"flying"}))
    secret = Harness(name="secret", open=InMemoryMemory, url="postgres://user:hunter2@host/db")
    assert "hunter2" not in repr(secret)
    assert secret.means == {"cross_process"}


@pytest.mark.asyncio
async def test_a_storage_of_another_domain_is_refused() -> None:
    with pytest.raises(LookupError, match="scores"):
        await storage_of(InMemoryMemory(), "scores")


@pytest.mark.asyncio
async def test_as_a_test_nothing_passes_in_silence() -> None:
    storage = InMemoryMemory()
    with pytest.raises(UnsupportedOperationError):
        await run_as_test(made(unsupported), storage)
    with pytest.raises(pytest.skip.Exception, match="not here"):
        await run_as_test(made(unsupported), storage, may_be_unsupported=True)
    with pytest.raises(pytest.skip.Exception, match="raw_rows"):
        await run_as_test(made(fine, "raw_rows"), storage)
    with pytest.raises(CheckFailedError):
        await run_as_test(made(wrong), storage)


def test_known_failures_must_exist() -> None:
    params = check_params("memory", ["M14"], known_failures={"saving_nothing": "because"})
    assert [mark.name for mark in params[0].marks] == ["xfail"]
    with pytest.raises(ValueError, match="no_such_check"):
        check_params("memory", known_failures={"no_such_check": "because"})


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, True),
        (0, False),
        (None, False),
        (1, "1"),
        ([1], (1,)),
        ({"a": [1]}, {"a": [True]}),
        ({"a": None}, {}),
        (1, 2),
    ],
)
def test_what_is_not_the_same(left: Any, right: Any) -> None:
    assert not same(left, right)
    assert not same(right, left)
    with pytest.raises(CheckFailedError):
        equal(left, right)


@pytest.mark.asyncio
async def test_errors_are_expected_by_kind_code_and_text() -> None:
    async def failing() -> None:
        raise NotFoundError("thread 't' not found", operation="UPDATE_THREAD")

    await raises(NotFoundError, "UPDATE_THREAD_NOT_FOUND", failing(), says="'t'")
    for kind, code, says in (
        (NotFoundError, "OTHER", ""),
        (NotFoundError, "UPDATE_THREAD_NOT_FOUND", "'u'"),
        (ValidationError, "UPDATE_THREAD_NOT_FOUND", ""),
    ):
        with pytest.raises(CheckFailedError):
            await raises(kind, code, failing(), says=says)  # type: ignore[type-var]
    with pytest.raises(CheckFailedError):
        await raises(NotFoundError, "X", asyncio.sleep(0))


def test_the_command_refuses_a_database_that_may_hold_something(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "precious.db"
    assert main(["--url", f"sqlite:///{path}", "--rule", "M14"]) == 2
    assert "CLEARS" in capsys.readouterr().err
    assert not path.exists()


def test_the_command_runs_in_memory_without_asking(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rule", "M14", "--rule", "M46"]) == 0
    assert "passed" in capsys.readouterr().out


def test_the_command_takes_yes_and_writes_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/mastra.db"
    assert main(["--url", url, "--rule", "M32b", "--yes", "--json"]) == 0
    (report,) = json.loads(capsys.readouterr().out)
    assert report["counts"]["not checked"] == 0


def test_the_command_reports_every_domain_that_is_provided(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rule", "G14", "--json"]) == 0
    reports = json.loads(capsys.readouterr().out)
    assert [report["name"] for report in reports] == [f"sqlite {domain}" for domain in RULES]
    assert {(result["domain"], *result["rules"]) for report in reports for result in report["results"]} >= {
        (domain, "G14") for domain in RULES
    }
    assert main(["--rule", "G14", "--rule", "W12"]) == 0
    out = capsys.readouterr().out
    assert [f"sqlite {domain}: " in out for domain in RULES] == [True] * len(RULES)
    assert "updates_are_promised_or_refused" in out


def test_the_command_runs_one_domain(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--domain", "scores", "--rule", "S6"]) == 0
    assert capsys.readouterr().out.count("checks: ") == 1


class OnlyMemory:
    """A Store that provides one domain."""

    async def get_store(self, name: str) -> DomainStorage | None:
        return InMemoryMemory() if name == "memory" else None


@pytest.mark.asyncio
async def test_domains_that_are_not_provided_are_left_out() -> None:
    assert await domains_of(OnlyMemory(), RULES) == ["memory"]
    assert await domains_of(InMemoryScores(), RULES) == ["scores"]
    assert await domains_of(OnlyMemory(), ["scores"]) == []


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--rule", "M99"], "M99"),
        (["--domain", "scores", "--rule", "M14"], "M14"),
        (["--url", "nosuch://somewhere", "--yes"], "nosuch"),
        (["--url", "postgres://u:hunter2@127.0.0.1:1/db", "--yes", "--rule", "M14"], "127.0.0.1"),
    ],
)
def test_the_command_says_why_it_cannot_run(argv: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    error = capsys.readouterr().err
    assert says in error
    assert "hunter2" not in error


def test_the_command_lists_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list", "--rule", "M17"]) == 0
    assert "memory: M17-upsert_keeps_created_at: A stored message keeps its created_at" in capsys.readouterr().out


def test_the_module_can_be_run() -> None:
    command = [sys.executable, "-O", "-m", "mastra_store.conformance", "--rule", "M14"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "passed" in done.stdout
