"""G8: whatever JSON can hold comes back equal from snapshots, scores and spans, whichever way it went in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mastra_store import Span, Store, ValidationError
from mastra_store.instants import iso
from tests.resilience.domains import score, span, update

RUN: dict[str, Any] = {"workflow_name": "w", "run_id": "r"}
SCORE_OBJECTS = ("scorer", "entity", "metadata", "additional_context", "request_context", "preprocess_step_result",
                 "extract_step_result", "analyze_step_result")  # fmt: skip
SPAN_OBJECTS = ("scope", "attributes", "metadata", "request_context")
NASTY_KEYS = ["", "__proto__", "constructor", "$oid", "a.b", "a b", "é", "😀", "0", "null", '"', "\\u0041", "\x1a"]

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
numbers = st.one_of(
    st.integers(),
    st.sampled_from([0, 2**53 + 1, -(2**63), 2**64, 10**400, -(10**399) - 1]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([-0.0, 1e308, -1e308, 5e-324, 1e16, 1e21, 1e23, 1.5e300, 0.1, 2.0**70, 123456789012345680.0]),
)
words = text | st.sampled_from([*NASTY_KEYS, "1e23", "NaN", "[1]", '{"a":1}', "null", "true", "2024-01-01T00:00:00Z"])
moments = st.datetimes(
    datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.sampled_from([UTC, timezone(timedelta(hours=-7))])
)
scalars = st.none() | st.booleans() | numbers | words | moments
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(words, inner, max_size=3)
    ),
    max_leaves=12,
)
objects = st.dictionaries(words, values, max_size=4)


def plain(value: Any) -> Any:
    """What is to come back: tuples as lists, instants as text."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def same(found: Any, expected: Any) -> bool:
    """Equal, and of the same types: a number is no boolean, an integer no float (G8)."""
    if isinstance(expected, dict):
        return type(found) is dict and found.keys() == expected.keys() and all(
            same(found[key], value) for key, value in expected.items()
        )  # fmt: skip
    if isinstance(expected, list):
        return type(found) is list and len(found) == len(expected) and all(map(same, found, expected))
    return type(found) is type(expected) and bool(found == expected)


