"""Random sequences of calls: a storage and the model must answer every one of them alike (O1 to O27)."""

from __future__ import annotations

import os
import time
from bisect import bisect_right
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from mastra_store import Span, SpanUpdate, instants
from mastra_store.conformance.expect import CheckFailedError, equal

from .conftest import Opened
from .drawing import FILTERS, OBJECTS, ORDERS, PAGING, PAYLOADS, SCALARS, SPAN_IDS, SPANS, TRACES, TYPES, WORDS, moments
from .model import Ids, SpanModel

IDS = st.tuples(st.sampled_from([*TRACES * 3, "absent"]), st.sampled_from([*SPAN_IDS * 3, "absent"]))
PAYLOAD = st.sampled_from(PAYLOADS)
NEW: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from(["new", "newer"]),
    "span_type": st.sampled_from(TYPES),
    "is_event": st.booleans(),
    "started_at": moments(),
    "ended_at": moments(optional=True),
    "parent_span_id": st.sampled_from([None, *SPAN_IDS]),
    "organization_id": st.sampled_from(WORDS),
    "user_id": st.sampled_from(WORDS),
    "metadata": OBJECTS,
    "attributes": OBJECTS,
    "tags": st.none() | st.lists(st.sampled_from("ab"), max_size=2),
    "links": st.none() | st.lists(PAYLOAD, max_size=2),
    "input": PAYLOAD,
    "output": PAYLOAD,
    "error": st.sampled_from([None, None, *SCALARS]),
}
UPDATES = st.lists(st.sampled_from(list(NEW)), min_size=1, max_size=4, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: NEW[name] for name in names})
)
CHANGES = st.builds(lambda ids, updates: SpanUpdate(trace_id=ids[0], span_id=ids[1], updates=updates), IDS, UPDATES)
DEPTHS = st.sampled_from([None, None, 0, 1, 2, 9])
LISTING: dict[str, Any] = {"filters": st.none() | FILTERS, "paging": PAGING, "order_by": ORDERS}


