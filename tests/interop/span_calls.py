"""Records and calls of the observability domain, as both sides take them."""

from __future__ import annotations

from typing import Any

from .python_side import Call, call
from .scenes import NOW, PYTHON, TYPESCRIPT, Read, Stage, at

# What @mastra/pg does not select, and so leaves out of what it answers.
NOT_BY_PG = frozenset(
    {
        *("requestContext", "experimentId", "entityVersionId", "parentEntityType", "parentEntityId"),
        *("parentEntityName", "parentEntityVersionId", "rootEntityType", "rootEntityId", "rootEntityName"),
        "rootEntityVersionId",
    }
)
TEXTS = (
    *("entityType", "entityId", "entityName", "entityVersionId", "parentEntityType", "parentEntityId"),
    *("parentEntityName", "parentEntityVersionId", "rootEntityType", "rootEntityId", "rootEntityName"),
    *("rootEntityVersionId", "userId", "organizationId", "resourceId", "runId", "sessionId", "threadId", "requestId"),
    *("experimentId", "environment", "serviceName", "source"),
)
OBJECTS = ("scope", "attributes", "metadata", "requestContext")
VALUES = ("input", "output", "error")


def span(trace_id: str, span_id: str, **fields: Any) -> dict[str, Any]:
    """A span as both sides take it; they read it with its times."""
    plain = dict.fromkeys(("parentSpanId", *TEXTS, *OBJECTS, "tags", "links", *VALUES))
    plain |= {"name": "a span", "spanType": "generic", "isEvent": False, "startedAt": at(1), "endedAt": at(2)}
    return {"traceId": trace_id, "spanId": span_id, **plain, **fields}


def create(given: dict[str, Any]) -> Call:
    """Its creation."""
    return call("observability", "createSpan", {"span": given})


def create_all(*given: dict[str, Any]) -> Call:
    """Their creation."""
    return call("observability", "batchCreateSpans", {"records": list(given)})


def update(given: dict[str, Any], **updates: Any) -> Call:
    """Its update."""
    return call("observability", "updateSpan", {**key(given), "updates": updates})


def update_all(*given: tuple[dict[str, Any], dict[str, Any]]) -> Call:
    """Their updates."""
    records = [{**key(one), "updates": updates} for one, updates in given]
    return call("observability", "batchUpdateSpans", {"records": records})


def delete(*trace_ids: str) -> Call:
    """The deletion of traces."""
    return call("observability", "batchDeleteTraces", {"traceIds": list(trace_ids)})


def key(given: dict[str, Any]) -> dict[str, Any]:
    """What names a span."""
    return {"traceId": given["traceId"], "spanId": given["spanId"]}


def as_stored(given: dict[str, Any]) -> dict[str, Any]:
    """The span with its times."""
    return {**given, "createdAt": NOW, "updatedAt": NOW}


def as_seen(given: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """What the packages answer for it."""
    left_out = NOT_BY_PG if stage.backend == "postgres" else ()
    return {name: value for name, value in as_stored(given).items() if name not in left_out}


def read_span(expected: dict[str, Any], stage: Stage) -> list[Read]:
    """The reads of one span by each side, and what they give."""
    asked = call("observability", "getSpan", key(expected))
    return [
        Read(asked, {"span": as_stored(expected)}, (PYTHON,)),
        Read(asked, {"span": as_seen(expected, stage)}, (TYPESCRIPT,)),
    ]


def read_trace(stage: Stage, *expected: dict[str, Any]) -> list[Read]:
    """The reads of the whole trace of some spans by each side, and what they give."""
    trace_id = expected[0]["traceId"]
    asked = call("observability", "getTrace", {"traceId": trace_id})
    return [
        Read(asked, {"traceId": trace_id, "spans": [as_stored(one) for one in expected]}, (PYTHON,)),
        Read(asked, {"traceId": trace_id, "spans": [as_seen(one, stage) for one in expected]}, (TYPESCRIPT,)),
    ]


def no_trace(trace_id: str) -> Read:
    """The read of a trace that is not there."""
    return Read(call("observability", "getTrace", {"traceId": trace_id}), None)
