"""Random sequences of calls about scores: SQLite and the in-memory reference must answer every one of them alike."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from mastra_store.records import Score

from .broken_scores import DecodesTwice, ForgetsEntityTypes, KeepsCreatedAt, MergesFields, SharesWhatNobodyOwns
from .machine import PAGING, SETTINGS, VALUES, TwinMachine, assert_can_fail
from .reference_scores import InMemoryScores

IDS = st.sampled_from(["a", "A", "b", "é", "😀", "ｅ", "%"])
NAMES = st.sampled_from(["x", "x", "X", "y'"])
MAYBE = st.none() | NAMES
JSON = VALUES | st.sampled_from(["[1]", '{"a":1}', '"q"', "7", "_null_"])
OBJECTS = st.dictionaries(st.sampled_from(["k", "j"]), JSON, max_size=2)
TYPES = st.sampled_from([None, "AGENT", "AGENT", "tool_call"])
SOURCES = st.sampled_from(["LIVE", "TEST"])
SCORES = st.builds(
    Score,
    id=IDS,
    scorer_id=NAMES,
    entity_id=NAMES,
    run_id=NAMES,
    scorer=OBJECTS,
    entity=OBJECTS,
    source=st.sampled_from(["LIVE"] * 5 + ["TEST"] * 5 + ["live"]),
    score=st.sampled_from([0, 1, 0.1, 1 / 3, -1e300, 5e-324]),
    output=JSON,
    input=JSON,
    entity_type=TYPES,
    trace_id=MAYBE,
    span_id=MAYBE,
    reason=st.sampled_from([None, "", "because"]),
    metadata=st.none() | OBJECTS,
    extract_step_result=st.none() | OBJECTS,
    organization_id=MAYBE,
    project_id=MAYBE,
)
TENANTS = st.fixed_dictionaries({}, optional={"organization_id": NAMES, "project_id": NAMES})
FILTERS = st.fixed_dictionaries({}, optional={"entity_id": NAMES, "entity_type": TYPES, "source": SOURCES})


class ScoreMachine(TwinMachine):
    """A few scores, saved again and again."""

    reference_class = InMemoryScores

    def compare_all(self) -> None:
        for name in ("x", "X", "y'"):
            self.both("list_scores_by_run_id", run_id=name, per_page=None)

    @rule(score=SCORES)
    def save(self, score: Score) -> None:
        self.both("save_score", score=score)

    @rule(id=IDS)
    def get(self, id: str) -> None:
        self.both("get_score_by_id", id=id)

    @rule(name=NAMES, filters=FILTERS, tenant=TENANTS, paging=PAGING)
    def by_scorer(self, name: str, filters: Any, tenant: Any, paging: Any) -> None:
        self.listed("list_scores_by_scorer_id", {"scorer_id": name, **filters}, tenant, paging)

    @rule(name=NAMES, tenant=TENANTS, paging=PAGING)
    def by_run(self, name: str, tenant: Any, paging: Any) -> None:
        self.listed("list_scores_by_run_id", {"run_id": name}, tenant, paging)

    @rule(name=NAMES, type=st.sampled_from(["AGENT", "tool_call"]), tenant=TENANTS, paging=PAGING)
    def by_entity(self, name: str, type: str, tenant: Any, paging: Any) -> None:
        self.listed("list_scores_by_entity_id", {"entity_id": name, "entity_type": type}, tenant, paging)

    @rule(trace=NAMES, span=NAMES, tenant=TENANTS, paging=PAGING)
    def by_span(self, trace: str, span: str, tenant: Any, paging: Any) -> None:
        self.listed("list_scores_by_span", {"trace_id": trace, "span_id": span}, tenant, paging)

    def listed(self, method: str, keys: dict[str, Any], tenant: dict[str, Any], paging: Any) -> None:
        page, per_page = paging
        self.both(method, **keys, **tenant, page=page, per_page=per_page)


TestScoreMachine = ScoreMachine.TestCase
TestScoreMachine.settings = SETTINGS


@pytest.mark.parametrize(
    "broken", [DecodesTwice, ForgetsEntityTypes, KeepsCreatedAt, MergesFields, SharesWhatNobodyOwns]
)
def test_the_machine_can_fail(broken: type[InMemoryScores]) -> None:
    assert_can_fail(ScoreMachine, broken)
