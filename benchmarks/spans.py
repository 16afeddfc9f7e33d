"""Spans: those that are stored before anything is measured, and those that are saved.

Every trace is a tree of the same form: an agent's run above model calls, tool calls and smaller steps. Of each kind of
step there are some payloads, between a few and two thousand characters long.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from .words import hexadecimal, sentence

TRACES, IN_TRACE = 400, 12
LONG_TRACES, IN_LONG_TRACE = 4, 500
BATCH, IN_SAVED_TRACE = 100, 25
_START = datetime(2026, 3, 1, tzinfo=UTC)
_LONG_START = datetime(2026, 2, 1, tzinfo=UTC)
_SAVED_AT = datetime(2027, 1, 1, tzinfo=UTC)
_PAYLOADS = 16
_SPREAD = 0x9E3779B1
_SLIM: tuple[Any, Any, Any] = ({"model": "example-1"}, {"text": "a"}, {"text": "b"})
_ENVIRONMENTS = ("production", "staging", "test")
_SERVICES = ("chat", "search", "billing", "reports")
_KINDS = ("model_generation", "model_step", "tool_call", "memory_operation", "processor_run", "model_chunk")


class SpanRow(NamedTuple):
    """All that the caller decides about a span; what differs from batch to batch stands first."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    started_at: datetime
    ended_at: datetime | None
    name: str
    span_type: str
    is_event: bool
    entity_type: str | None
    entity_id: str | None
    entity_name: str | None
    entity_version_id: str | None
    parent_entity_type: str | None
    parent_entity_id: str | None
    parent_entity_name: str | None
    parent_entity_version_id: str | None
    root_entity_type: str | None
    root_entity_id: str | None
    root_entity_name: str | None
    root_entity_version_id: str | None
    user_id: str | None
    organization_id: str | None
    resource_id: str | None
    run_id: str | None
    session_id: str | None
    thread_id: str | None
    request_id: str | None
    experiment_id: str | None
    environment: str | None
    service_name: str | None
    source: str | None
    scope: dict[str, Any] | None
    attributes: dict[str, Any] | None
    metadata: dict[str, Any] | None
    request_context: dict[str, Any] | None
    tags: list[str] | None
    links: list[Any] | None
    input: Any
    output: Any
    error: Any

    @property
    def status(self) -> str:
        """As lists of traces tell it."""
        return "error" if self.error is not None else "running" if self.ended_at is None else "success"


JSON_FIELDS = ("scope", "attributes", "metadata", "request_context", "tags", "links", "input", "output", "error")
_CHANGING = 5
"""How many fields of a row differ from batch to batch."""


def stored_spans() -> Iterator[SpanRow]:
    """Several hundred traces, and some with 500 spans, which are older."""
    for trace in range(LONG_TRACES):
        yield from trace_spans(long_trace_id(trace), trace, IN_LONG_TRACE, _LONG_START + timedelta(hours=trace))
    for trace in range(TRACES):
        yield from trace_spans(trace_id(trace), trace, IN_TRACE, _START + timedelta(minutes=trace))