class SpanMachine(RuleBasedStateMachine):
    """Calls the storage and the model in turn and compares what they return."""

    opened: ClassVar[Opened]
    model_class: ClassVar[type[SpanModel]] = SpanModel

    def __init__(self) -> None:
        super().__init__()
        self.starts: list[datetime] = []
        self.model = self.model_class(lambda: f"call {len(self.starts)}")
        self.opened.run(self.opened.storage.dangerously_clear_all())

    def teardown(self) -> None:
        """Everything that is stored at the end."""
        for trace_id in TRACES:
            self.both("get_trace", trace_id=trace_id)

    # -- comparing ---------------------------------------------------------------------------------------------------

    def both(self, method: str, **arguments: Any) -> None:
        self.tick()
        found = self.opened.run(getattr(self.opened.storage, method)(**arguments))
        expected = getattr(self.model, method)(**arguments)
        equal(self.plain(found), expected, f"{method}({arguments})")

    def tick(self) -> None:
        """Wait until the next millisecond, so that a time tells which call it was written by."""
        called = instants.now()
        while instants.now() == called:
            time.sleep(0.0002)
        self.starts.append(instants.now())

    def plain(self, value: Any) -> Any:
        """Records as mappings, the times of calls as the numbers of these calls."""
        if isinstance(value, msgspec.Struct):
            return {name: self.plain(getattr(value, name)) for name in value.__struct_fields__}
        if isinstance(value, Mapping):
            return {key: self.plain(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.plain(item) for item in value]
        if isinstance(value, datetime) and value >= self.starts[0]:
            return f"call {bisect_right(self.starts, value)}"
        return value

    # -- writing -----------------------------------------------------------------------------------------------------

    @initialize(spans=st.lists(SPANS, min_size=6, max_size=14))
    def populate(self, spans: list[Span]) -> None:
        """Some traces, so that most calls have something to work on."""
        self.both("batch_create_spans", records=spans)

    @rule(span=SPANS)
    def create(self, span: Span) -> None:
        self.both("create_span", span=span)

    @rule(spans=st.lists(SPANS, max_size=6))
    def create_many(self, spans: list[Span]) -> None:
        self.both("batch_create_spans", records=spans)

    @rule(ids=IDS, updates=UPDATES)
    def update(self, ids: Ids, updates: dict[str, Any]) -> None:
        self.both("update_span", trace_id=ids[0], span_id=ids[1], updates=updates)

    @rule(changes=st.lists(CHANGES, max_size=6))
    def update_many(self, changes: list[SpanUpdate]) -> None:
        self.both("batch_update_spans", records=changes)

    @rule(
        traces=st.lists(st.sampled_from([*TRACES, "absent"]), max_size=2),
        organization=st.sampled_from([None, "x", "X", "x "]),
        resource=st.sampled_from([None, None, "x", "X"]),
    )
    def delete(self, traces: list[str], organization: str | None, resource: str | None) -> None:
        self.both("batch_delete_traces", trace_ids=traces, organization_id=organization, resource_id=resource)

    # -- reading -----------------------------------------------------------------------------------------------------

    @rule(ids=IDS)
    def get_span(self, ids: Ids) -> None:
        self.both("get_span", trace_id=ids[0], span_id=ids[1])

    @rule(ids=IDS, more=st.lists(st.sampled_from(SPAN_IDS), max_size=5))
    def get_spans(self, ids: Ids, more: list[str]) -> None:
        self.both("get_spans", trace_id=ids[0], span_ids=[ids[1], *more])

    @rule(trace_id=st.sampled_from([*TRACES, "absent"]))
    def get_whole_trace(self, trace_id: str) -> None:
        for method in ("get_root_span", "get_trace", "get_structure"):
            self.both(method, trace_id=trace_id)

    @rule(ids=IDS, depth=DEPTHS)
    def get_branch(self, ids: Ids, depth: int | None) -> None:
        self.both("get_branch", trace_id=ids[0], span_id=ids[1], depth=depth)

    @rule(method=st.sampled_from(["list_traces", "list_traces_light", "list_branches"]), **LISTING)
    def listed(self, method: str, filters: dict[str, Any] | None, paging: Any, order_by: str) -> None:
        page, per_page = paging
        if method == "list_branches" and filters:
            filters = {name: value for name, value in filters.items() if name != "has_child_error"}
        self.both(method, filters=filters, page=page, per_page=per_page, order_by=order_by)


SETTINGS = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    derandomize="CI" in os.environ,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes; the last steps tell enough
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def machine(opened: Opened, model_class: type[SpanModel] = SpanModel) -> type[SpanMachine]:
    """The machine over an open storage."""
    return type("Machine", (SpanMachine,), {"opened": opened, "model_class": model_class})


def test_machine(opened: Opened) -> None:
    few = settings(SETTINGS, max_examples=10 if "PG" in type(opened.storage).__name__ else 40)
    run_state_machine_as_test(machine(opened), settings=few)


class MergesMetadata(SpanModel):
    """Keeps what was in an object that is updated (against O7)."""

    def batch_update_spans(self, *, records: Any) -> None:
        merged = []
        for record in records:
            old = self.rows.get((record.trace_id, record.span_id))
            updates = dict(record.updates)
            if old and old.metadata and updates.get("metadata"):
                updates["metadata"] = {**old.metadata, **updates["metadata"]}
            merged.append(msgspec.structs.replace(record, updates=updates))
        super().batch_update_spans(records=merged)


class StartsAfresh(SpanModel):
    """Lets a span that is created again begin anew (against O1)."""

    def batch_create_spans(self, *, records: Any) -> None:
        for span in records:
            self.rows.pop((span.trace_id, span.span_id), None)
        super().batch_create_spans(records=records)


class AsksAnySpan(SpanModel):
    """Deletes a trace when any span of it belongs to the owner (against O10)."""

    def batch_delete_traces(
        self, *, trace_ids: Any, organization_id: str | None = None, resource_id: str | None = None
    ) -> None:
        owned = {
            span.trace_id
            for span in self.rows.values()
            if organization_id in (None, span.organization_id) and resource_id in (None, span.resource_id)
        }
        super().batch_delete_traces(trace_ids=sorted(owned & set(trace_ids)))


@pytest.mark.parametrize("opened", ["sqlite"], indirect=True)
@pytest.mark.parametrize("mistaken", [MergesMetadata, StartsAfresh, AsksAnySpan])
def test_the_machine_can_fail(opened: Opened, mistaken: type[SpanModel]) -> None:
    quick = settings(SETTINGS, derandomize=True, phases=[Phase.generate], max_examples=200)
    with pytest.raises(CheckFailedError):
        run_state_machine_as_test(machine(opened, mistaken), settings=quick)
