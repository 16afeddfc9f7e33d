"""What checks of spans build before they look: spans of the past, filled to the brim or bare, and ways to list them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, TypeAlias

from msgspec.structs import asdict

from ..domains import ObservabilityStorage
from ..records import LightSpan, Span, SpanUpdate
from .expect import ensure
from .scenes import Names, at

Lister: TypeAlias = Callable[..., Awaitable[Any]]

TEXTS = (
    "entity_type",
    "entity_id",
    "entity_name",
    "entity_version_id",
    "parent_entity_type",
    "parent_entity_id",
    "parent_entity_name",
    "parent_entity_version_id",
    "root_entity_type",
    "root_entity_id",
    "root_entity_name",
    "root_entity_version_id",
    "user_id",
    "organization_id",
    "resource_id",
    "run_id",
    "session_id",
    "thread_id",
    "request_id",
    "experiment_id",
    "environment",
    "service_name",
    "source",
)
"""Attributes that hold a string or nothing; lists filter by each of them."""
OWNERS = ("user_id", "organization_id", "resource_id")
OBJECTS = ("scope", "attributes", "metadata", "request_context")
ANY_JSON = ("input", "output", "error")
NULLABLE = ("ended_at", "parent_span_id", *TEXTS, *OBJECTS, "tags", "links", *ANY_JSON)
BRANCH_TYPES = (
    "agent_run",
    "workflow_run",
    "processor_run",
    "scorer_run",
    "rag_ingestion",
    "tool_call",
    "mcp_tool_call",
    "mcp_server_request",
    "provider_tool_call",
)
"""Types of spans that ``list_branches`` lists (O27)."""
KNOWN_SPAN_TYPES = {
    *BRANCH_TYPES,
    *("classifier_evaluation", "scorer_step", "generic", "model_generation", "model_step", "model_inference"),
    *("model_chunk", "client_tool_call", "workflow_step", "workflow_conditional", "workflow_conditional_eval"),
    *("workflow_parallel", "workflow_loop", "workflow_sleep", "workflow_wait_event", "memory_operation"),
    *("workspace_action", "rag_embedding", "rag_vector_operation", "rag_action", "graph_action", "mapping"),
    *("skill_resolution", "skill_action", "agent_signal"),
}
KNOWN_ENTITY_TYPES = {
    *("agent", "scorer", "rag_ingestion", "trajectory", "input_processor", "input_step_processor", "output_processor"),
    *("output_step_processor", "tool_result_processor", "workflow_step", "tool", "mcp_server", "workflow_run"),
    "memory",
}
DEFAULT_TYPE = BRANCH_TYPES[0]
LISTS = {"LIST_TRACES": "list_traces", "LIST_TRACES_LIGHT": "list_traces_light", "LIST_BRANCHES": "list_branches"}
"""The list methods by their error prefix."""


def a_span(names: Names, name: str, second: float = 0, /, *, trace: str = "t", **fields: Any) -> Span:
    """A running root span of the past, of an organization that no other check uses; every list shows it."""
    values = {"name": name, "span_type": DEFAULT_TYPE, "started_at": at(second), "organization_id": names("org")}
    return Span(**{"trace_id": names(trace), "span_id": names(name), **values, **fields})


def child(names: Names, name: str, parent: str | None, second: float = 0, /, **fields: Any) -> Span:
    """A span below another one of its trace; without a parent a root."""
    parent_span_id = None if parent is None else names(parent)
    return a_span(names, name, second, parent_span_id=parent_span_id, **fields)


def filled(names: Names, name: str, mark: str = "one", /, **fields: Any) -> Span:
    """A span with a value of its own in every attribute; another mark makes all of them differ."""
    second = len(mark)
    values: dict[str, Any] = {
        **{text: names(f"{mark} {text}") for text in TEXTS},
        **{text: {mark: [text, None, True, second, 0.5]} for text in OBJECTS},
        **{text: [{mark: text}] for text in ANY_JSON},
        "name": f"{mark} {name}",
        "span_type": f"{mark}_type",
        "is_event": mark == "one",
        "ended_at": at(second + 0.125),
        "parent_span_id": names(f"{mark} parent"),
        "tags": [mark, "tag"],
        "links": [{"traceId": mark}, mark],
    }
    return a_span(names, name, second, **{**values, **fields})


async def put(storage: ObservabilityStorage, *spans: Span) -> None:
    """Store some spans."""
    await storage.batch_create_spans(records=spans)


async def saved_span(
    storage: ObservabilityStorage, names: Names, name: str, second: float = 0, /, **fields: Any
) -> Span:
    """A stored span of the past, as it is read back."""
    span = a_span(names, name, second, **fields)
    await storage.create_span(span=span)
    return await stored(storage, span)


async def stored(storage: ObservabilityStorage, span: Span | LightSpan) -> Span:
    """The stored span with the ids of this one, which must be there."""
    found = await storage.get_span(trace_id=span.trace_id, span_id=span.span_id)
    ensure(found, f"span {span.span_id!r} of trace {span.trace_id!r} should be there")
    return found  # type: ignore[return-value]


async def update(storage: ObservabilityStorage, span: Span, /, **updates: Any) -> Span:
    """Update a stored span and read it back."""
    await storage.update_span(trace_id=span.trace_id, span_id=span.span_id, updates=updates)
    return await stored(storage, span)


def an_update(span: Span, /, **updates: Any) -> SpanUpdate:
    """An update of this span, for a batch."""
    return SpanUpdate(trace_id=span.trace_id, span_id=span.span_id, updates=updates)


def written(span: Span) -> dict[str, Any]:
    """What a caller gave: all attributes but the two times that the storage sets."""
    return {name: getattr(span, name) for name in Span.__struct_fields__ if name not in ("created_at", "updated_at")}


def differing(one: Any, other: Any) -> list[str]:
    """Names of the attributes in which two records differ."""
    left, right = asdict(one), asdict(other)
    return sorted(name for name in left if left[name] != right.get(name))


def trace_names(names: Names, spans: Iterable[Any]) -> list[str]:
    """Short names of the traces of spans, in the spans' order."""
    return names.short(span.trace_id for span in spans)