class Opened:
    """A Store on a loop of its own, for tests that are called many times."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.store = Store(id="app", default=url)
        self.runner.run(self.store.init())

    def close(self) -> None:
        """Close both."""
        self.runner.run(self.store.close())
        self.runner.close()


@pytest.fixture
def opened(database_url: str) -> Iterator[Opened]:
    found = Opened(database_url)
    yield found
    found.close()


few = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@few
@given(objects, values, objects)
def test_snapshots(opened: Opened, snapshot: dict[str, Any], value: Any, context: dict[str, Any]) -> None:
    """W4, W13, W16, W18: persisted, merged and replaced parts; load, get and list agree."""

    async def run() -> None:
        workflows = opened.store.workflows
        await workflows.persist_workflow_snapshot(**RUN, snapshot={**snapshot, "context": context, "value": value})
        expected = plain({**snapshot, "context": context, "value": value})
        assert same(await workflows.load_workflow_snapshot(**RUN), expected)
        result = await workflows.update_workflow_results(
            **RUN, step_id="step", result={"output": value}, request_context=context
        )
        known = expected.get("requestContext")
        expected["context"] |= {"step": {"output": plain(value)}}
        expected["requestContext"] = (known if isinstance(known, dict) else {}) | plain(context)
        assert same(result, expected["context"])
        assert same(await workflows.load_workflow_snapshot(**RUN), expected)
        state = await workflows.update_workflow_state(**RUN, state={"result": context, "active_paths": [value]})
        expected |= {"result": plain(context), "activePaths": [plain(value)]}
        assert same(state, expected)
        found = await workflows.get_workflow_run_by_id(run_id="r")
        (listed,) = (await workflows.list_workflow_runs()).runs
        assert found == listed
        assert same(listed.snapshot, expected)

    opened.runner.run(run())


@few
@given(objects, values, values)
def test_scores(opened: Opened, value: dict[str, Any], input: Any, output: Any) -> None:
    """S5: every payload field; what is returned is what is stored."""

    async def run() -> None:
        given = dict.fromkeys(SCORE_OBJECTS, value)
        saved = await opened.store.scores.save_score(score=score("a", input=input, output=output, **given))
        found = await opened.store.scores.get_score_by_id(id="a")
        (listed,) = (await opened.store.scores.list_scores_by_run_id(run_id="r")).scores
        assert found == saved == listed
        assert same([found.input, found.output], plain([input, output]))
        for name in SCORE_OBJECTS:
            assert same(getattr(found, name), plain(value)), name

    opened.runner.run(run())


@few
@given(objects, values, values, st.lists(words, max_size=3), st.lists(values, max_size=3))
def test_spans(
    opened: Opened, value: dict[str, Any], input: Any, error: Any, tags: list[str], links: list[Any]
) -> None:
    """O3, O4, O7: every payload field, created alone, in a batch, and by an update."""
    given: dict[str, Any] = dict.fromkeys(SPAN_OBJECTS, value)
    given |= {"input": input, "output": [input], "error": error, "tags": tags, "links": links}

    async def run() -> None:
        observability = opened.store.observability
        await observability.create_span(span=span("t", "alone", **given))
        await observability.batch_create_spans(records=[span("t", id, **given) for id in ("x", "y")])
        await observability.batch_create_spans(records=[span("t", id) for id in ("one", "many")])
        await observability.update_span(trace_id="t", span_id="one", updates=given)
        await observability.batch_update_spans(records=[update("t", "many", **given), update("t", "x", name="x")])
        trace = await observability.get_trace(trace_id="t")
        assert trace is not None
        assert len(trace.spans) == 5
        for found in trace.spans:
            for name, expected in given.items():
                assert same(getattr(found, name), plain(expected)), (found.span_id, name)
        status = "running" if error is None else "error"
        assert (await observability.list_traces(filters={"status": status})).total == 5
        if tags:
            assert (await observability.list_traces(filters={"tags": tags})).total == 5
        light = await observability.list_traces_light()
        assert all(same(one.metadata, plain(value)) for one in light.spans)

    opened.runner.run(run())


def nested(depth: int, leaf: Any = None) -> Any:
    """Lists and objects within each other."""
    for level in range(depth):
        leaf = [leaf] if level % 2 else {"": leaf}
    return leaf


@pytest.mark.parametrize("payload", [nested(200, 10**400), nested(200, (1, -0.0)), nested(250, datetime.now(UTC))])
def test_deep_payloads(payload: Any, opened: Opened) -> None:
    """G8: nested far deeper than anybody's state; and what is too deep is refused, nothing written."""

    async def run() -> None:
        store = opened.store
        for value in (payload, nested(300), nested(100_000)):
            if value is payload:
                await write(store, value)
            else:
                with pytest.raises(ValidationError, match="nested"):
                    await write(store, value)
        assert same(await store.workflows.load_workflow_snapshot(**RUN), {"context": {}, "x": plain(payload)})
        found = await store.observability.get_span(trace_id="t", span_id="s")
        assert isinstance(found, Span)
        assert same(found.input, plain(payload))
        one = await store.scores.get_score_by_id(id="a")
        assert one is not None
        assert same(one.input, plain(payload))

    async def write(store: Store, value: Any) -> None:
        await store.workflows.persist_workflow_snapshot(**RUN, snapshot={"context": {}, "x": value})
        await store.scores.save_score(score=score("a", input=value))
        await store.observability.create_span(span=span("t", "s", input=value))

    opened.runner.run(run())


def test_what_was_read_can_be_written_again(opened: Opened) -> None:
    """W24: the engine persists what it loaded, after results that were as deep as is allowed."""

    async def run() -> None:
        workflows = opened.store.workflows
        await workflows.update_workflow_results(**RUN, step_id="s", result={"output": nested(200)})
        snapshot = await workflows.load_workflow_snapshot(**RUN)
        assert snapshot is not None
        await workflows.persist_workflow_snapshot(**RUN, snapshot=snapshot)
        assert await workflows.load_workflow_snapshot(**RUN) == snapshot

    opened.runner.run(run())
