"""Lists of spans by every filter, alone, in pairs and in any combination, against a model (O17 to O27, G2 to G7)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from mastra_store import Span, TraceFilter
from mastra_store.conformance.expect import equal

from .conftest import Opened
from .drawing import FIELDS, FILTERS, ORDERS, PAGING, SETS, VALUES
from .model import SpanModel

LISTS = ("list_traces", "list_traces_light", "list_branches")
CALM = settings(
    deadline=None,
    derandomize="CI" in os.environ,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
ALL_VALUES = st.fixed_dictionaries(dict(VALUES))
"""A value for every field at once."""


def stored(opened: Opened, spans: Sequence[Span]) -> SpanModel:
    """A model and a storage with these spans and no others."""
    model = SpanModel()
    model.batch_create_spans(records=spans)

    async def replace_all() -> None:
        await opened.storage.dangerously_clear_all()
        await opened.storage.batch_create_spans(records=spans)

    opened.run(replace_all())
    return model


def compare(opened: Opened, model: SpanModel, filters: dict[str, Any], lists: Sequence[str], **paging: Any) -> None:
    """The lists of the storage hold the same rows as the model's, and say the same of them."""
    for method in lists:
        if method != "list_branches" or "has_child_error" not in filters:
            page = opened.run(getattr(opened.storage, method)(filters=filters, **paging))
            expected = getattr(model, method)(filters=filters, **paging)
            equal(timeless(asdict(page)), timeless(expected), f"{method}, {filters}, {paging}")


def timeless(page: dict[str, Any]) -> dict[str, Any]:
    """A page with its spans as mappings, without the times of writing."""
    rows = "branches" if "branches" in page else "spans"
    spans = [span if isinstance(span, dict) else asdict(span) for span in page[rows]]
    return {
        **page,
        rows: [{name: value for name, value in span.items() if name[-3:] != "_at" or name in KEPT} for span in spans],
    }


KEPT = ("started_at", "ended_at")


@settings(CALM, max_examples=20)
@given(spans=SETS, values=ALL_VALUES)
def test_each_field_alone(opened: Opened, spans: list[Span], values: dict[str, Any]) -> None:
    model = stored(opened, spans)
    assert values.keys() == set(TraceFilter.__struct_fields__)
    compare(opened, model, {}, LISTS)
    for name, value in values.items():
        compare(opened, model, {name: value}, LISTS, per_page=None)


PAIRS = list(combinations(FIELDS, 2))


@settings(CALM, max_examples=8)
@given(spans=SETS, values=ALL_VALUES, turn=st.integers(0, 2))
def test_each_pair_of_fields(opened: Opened, spans: list[Span], values: dict[str, Any], turn: int) -> None:
    """Every pair by one of the lists; which one takes turns."""
    model = stored(opened, spans)
    for number, pair in enumerate(PAIRS, turn):
        filters = {name: values[name] for name in pair}
        compare(opened, model, filters, [LISTS[number % 3]], order_by="ended_at", per_page=4)


@settings(CALM, max_examples=80)
@given(
    spans=SETS,
    filters=FILTERS,
    paging=PAGING,
    order_by=ORDERS,
)
@example(spans=[], filters={}, paging=(0, 10), order_by="-started_at")
def test_any_combination(
    opened: Opened, spans: list[Span], filters: dict[str, Any], paging: tuple[int, int | None], order_by: str
) -> None:
    model = stored(opened, spans)
    page, per_page = paging
    for some in ({}, filters):
        compare(opened, model, some, LISTS, page=page, per_page=per_page, order_by=order_by)


def test_the_comparison_can_fail(opened: Opened) -> None:
    """Rows that the model does not expect are noticed."""
    from mastra_store.conformance.expect import CheckFailedError
    from mastra_store.conformance.scenes import at

    span = Span(trace_id="t", span_id="s", name="s", span_type="agent_run", started_at=at(1), user_id="x")
    model = stored(opened, [span])
    model.rows["t", "s"].user_id = "y"
    try:
        compare(opened, model, {"user_id": "x"}, LISTS)
    except CheckFailedError:
        return
    raise AssertionError("should have been noticed")