def many_spans(spans: int) -> Iterator[SpanRow]:
    """So many spans in traces of 25, for plans: what counts is how often a value occurs."""
    for trace in range(spans // IN_SAVED_TRACE):
        yield from trace_spans(trace_id(trace), trace, IN_SAVED_TRACE, _START + timedelta(minutes=trace), slim=True)


def trace_id(trace: int) -> str:
    """A trace."""
    return hexadecimal(f"trace-{trace}")


def long_trace_id(trace: int) -> str:
    """A trace with 500 spans."""
    return hexadecimal(f"long-{trace}")


def long_trace(id: str) -> list[SpanRow]:
    """Its spans, oldest first."""
    trace = next(number for number in range(LONG_TRACES) if long_trace_id(number) == id)
    return list(trace_spans(id, trace, IN_LONG_TRACE, _LONG_START + timedelta(hours=trace)))


def newest_roots(count: int) -> list[SpanRow]:
    """The roots of the newest traces, newest first."""
    traces = range(TRACES - 1, TRACES - 1 - count, -1)
    return [next(trace_spans(trace_id(number), number, 1, _START + timedelta(minutes=number))) for number in traces]


def roots_count() -> int:
    """How many traces there are."""
    return TRACES + LONG_TRACES


def stored_count() -> int:
    """How many spans there are."""
    return TRACES * IN_TRACE + LONG_TRACES * IN_LONG_TRACE


def new_spans(first: int) -> list[SpanRow]:
    """A hundred spans in four traces, never saved before, as long as ``first`` moves on by hundreds."""
    shift = timedelta(milliseconds=first)
    rows = []
    for number, (parent, started, ended, rest) in enumerate(_templates(), start=first):
        trace = saved_id(number // IN_SAVED_TRACE)
        above = None if parent is None else saved_id(number - parent)
        rows.append(SpanRow._make((trace, saved_id(number), above, started + shift, ended + shift, *rest)))
    return rows


def templates() -> list[dict[str, Any]]:
    """What a contestant in another language makes the same spans of; times are milliseconds since 1970."""
    names = SpanRow._fields[_CHANGING:]
    return [
        {
            "parent": parent,
            "started": millis(started),
            "ended": millis(ended),
            "rest": dict(zip(names, rest, strict=True)),
        }
        for parent, started, ended, rest in _templates()
    ]


def saved_traces(first: int) -> list[str]:
    """The traces of a batch."""
    return [saved_id(first // IN_SAVED_TRACE + number) for number in range(BATCH // IN_SAVED_TRACE)]


def saved_id(number: int) -> str:
    """Neighbours in time lie apart in an index, as random ids do."""
    return f"saved-{number * _SPREAD & 0xFFFFFFFF:08x}"


def trace_spans(id: str, trace: int, count: int, start: datetime, *, slim: bool = False) -> Iterator[SpanRow]:
    """The spans of a trace, oldest first; ``slim`` ones have small payloads."""
    common = _common(trace)
    for place in range(count):
        started = start + timedelta(milliseconds=10 * place)
        ended = None if place == 0 and trace % 11 == 5 else started + timedelta(milliseconds=5 + place % 40)
        above = None if place == 0 else hexadecimal(f"{id}-{(place - 1) // 3}", 16)
        yield SpanRow._make(
            (
                id,
                hexadecimal(f"{id}-{place}", 16),
                above,
                started,
                ended,
                *_own(trace, place),
                *common,
                *_payload_fields(trace, place, slim),
            )
        )


@cache
def _templates() -> list[tuple[int | None, datetime, datetime, tuple[Any, ...]]]:
    """How far back the parent is, start, end, and all that does not change."""
    found = []
    for number in range(BATCH):
        trace, place = divmod(number, IN_SAVED_TRACE)
        started = _SAVED_AT + timedelta(milliseconds=number)
        parent = None if place == 0 else place - (place - 1) // 3
        rest = (*_own(trace, place), *_common(trace), *_payload_fields(trace, place, slim=False))
        found.append((parent, started, started + timedelta(milliseconds=5 + place), rest))
    return found


def _kind(place: int) -> str:
    return "agent_run" if place == 0 else _KINDS[(place - 1) % len(_KINDS)]


def _own(trace: int, place: int) -> tuple[Any, ...]:
    """From ``name`` to ``parent_entity_version_id``."""
    kind, agent = _kind(place), ("agent", f"agent-{trace % 7}", f"Agent {trace % 7}", f"version-{trace % 5}")
    nobody = (None, None, None, None)
    if kind == "agent_run":
        return (f"agent run: agent-{trace % 7}", kind, False, *agent, *nobody)
    tool = ("tool", f"tool-{place % 9}", f"Tool {place % 9}", None) if kind == "tool_call" else nobody
    return (f"{kind} {place % 9}", kind, kind == "model_chunk", *tool, *agent)


def _common(trace: int) -> tuple[Any, ...]:
    """From ``root_entity_type`` to ``scope``."""
    return (
        "agent",
        f"agent-{trace % 7}",
        f"Agent {trace % 7}",
        f"version-{trace % 5}",
        f"user-{trace % 97}",
        f"org-{trace % 13}",
        f"resource-{trace % 61}",
        f"run-{trace}",
        f"session-{trace // 4}",
        f"thread-{trace // 3}",
        f"request-{trace}",
        f"experiment-{trace % 3}" if trace % 50 == 0 else None,
        _ENVIRONMENTS[trace % 3],
        _SERVICES[trace % 4],
        "cloud" if trace % 2 else "local",
        {"name": "@mastra/core", "version": f"1.{trace % 3}"},
    )


def _payload_fields(trace: int, place: int, slim: bool) -> tuple[Any, ...]:
    """From ``attributes`` to ``error``."""
    kind = _kind(place)
    metadata = {"tenant": f"tenant-{trace % 17}", "attempt": trace % 3, "cached": trace % 2 == 0}
    tags = [f"tag-{trace % 6}", f"tag-{6 + trace % 4}"] if place == 0 else None
    context = {"locale": "en", "plan": "free"} if place == 0 else None
    failed = (place == 3 and trace % 20 == 7) or (place == 0 and trace % 40 == 7)
    error = {"message": "the tool did not answer", "id": "TOOL_TIMEOUT", "details": {"after": 30}} if failed else None
    given = (
        ({"model": "example-1"}, {"text": "a"}, {"text": "b"}) if slim else _payloads(kind)[(trace + place) % _PAYLOADS]
    )
    return (given[0], metadata, context, tags, None, given[1], given[2], error)


@cache
def _payloads(kind: str) -> list[tuple[Any, Any, Any]]:
    """Attributes, inputs and outputs of a kind of step."""
    return [_MAKERS.get(kind, _small)(random.Random(f"{kind}-{number}")) for number in range(_PAYLOADS)]


def _run(chance: random.Random) -> tuple[Any, Any, Any]:
    """About 600 characters in, 1,000 out."""
    question = {"role": "user", "content": [{"type": "text", "text": sentence(chance, 80)}]}
    attributes = {"agentId": "agent", "maxSteps": 10, "instructions": sentence(chance, 30)}
    return attributes, {"messages": [question]}, {"text": sentence(chance, 150), "files": [], "steps": 3}


def _generation(chance: random.Random) -> tuple[Any, Any, Any]:
    """About 2,000 characters in, 700 out."""
    roles = ("system", "user", "assistant", "user")
    messages = [{"role": role, "content": sentence(chance, 75)} for role in roles]
    usage = {"inputTokens": chance.randrange(900), "outputTokens": chance.randrange(500), "cached": 0}
    attributes = {"model": "example-1", "provider": "example", "parameters": {"temperature": 0.7}, "usage": usage}
    return attributes, {"messages": messages}, {"text": sentence(chance, 100), "finishReason": "stop", "toolCalls": []}


def _tool(chance: random.Random) -> tuple[Any, Any, Any]:
    """A small question, an answer of about 1,000 characters."""
    days = [{"day": day, "text": sentence(chance, 15), "high": chance.randrange(30)} for day in range(9)]
    return {"toolType": "tool", "success": True}, {"city": sentence(chance, 2), "days": 9}, {"forecast": days}


def _chunk(chance: random.Random) -> tuple[Any, Any, Any]:
    """Hardly anything."""
    return {"chunkType": "text", "sequenceNumber": chance.randrange(99)}, None, {"text": sentence(chance, 8)}


def _small(chance: random.Random) -> tuple[Any, Any, Any]:
    """Some 200 characters."""
    return {"stepIndex": chance.randrange(9)}, {"query": sentence(chance, 12)}, {"found": sentence(chance, 15)}


_MAKERS: dict[str, Callable[[random.Random], tuple[Any, Any, Any]]] = {
    "agent_run": _run,
    "model_generation": _generation,
    "tool_call": _tool,
    "model_chunk": _chunk,
}


def millis(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return round(moment.timestamp() * 1000)
