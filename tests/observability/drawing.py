"""Hypothesis strategies for spans and filters: few values, so that filters match and ids collide."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from hypothesis import strategies as st

from mastra_store import Span, TraceFilter
from mastra_store.conformance.scenes import at

TRACES = ["t", "ｔ", "😀"]
SPAN_IDS = ["a", "B", "é", "ｅ", "😀"]
TYPES = ["agent_run", "tool_call", "generic"]
SECONDS = [0, 1, 1.001, 2]
WORDS = [None, "x", "x", "x", "X", "x "]
TAGS = ["", "a", "b", "A", "a'b"]
SCALARS = [None, True, False, 0, 1, 1.0, 0.5, -1, 2**53, 1e23, "", "1", "it's", "😀", "null"]
PAYLOADS: list[Any] = [
    None,
    *(value for value in SCALARS if value != 1e23),
    [],
    {},
    [1, None],
    {"k": None},
    "{}",
    "[1]",
    '"q"',
    "{",
    {"messages": []},
]
# Not 1e23, whose text differs from one JSON writer to another.
PAYLOADS += [[{"role": "user", "content": "hi"}], {"messages": [{"role": "user", "content": "x" * 101}]}]
OBJECTS = st.sampled_from(
    [
        *(None, {}),
        *({"k": value, "j": other} for value, other in zip(SCALARS, reversed(SCALARS), strict=True)),
        *({"k": value} for value in [*SCALARS, [], [1], {"k": 1}]),
        *({"j": 1}, {"j": True, "a.b": 1}, {"a.b": 1}, {"K": 1}),
    ]
)

FIELDS = TraceFilter.__struct_fields__
OTHERS = ("started_at", "ended_at", "trace_id", "span_type", "status", "has_child_error", "scope", "metadata", "tags")
TEXTS = tuple(name for name in FIELDS if name not in OTHERS)
"""Attributes that are filtered by equality alone."""


def texts_of(seed: int) -> dict[str, Any]:
    """A value for each of these attributes, all told by one number: much quicker to draw."""
    chosen = Random(seed).choices(WORDS, k=len(TEXTS))
    return dict(zip(TEXTS, chosen, strict=True))


def moments(optional: bool = False) -> st.SearchStrategy[Any]:
    """An instant among few, or none."""
    seconds: list[float | None] = [*SECONDS, *([None, None] if optional else [])]
    return st.sampled_from(seconds).map(lambda second: None if second is None else at(second))


SPANS = st.builds(
    lambda ids, texts, **fields: Span(trace_id=ids[0], span_id=ids[1], name="span", **texts_of(texts), **fields),
    st.tuples(st.sampled_from(TRACES), st.sampled_from(SPAN_IDS)),
    st.integers(0, 2**32),
    span_type=st.sampled_from(TYPES),
    started_at=moments(),
    ended_at=moments(optional=True),
    parent_span_id=st.sampled_from([*[None] * 6, *SPAN_IDS]),
    tags=st.none() | st.lists(st.sampled_from(TAGS), max_size=3),
    scope=OBJECTS,
    metadata=OBJECTS,
    input=st.sampled_from(PAYLOADS),
    error=st.sampled_from([None, None, None, *SCALARS]),
)
SETS = st.lists(SPANS, min_size=8, max_size=15, unique_by=lambda span: (span.trace_id, span.span_id))
RANGES = st.fixed_dictionaries(
    {},
    optional={
        "start": moments(),
        "end": moments(),
        "start_exclusive": st.booleans(),
        "end_exclusive": st.booleans(),
    },
)
WANTED = st.dictionaries(st.sampled_from(["k", "j"]), st.sampled_from(SCALARS), max_size=2)
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(TEXTS, st.sampled_from(["x", "x", "x", "X", "x ", "y"])),
    "started_at": RANGES,
    "ended_at": RANGES,
    "trace_id": st.sampled_from([*TRACES, "absent"]),
    "span_type": st.sampled_from([*TYPES, "absent"]),
    "status": st.sampled_from(["error", "running", "success"]),
    "has_child_error": st.booleans(),
    "scope": WANTED,
    "metadata": WANTED,
    "tags": st.lists(st.sampled_from(TAGS), max_size=2),
}
"""For every field of a filter, what it may ask for."""
FILTERS = st.lists(st.sampled_from(FIELDS), max_size=5, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: VALUES[name] for name in names})
)
"""Up to five conditions."""
PAGING = st.sampled_from([(0, None), (0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2), (0, 100), (9, 3)])
ORDERS = st.sampled_from(["started_at", "-started_at", "ended_at", "-ended_at"])