async def names_in(storage: ObservabilityStorage, names: Names, trace: str = "t") -> list[str]:
    """Short names of the spans of a trace as stored, in order; none when there is no such trace."""
    found = await storage.get_trace(trace_id=names(trace))
    return names.short(found.spans) if found else []


async def root_in(storage: ObservabilityStorage, names: Names, trace: str = "t") -> str:
    """Short name of the root of a trace as stored, nothing when it has none."""
    found = await storage.get_root_span(trace_id=names(trace))
    return names.short([found])[0] if found else ""


def rows_of(page: Any) -> list[Any]:
    """The spans of a page, whatever it lists."""
    rows: list[Any] = page.branches if hasattr(page, "branches") else page.spans
    return rows


def lists_of(storage: ObservabilityStorage) -> dict[str, Lister]:
    """The list methods by error prefix, free to be called with arguments of wrong types."""
    return {prefix: getattr(storage, method) for prefix, method in LISTS.items()}


def lists_within(storage: ObservabilityStorage, names: Names) -> dict[str, Lister]:
    """The list methods by error prefix, limited to the organization that ``a_span`` puts its spans into."""
    return {prefix: partial(_list_within, lister, names("org")) for prefix, lister in lists_of(storage).items()}


async def _list_within(lister: Lister, organization: str, **arguments: Any) -> Any:
    filters = {"organization_id": organization, **arguments.pop("filters", {})}
    return await lister(filters=filters, **arguments)


async def found_by(storage: ObservabilityStorage, names: Names, **filters: Any) -> list[str]:
    """Short names of the spans that every list finds by these filters within the organization, oldest first.

    The lists must agree, in rows and total; a filter on children is left out where it is none.
    """
    found = {}
    for prefix, lister in lists_within(storage, names).items():
        if prefix != "LIST_BRANCHES" or "has_child_error" not in filters:
            page = await lister(filters=filters, per_page=None, order_by="started_at")
            found[prefix] = names.short(rows_of(page))
            ensure(page.total == len(found[prefix]), f"{prefix} by {filters}: total {page.total} of {found[prefix]}")
    first = next(iter(found.values()))
    ensure(all(one == first for one in found.values()), f"the lists disagree on {filters}: {found}")
    return first
