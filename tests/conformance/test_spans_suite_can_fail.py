"""Proof that the checks of spans can fail: the reference passes all, each mistake is caught by the rule it breaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from mastra_store.conformance import Check, Harness, State, all_checks, run
from mastra_store.conformance.pytest_support import check_params, run_as_test
from mastra_store.conformance.scenes import BASE
from mastra_store.domains import observability, span_preview, span_rules
from mastra_store.domains.checks import Order
from mastra_store.domains.span_plans import SpanChange, SpanRow
from mastra_store.errors import ValidationError
from mastra_store.payload import freeze
from mastra_store.records import Span

from . import broken_span_lists  # noqa: F401 - importing it adds to BROKEN_SPANS
from .broken_spans import BROKEN_SPANS
from .mutations import careless_freeze, guessed_range
from .reference_spans import InMemorySpans


def spans_harness(storage: InMemorySpans) -> Harness:
    return Harness(
        name=type(storage).__name__,
        open=lambda: storage,
        open_second=storage.twin,
        raw_writer=storage.write_raw,
    )


@pytest.mark.parametrize("check", check_params("observability"))
@pytest.mark.asyncio
async def test_the_reference_passes(check: Check) -> None:
    storage = InMemorySpans()
    await run_as_test(check, storage, spans_harness(storage))


@pytest.mark.parametrize(
    ("broken", "rule"), [pytest.param(*one, id=f"{one[0].__name__}-{one[1]}") for one in BROKEN_SPANS]
)
@pytest.mark.asyncio
async def test_a_mistake_is_caught(broken: type[InMemorySpans], rule: str) -> None:
    await fails(broken(), rule)


async def fails(storage: InMemorySpans, rule: str) -> None:
    report = await run(spans_harness(storage), [rule], domain="observability", deadline=20)
    assert any(result.state is State.FAILED for result in report.bad), [result.message for result in report.bad]
    assert report.exit_code == 1


class Mutation(NamedTuple):
    """Replace ``module.name`` by ``replacement``; checks of ``rule`` must fail."""

    rule: str
    module: Any
    name: str
    replacement: Callable[..., Any]
    note: str

    def __str__(self) -> str:
        return f"{self.rule}-{self.note.replace(' ', '_')}"


real_spans, real_branch, real_preview = span_rules.new_spans, span_rules.branch, span_preview.input_preview


def first_rows(spans: Any) -> list[SpanRow]:
    """Of several records for one span the first counts."""
    return real_spans(spans[::-1])


def mended_rows(spans: Any) -> list[SpanRow]:
    """Writes something else where a span is wrong."""
    try:
        return real_spans(spans)
    except ValidationError:
        return real_spans([Span(trace_id="t", span_id="s", name="?", span_type="generic", started_at=BASE)])


def last_change(changes: Any) -> list[SpanChange]:
    """Of several updates of one span the last counts."""
    return list({(change.trace_id, change.span_id): change for change in changes}.values())


def shorter_branch(links: Any, anchor: str, depth: int | None) -> list[str]:
    """One level less than asked for."""
    return real_branch(links, anchor, depth and depth - 1)


def as_list(value: Any) -> list[Any]:
    """Takes what is no list for none."""
    return list(value) if isinstance(value, (list, tuple)) else []


def text_preview(value: Any) -> Any:
    """Shows whatever is text."""
    return value[:100] if isinstance(value, str) else None


def shorter_preview(value: Any) -> Any:
    """Cuts after 99 characters."""
    found = real_preview(value)
    return f"{found[:99]}…" if found and len(found) > 99 else found


def unparsed_preview(value: Any) -> Any:
    """Does not look into text."""
    return value if isinstance(value, str) and value.strip() and len(value) < 100 else real_preview(value)


MUTATIONS = [
    Mutation("G1", observability, "check_page", lambda page, per_page: 0, "no check"),
    Mutation("G6", span_rules, "check_order", lambda order, _: Order("started_at", str(order)[:1] == "-"), "no check"),
    Mutation("G7", span_rules, "check_date_range", lambda value, field: guessed_range(value), "naive times"),
    Mutation("G8", span_rules, "freeze", careless_freeze, "no check"),
    Mutation("G10", span_rules, "freeze", careless_freeze, "no check"),
    Mutation("O3", span_rules, "freeze", lambda value, field: freeze(value or None, field), "falsy is null"),
    Mutation("G12", observability, "check_id", lambda value, field: str(value or "x"), "no check"),
    Mutation("G13", span_rules, "check_owner_filter", lambda value, field: value or None, "no filter"),
    Mutation("G13", observability, "check_owner_filter", lambda value, field: value or None, "no filter"),
    Mutation("O2", span_rules, "new_spans", first_rows, "first wins"),
    Mutation("O4", span_rules, "status_of", lambda span: "error" if span.error else "success", "no running"),
    Mutation("O6", span_rules, "new_spans", mended_rows, "no check"),
    Mutation("O9", span_rules, "folded", last_change, "last wins"),
    Mutation("O10", span_rules, "check_traces", list, "no check"),
    Mutation("O16", span_rules, "branch", shorter_branch, "a level less"),
    Mutation("O16", observability, "check_count", lambda value, field, least: value, "no check"),
    Mutation("O19", span_rules, "_check_status", lambda value: value, "no check"),
    Mutation("O23", span_rules, "check_metadata_filter", lambda value, field: dict(value or {}), "no check"),
    Mutation("G15", span_rules, "_check_tag_filter", lambda value: list(map(str, as_list(value))), "no check"),
    Mutation("O26", span_rules, "input_preview", text_preview, "text only"),
    Mutation("O26", span_rules, "input_preview", shorter_preview, "cut too early"),
    Mutation("O26", span_rules, "input_preview", unparsed_preview, "text as it is"),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=str)
@pytest.mark.asyncio
async def test_a_careless_rule_is_caught(mutation: Mutation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutation.module, mutation.name, mutation.replacement)
    await fails(InMemorySpans(), mutation.rule)


def test_the_mistakes_touch_every_rule() -> None:
    broken = {rule for _, rule in BROKEN_SPANS} | {mutation.rule for mutation in MUTATIONS}
    known = {rule for check in all_checks("observability") for rule in check.rules}
    assert broken <= known
    assert known - broken == set()
